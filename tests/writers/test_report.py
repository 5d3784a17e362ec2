"""The report: everything is said, nothing is fetched, nothing is let through unescaped."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.errors import WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.provenance import Source, digest
from hilum.scoring.film_lesions import OUTSIDE
from hilum.writers.display import display
from hilum.writers.overlay import draw
from hilum.writers.report import render_report

from .pages import LIMITS, Page, require_alone, require_readable_aloud, require_scores, require_well_formed


def report(case, limits=LIMITS) -> str:
    shown = display(case)
    return render_report(case, shown.film, draw(case, shown), limits)


@pytest.fixture(scope="module")
def html(case) -> str:
    return report(case)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_it_is_one_well_formed_page(page, html):
    require_well_formed(page, html)


def test_nothing_is_fetched_and_nothing_runs(page, html):
    require_alone(page, html)


def test_the_pictures_are_inside(case, page):
    shown = display(case)
    film, overlay = (
        Picture.open(io.BytesIO(base64.b64decode((image["src"] or "").split(",")[1]))) for image in page.all("img")
    )
    assert (film.mode, overlay.mode) == ("L", "RGB")
    assert film.size == overlay.size == shown.film.shape[::-1]
    assert np.abs(np.asarray(film).astype(int) - shown.film).mean() < 2
    assert np.abs(np.asarray(overlay).astype(int) - draw(case, shown)).mean() < 3


def test_it_can_be_read_without_seeing(page):
    require_readable_aloud(page)
    labelled = {section.get("aria-labelledby") for section in page.all("section")} - {None}
    assert labelled == {attributes["id"] for _, attributes in page.elements if "id" in attributes}


def test_what_it_says(case, page):
    text = page.text
    assert "For research use only. Not a medical device." in text
    assert "case-1" in text
    require_scores(case, text)
    assert "Brixia score estimated 6 of 18" in text
    assert f"Six-zone score {case.scores['six-zone'].value:.0f} of 6" in text
    assert "93 % probability" in text
    assert "It reaches the threshold of 40 %, from which on lesions are drawn" in text
    assert "Nothing: every score has a value." in text
    assert "more than 31 % of its area has opacity" in text
    assert all(sentence in text for sentence in LIMITS["lesion-network"])
    assert "ab" * 32 in text
    assert "lesion-network 2.1" in text
    assert "ef" * 32 in text
    assert "thresholds.opacity = 0.41" in text
    assert 'output.masks = ["png"]' in text
    assert digest(case.provenance) in text


def test_no_identifiers_of_the_study(html):
    assert "1.2.3.4" not in html


def test_zones_lie_like_the_lungs(case, html):
    rows = re.findall(r"<tr>\s*<td class=\"zone right (\w+)\".*?<td class=\"zone left (\w+)\".*?</tr>", html, re.DOTALL)
    assert rows == [("upper", "upper"), ("middle", "middle"), ("lower", "lower")]
    shares = [float(text) for text in re.findall(r"--tint: ([\d.]+)", html)]
    parts = case.scores["opacity-percent"].parts
    wanted = [0.0062 * parts[f"{side}-{level}"] for level in ("upper", "middle", "lower") for side in ("right", "left")]
    assert shares == pytest.approx(wanted, abs=1e-3)
    assert html.count("● affected") == case.scores["six-zone"].value


def test_a_zone_that_counts_by_the_networks_evidence(case):
    six = replace(case.scores["six-zone"], method="zone-evidence", settings={"threshold": 0.46})
    text = Page(report(replace(case, scores={**case.scores, "six-zone": six}))).text
    assert "evidence for it, on a scale from 0 to 1, is above 0.46" in text


def test_zones_that_readers_are_expected_to_count(case):
    six = replace(case.scores["six-zone"], method="zone-evidence", settings={"threshold": 0.25, "spread": 0.15})
    text = Page(report(replace(case, scores={**case.scores, "six-zone": six}))).text
    assert "the number of zones that readers are expected to count" in text
    assert "Half of them count a zone of which 25 % has opacity, faint opacity below what is drawn included" in text
    shares = replace(six, method="opacity-share")
    text = Page(report(replace(case, scores={**case.scores, "six-zone": shares}))).text
    assert "Half of them count a zone of which 25 % has opacity." in text


def test_spacing_says_where_it_holds(make_case, page):
    assert "0.15 × 0.2 mm at the detector" in Page(report(make_case(spacing_mm=(0.2, 0.15)))).text
    assert "Pixel spacing not stated" in page.text


def test_a_case_without_scores(case):
    text = Page(report(replace(case, scores={}))).text
    assert "A zone is affected" not in text
    assert text.count("not measured Brixia –") == 6


def test_what_was_not_measured_says_why(make_case):
    page = Page(report(make_case(lungs=(1,), disease=NotMeasured("there was too little to see"))))
    assert "Not measured There was too little to see." in page.text
    assert "The left lung was not found: Six-zone score" in page.text
    assert page.text.count("not measured Brixia –") == 3
    assert "every score has a value" not in page.text


def test_no_lung_at_all(make_case):
    page = Page(report(make_case(lungs=())))
    assert "No lung was found." in page.text
    assert page.open == []


def test_a_healthy_film(make_case, case):
    page = Page(report(make_case(with_lesions=False, disease=replace(case.disease, probability=0.04))))
    assert "below the threshold of 40 %, so no lesion was drawn" in page.text
    assert "does not rule out disease" in page.text
    assert page.text.count("○ not affected") == 6


def test_the_single_lesions(make_case, case, page):
    first, second = case.instances
    assert "Connected parts of what is drawn as a lesion, the largest first." in page.text
    share = 100 * first.pixels / case.lesions.array.size
    assert f"1 Opacity Right lower {share:.1f} % of the film 0 % –" in page.text
    assert "2 Opacity Left lower" in page.text
    assert "100 % –" in page.text[page.text.index("2 Opacity Left lower") :]
    calibrated = make_case(spacing_mm=(2.0, 3.0))
    assert f"Right lower {first.pixels * 6 / 100:.1f} cm² 0 %" in Page(report(calibrated)).text
    seen = replace(first, score=0.876, zone=OUTSIDE, side=OUTSIDE, method="detector")
    text = Page(report(replace(case, instances=(seen, *[second] * 9)))).text
    assert "the most certain first; outlines and scores are not its. And 2 more, which result.json lists." in text
    assert re.search(r"1 Opacity Outside both lungs [\d.]+ % of the film 0 % 0\.88", text)


def test_no_lesions_and_no_certainties_of_all_or_nothing(make_case, case):
    text = Page(report(make_case(with_lesions=False, disease=replace(case.disease, probability=0.002)))).text
    assert "Single lesions None was found." in text
    assert "< 1 % probability" in text
    assert "> 99 % probability" in Page(report(make_case(disease=replace(case.disease, probability=0.9994)))).text


def test_findings_are_shown_with_their_gravity(make_case, page):
    found = (
        Finding("cropped-lungs", Gravity.WARNING, "The lungs are cut off."),
        Finding("small", Gravity.NOTE, "The film is small."),
    )
    noted = Page(report(make_case(findings=found)))
    assert "Warning. The lungs are cut off. cropped-lungs" in noted.text
    assert "Note. The film is small. small" in noted.text
    assert {"class": "warning"} in noted.all("li")
    assert "Please note" not in page.text


def test_everything_is_escaped(make_case, page):
    evil = "<script>alert(1)</script>\"'&"
    case = make_case("x", findings=(Finding("evil", Gravity.NOTE, evil),), disease=NotMeasured(evil))
    source = Source(evil, "ab" * 32)
    origin = replace(case.provenance, inputs=(source,), settings={evil: evil})
    case = replace(case, name=evil, provenance=origin, image=replace(case.image, origin=source, view=evil))
    made = Page(report(case, {evil: (evil,)}))
    assert made.open == []
    assert made.all("script") == []
    assert {tag for tag, _ in made.elements} <= {tag for tag, _ in page.elements} | {"ul", "li"}
    assert made.text.count("<script>alert(1)</script>") >= 7


def test_the_same_case_gives_the_same_page(case, html):
    assert report(case) == html


def test_a_volume_is_refused(case):
    grid = VolumeGrid.of_spacing((2, 3, 4), (1.0, 1.0, 1.0))
    volume = Image(np.zeros((2, 3, 4), np.int16), grid, Quantity.HOUNSFIELD, case.image.origin)
    shown = display(case)
    with pytest.raises(WrongQuantity):
        render_report(replace(case, image=volume), shown.film, draw(case, shown), {})
