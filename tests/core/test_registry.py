"""Names to things, strictly."""

from __future__ import annotations

import pytest

from hilum.errors import UnknownName
from hilum.registry import Registry, unknown


@pytest.fixture
def scores():
    made = Registry("score")
    made.add("six-zone")(6)
    made.add("brixia")(18)
    return made


def test_entries_come_in_the_order_in_which_they_were_added(scores):
    assert scores.names() == tuple(scores) == ("six-zone", "brixia")
    assert len(scores) == 2
    assert [scores[name] for name in scores] == [6, 18]


def test_membership(scores):
    assert "brixia" in scores
    assert "brixias" not in scores
    assert 6 not in scores


def test_the_decorator_gives_back_what_it_enters(scores):
    @scores.add("area")
    def area():
        return 1

    assert scores["area"] is area
    assert area() == 1


def test_a_clash_is_an_error_and_changes_nothing(scores):
    with pytest.raises(ValueError, match=r"there is a score named 'brixia' already"):
        scores.add("brixia")(0)
    assert scores["brixia"] == 18


def test_a_miss_names_the_nearest(scores):
    with pytest.raises(UnknownName) as caught:
        scores["brixai"]
    assert str(caught.value) == "No score named 'brixai'. Did you mean 'brixia'? Known: six-zone, brixia."


def test_a_miss_far_from_everything_names_all(scores):
    with pytest.raises(UnknownName) as caught:
        scores["zzz"]
    assert str(caught.value) == "No score named 'zzz'. Known: six-zone, brixia."


def test_nothing_is_known():
    assert unknown("model", "lungs", []) == "No model named 'lungs'. Known: none."


def test_many_names_do_not_bury_the_nearest():
    names = [f"name-{number:02}" for number in range(21)]
    assert unknown("model", "nam-07", names) == "No model named 'nam-07'. Did you mean 'name-07'?"
    assert unknown("model", "nam-07", names[:20]).endswith("name-19.")
    assert unknown("model", "lungs", names).endswith("name-20.")
