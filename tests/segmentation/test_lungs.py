"""Stage I: sides, orientations, stray parts and holes."""

import numpy as np
import pytest

from hilum.errors import WrongQuantity
from hilum.geometry import PlaneOrientation
from hilum.image import Quantity
from hilum.segmentation.lungs import segment_lungs, tidy

ORIENTATIONS = [PlaneOrientation(*way) for way in ("LF", "RF", "LH", "RH", "FL", "FR", "HL", "HR")]


def test_each_lung_is_on_its_side(film, lung_network, lungs_seen):
    stage = segment_lungs(film(), lung_network(*lungs_seen))
    seen = stage.lungs.array[::2, ::2]
    assert set(np.unique(seen[:, :32])) == {0, 1}
    assert set(np.unique(seen[:, 32:])) == {0, 2}
    assert abs(stage.lungs.pixels("right-lung") / (4 * lungs_seen[0].sum()) - 1) < 0.1
    assert np.array_equal(stage.fields.array, stage.lungs.array)
    assert stage.film_probability == pytest.approx(0.9)
    assert stage.turned_probability == pytest.approx(0.2)
    assert (stage.probability[stage.lungs.mask()] >= 128).all()


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda way: way.columns + way.rows)
def test_a_film_stored_any_way_gets_its_lungs_on_its_own_grid(film, lung_network, lungs_seen, orientation):
    image = film((97, 131), orientation)
    stage = segment_lungs(image, lung_network(*lungs_seen))
    plain = segment_lungs(image.upright(), lung_network(*lungs_seen))
    assert stage.lungs.grid == image.grid
    assert np.array_equal(orientation.to_upright(stage.lungs.array), plain.lungs.array)
    assert np.array_equal(orientation.to_upright(stage.probability), plain.probability)


def test_stray_parts_go_and_holes_are_filled(film, lung_network, lungs_seen):
    right, left = (mask.copy() for mask in lungs_seen)
    right[25:29, 14:18] = 0.0  # a hole
    right[60:62, 60:62] = 1.0  # a stray part
    stage = segment_lungs(film(), lung_network(right, left))
    clean = segment_lungs(film(), lung_network(*lungs_seen))
    assert np.array_equal(stage.lungs.array, clean.lungs.array)


@pytest.mark.parametrize(("keep", "found"), [(0, {0, 1}), (1, {0, 2})])
def test_one_lung_is_one_side_only(film, lung_network, lungs_seen, keep, found):
    masks = [mask * (n == keep) for n, mask in enumerate(lungs_seen)]
    assert set(np.unique(segment_lungs(film(), lung_network(*masks)).lungs.array)) == found


def test_what_is_too_small_is_no_lung():
    chances = np.zeros((3, 64, 64), dtype=np.float32)
    chances[0] = 1.0
    chances[:, 5:8, 5:8] = np.array([0, 1, 0], dtype=np.float32)[:, None, None]
    assert not tidy(chances)[0].any()


def test_only_films_have_lungs_here(film, lung_network, lungs_seen):
    with pytest.raises(WrongQuantity, match="radiograph"):
        segment_lungs(film(quantity=Quantity.PROBABILITY), lung_network(*lungs_seen))
