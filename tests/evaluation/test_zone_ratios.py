"""The table that thresholds are swept on: what the six-zone score would compare, film by film."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.datasets.films import FilmCase
from hilum.evaluation import zone_ratios as module
from hilum.evaluation.sweep import read_zones, write_zones
from hilum.evaluation.zone_ratios import zone_ratios, zone_rows
from hilum.geometry import PlaneGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.provenance import Source, Step
from hilum.segmentation.zones import ZONES

SHAPE = (90, 70)
NETWORKS = SimpleNamespace(lungs=None, lesions=None)


def lungs(which=(1, 2)):
    made = np.zeros(SHAPE, np.uint8)
    if 1 in which:
        made[15:75, 5:30] = 1
    if 2 in which:
        made[15:75, 40:65] = 2
    return made


@pytest.fixture
def told(monkeypatch):
    """Make the stages find given lungs, opacity in the right upper zone, and what a network holds of the zones."""

    def tell(found=(1, 2), affected=None):
        def first(image, _network):
            return SimpleNamespace(lungs=LabelMap(lungs(found), image.grid, LUNGS, Step("draw")))

        def second(image, masks, _network):
            drawn = np.where((masks.array == 1) & (np.arange(SHAPE[0]) < 35)[:, None], 1, 0).astype(np.uint8)
            return SimpleNamespace(lesions=LabelMap(drawn, image.grid, LESIONS, Step("draw")), affected=affected)

        monkeypatch.setattr(module, "segment_lungs", first)
        monkeypatch.setattr(module, "segment_lesions", second)

    return tell


def film():
    array = np.random.default_rng(3).integers(0, 256, SHAPE).astype(np.uint8)
    return Image(array, PlaneGrid(SHAPE), Quantity.RADIOGRAPH, Source("film.png", "0" * 64))


def test_shares_of_zones_where_the_network_has_no_evidence(told) -> None:
    told()
    assert zone_ratios(film(), NETWORKS) == {zone: float(zone == "right-upper") for zone in ZONES}


def test_evidence_where_the_network_has_it(told) -> None:
    evidence = dict(zip(ZONES, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), strict=True))
    told(affected=evidence)
    assert zone_ratios(film(), NETWORKS) == evidence


def test_evidence_on_a_lung_that_was_not_found_does_not_count(told) -> None:
    told((1,), affected=dict.fromkeys(ZONES, 0.9))
    ratios = zone_ratios(film(), NETWORKS)
    assert ratios["right-lower"] == 0.9
    assert isinstance(ratios["left-lower"], NotMeasured)


def test_no_lungs_are_no_ratios(told) -> None:
    told(())
    assert all(isinstance(value, NotMeasured) for value in zone_ratios(film(), NETWORKS).values())


def case(folder, name, **changes):
    path = folder / f"{name}.png"
    if not path.exists():
        Picture.fromarray(film().array).save(path)
    facts = {"split": "val", "layout": "scored", "source": "made", "finding": "", "view": "PA", "image": path}
    return FilmCase(**({"case": name, "patient": f"p-{name}", **facts} | changes))


def test_scored_films_make_rows_and_others_do_not(told, tmp_path) -> None:
    told()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    cases = [
        case(tmp_path, "a", six_zone_r=2.0, six_zone_d=3.0),
        case(tmp_path, "unscored"),
        case(tmp_path, "poor", six_zone_r=1.0, is_poor_quality=True),
        case(tmp_path, "broken", six_zone_r=1.0, image=broken),
    ]
    write_zones(tmp_path / "zones.csv", list(zone_rows(cases, NETWORKS)))
    table = read_zones(tmp_path / "zones.csv")
    assert (table.cases, table.patients, table.unmeasured) == (("a",), ("p-a",), ("broken",))
    assert table.reference.tolist() == [2.5]
    assert table.scores(0.5).tolist() == [1.0]


def test_a_film_with_one_lung_is_counted_as_not_measured(told, tmp_path) -> None:
    told((1,))
    (row,) = zone_rows([case(tmp_path, "a", six_zone_r=2.0)], NETWORKS)
    assert all(row[zone] == "" for zone in ZONES)
