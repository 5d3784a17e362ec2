"""The report of a CT: everything is said, nothing is fetched, nothing is let through unescaped."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.errors import WrongQuantity
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.provenance import Source, digest
from hilum.writers.report import render_volume_report
from hilum.writers.report.histogram import HEIGHT, WIDTH, density_histogram
from hilum.writers.report.volume import AXIAL, CORONAL, MOST_INSTANCES

from .pages import LIMITS, Page, require_alone, require_readable_aloud, require_scores, require_well_formed


def report(case, limits=LIMITS) -> str:
    return render_volume_report(case, limits)


@pytest.fixture(scope="module")
def html(ct) -> str:
    return report(ct)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_it_is_one_well_formed_page(page, html):
    require_well_formed(page, html)


def test_nothing_is_fetched_and_nothing_runs(page, html):
    require_alone(page, html)


def test_the_light_box(page):
    pictures = [image["src"] or "" for image in page.all("img")]
    assert len(pictures) == 2 * (AXIAL + CORONAL)
    opened = [Picture.open(io.BytesIO(base64.b64decode(text.split(",")[1]))) for text in pictures]
    assert {picture.mode for picture in opened[::2]} == {"L"}
    assert {picture.mode for picture in opened[1::2]} == {"RGBA"}
    assert all(film.size == drawn.size for film, drawn in zip(opened[::2], opened[1::2], strict=True))
    assert max(np.asarray(drawn)[..., 3].max() for drawn in opened[1::2]) > 200
    places = [int(number) for number in re.findall(r"Axial cut, Slice (\d+) of", str(page.elements))]
    assert places == sorted(places, reverse=True)
    assert len(places) == AXIAL


def test_it_can_be_read_without_seeing(page):
    require_readable_aloud(page)
    labelled = {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert labelled | {"outlines"} == set(ids)
    assert len(ids) == len(set(ids))


def test_what_it_says(ct, page):
    text = page.text
    assert "For research use only. Not a medical device." in text
    assert "Chest CT, severity of lung opacity" in text
    assert "Voxel size 6 × 6 × 8 mm" in text
    require_scores(ct, text)
    assert f"CT severity score (0-25) {ct.scores['ct-severity-25'].value:.0f} of 25" in text
    assert "Nothing: every score has a value." in text
    assert "Pleural effusion: 120 ml on the right and 0 ml on the left" in text
    assert all(sentence in text for sentence in LIMITS["lesion-network"])
    assert "lesion-network 2.1" in text
    assert 'ct.preset = "standard"' in text
    assert digest(ct.provenance) in text


def test_no_identifiers_of_the_study(html):
    assert "1.2.3.4" not in html


def test_the_table_of_measures(ct, page):
    volume = ct.measures.find("volume", "right", "lung")
    assert re.search(rf"Right lung {volume:.0f} ± \d+ −\d+ 180 ± \d+ 0 ", page.text)
    assert re.search(r"Left lower lobe \d+ ± \d+ −\d+ 0 90 ± \d+", page.text)


def test_the_thirds_lie_like_the_lungs(ct, html):
    rows = re.findall(r"<tr>\s*<td class=\"zone right (\w+)\".*?<td class=\"zone left (\w+)\".*?</tr>", html, re.DOTALL)
    assert rows == [("upper", "upper"), ("middle", "middle"), ("lower", "lower")]
    shares = [float(text) for text in re.findall(r"--tint: ([\d.]+)", html)]
    wanted = [
        0.0062 * ct.measures.find("share", f"{side}-{level}", "opacity")
        for level in ("upper", "middle", "lower")
        for side in ("right", "left")
    ]
    assert shares == pytest.approx(wanted, abs=1e-3)


def test_the_largest_lesions(ct, page):
    assert "Largest lesions" in page.text
    first = ct.measures.instances[0]
    assert f"1 {first.structure.capitalize()} Right" in page.text
    many = tuple(replace(first, number=n + 1, volume_ml=2.0) for n in range(MOST_INSTANCES + 3))
    text = Page(report(replace(ct, measures=replace(ct.measures, instances=many)))).text
    assert "And 3 smaller, 6.0 ml together." in text


def test_the_cross_check_stands_beside_the_network(ct, make_ct, page):
    assert "Both lungs, opacity" in page.text
    share = ct.measures.find("share", "both", "opacity")
    assert re.search(rf"Both lungs, opacity {share:.1f}\S* ± \S+ {share:.1f}", page.text)
    without = Page(report(make_ct(with_cross_check=False)))
    assert "This result has no second method" in without.text


class TestHistogram:
    def test_areas_are_volumes(self, ct):
        made = density_histogram(ct)
        (right,) = (curve.path for curve in made.curves if curve.key == "right")
        points = np.array([[float(n) for n in point.split()] for point in right[1:].split("L")])
        top = float(made.levels[-1][0].removesuffix(" ml"))
        volumes = (HEIGHT - points[:, 1]) / HEIGHT * top
        hu = ct.image.array[ct.lungs.array == 1]
        inside = np.count_nonzero((hu >= -1050) & (hu < 200)) * ct.image.volume.voxel_ml
        assert volumes.sum() == pytest.approx(inside, rel=0.01)
        middle = np.average(points[:, 0] / WIDTH * 1250 - 1050, weights=volumes)
        assert middle == pytest.approx(hu[(hu >= -1050) & (hu < 200)].mean(), abs=10)

    def test_the_bands_are_marked_with_their_shares(self, ct, html):
        made = density_histogram(ct)
        assert [band.name for band in made.bands] == ["emphysema", "inflated", "infiltrated", "collapsed", "vessels"]
        assert sum(band.width for band in made.bands) == pytest.approx(WIDTH, abs=0.5)
        share = ct.measures.find("hu-band", "both", "inflated")
        assert made.bands[1].share == f"{share:.0f} %"
        assert html.count('class="band"') == 5

    def test_numbers_that_are_none(self, ct):
        array = ct.image.array.astype(np.float32)
        array[::3] = np.nan
        array[1::3] = np.inf
        made = density_histogram(replace(ct, image=replace(ct.image, array=array)))
        assert not any(re.search("nan|inf", curve.path) for curve in made.curves)

    def test_why_there_is_none(self, make_ct):
        assert isinstance(density_histogram(make_ct(is_windowed=True)), NotMeasured)
        assert density_histogram(make_ct(with_lungs=False)) == NotMeasured("no lung was found")


def test_pictures_without_hounsfield_units(make_ct):
    text = Page(report(make_ct(is_windowed=True))).text
    assert "windowed pictures, not Hounsfield units" in text
    assert "Density of the lungs Not measured Densities take Hounsfield units" in text
    assert "Lung with high opacity" in text
    assert "This result has no second method" in text


def test_without_lobes(make_ct):
    page = Page(report(make_ct(with_lobes=False)))
    assert "It takes the lobes, and none were given" in page.text
    assert "Left lower lobe" not in page.text


def test_no_lung_at_all(make_ct):
    page = Page(report(make_ct(with_lungs=False, with_lobes=False)))
    assert "No lung was found." in page.text
    assert "Largest lesions None was found." in page.text
    assert page.open == []


def test_a_case_without_scores_and_measures(ct):
    page = Page(report(replace(ct, scores={}, measures=replace(ct.measures, table=(), instances=()))))
    assert page.open == []
    assert page.text.count("not measured") >= 6


def test_a_series_of_many_files(ct):
    files = tuple(Source(f"{n}.dcm", f"{n:064x}") for n in range(300))
    origin = replace(ct.provenance, inputs=files)
    text = Page(report(replace(ct, provenance=origin, image=replace(ct.image, origin=origin)))).text
    assert "Input 300 files" in text
    assert "And 292 more files" in text


def test_everything_is_escaped(make_ct, page):
    evil = "<script>alert(1)</script>\"'&"
    case = make_ct("x", findings=(Finding("evil", Gravity.NOTE, evil),))
    source = Source(evil, "ab" * 32)
    origin = replace(case.provenance, inputs=(source,), settings={evil: evil})
    instances = (replace(case.measures.instances[0], structure=evil, region=evil),)
    measures = replace(case.measures, instances=instances)
    case = replace(case, name=evil, provenance=origin, image=replace(case.image, origin=source), measures=measures)
    made = Page(report(case, {evil: (evil,)}))
    assert made.open == []
    assert made.all("script") == []
    assert made.text.count("<script>alert(1)</script>") >= 8


def test_the_same_case_gives_the_same_page(ct, html):
    assert report(ct) == html


def test_a_film_is_refused(case):
    with pytest.raises(WrongQuantity):
        report(case)
