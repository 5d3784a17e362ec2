"""Numbers and names for people."""

from dataclasses import replace

import pytest

from hilum.measurement import NotMeasured
from hilum.writers.captions import caption, colours, number, score_line


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.0, "points", "3"),
        (3.5, "points", "3.5"),
        (0.0, "%", "0 %"),
        (0.01, "%", "< 0.1 %"),
        (0.05, "%", "0.1 %"),
        (3.64, "%", "3.6 %"),
        (9.97, "%", "10 %"),
        (55.2, "%", "55 %"),
        (100.0, "%", "100 %"),
        (NotMeasured("the left lung was not found"), "%", "–"),
    ],
)
def test_numbers(value, unit, text):
    assert number(value, unit) == text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ground-glass", "Ground-glass"),
        ("right-lung", "Right lung"),
        ("left-upper", "Left upper"),
        ("effusion", "Effusion"),
    ],
)
def test_names(name, words):
    assert caption(name) == words


def test_only_structures_that_are_there_have_a_colour(case, make_case):
    assert [name for name, _ in colours(case)] == ["Right lung", "Left lung", "Ground-glass", "Consolidation"]
    assert [name for name, _ in colours(make_case(lungs=(2,), with_lesions=False))] == ["Left lung"]
    assert colours(make_case(lungs=())) == []


def test_scores_in_a_line(case, make_case):
    six, brixia, extent, opacity = score_line(case)
    assert six == f"Six-zone {case.scores['six-zone'].value:.0f}/6"
    assert brixia == "Brixia 6/18 (est.)"
    assert extent == f"Extent {case.scores['geographic-extent'].value:.0f}/8"
    assert opacity.startswith("Opacity ")
    assert opacity.endswith(" %")
    assert score_line(make_case(lungs=(1,))) == ["Scores not measured"]
    absent = replace(case.scores["brixia"], value=NotMeasured("no network"))
    some = replace(case, scores={"six-zone": case.scores["six-zone"], "brixia": absent})
    assert score_line(some) == [six, "Not measured: Brixia"]
