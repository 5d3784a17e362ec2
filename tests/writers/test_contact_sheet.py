"""The contact sheet: all cuts on one page, at one scale, with a legend."""

from dataclasses import replace

import numpy as np
import pytest

from hilum.errors import WrongQuantity
from hilum.geometry import VolumeGrid, VolumeOrientation
from hilum.image import LESIONS, LUNGS
from hilum.writers.contact_sheet import WIDTH, render
from hilum.writers.cuts import Cutter

from .test_cuts import block


@pytest.fixture(scope="module")
def sheet(ct):
    return render(ct)


def share(sheet, colour) -> float:
    return float((np.abs(sheet.astype(int) - colour).max(axis=2) < 12).mean())


def test_shape_and_colours(ct, sheet):
    assert sheet.shape[1:] == (WIDTH, 3)
    assert sheet.dtype == np.uint8
    assert 1000 < len(sheet) < 2000
    for label in (*LUNGS.values(), *LESIONS.values()):
        assert share(sheet, label.colour) > 1e-4, label.name
    assert ct.lungs.pixels("left-lung") > 0


def test_the_right_lung_is_at_the_left_edge(sheet):
    right, left = (
        np.flatnonzero(
            (np.abs(sheet[:250, : WIDTH // 4].astype(int) - LUNGS[side].colour).max(axis=2) < 12).any(axis=0)
        )
        for side in (1, 2)
    )
    assert right.mean() < left.mean()


def test_structures_that_are_not_there_are_not_drawn(make_ct):
    healthy = render(make_ct(with_lesions=False))
    assert share(healthy, LESIONS[2].colour) == 0
    assert share(healthy, LUNGS[1].colour) > 1e-3


@pytest.mark.parametrize(("kept", "expected"), [((1, 2), 2), ((1,), 1), ((2,), 1), ((), 2)])
def test_a_lung_that_was_not_found_has_no_sagittal_cut(ct, monkeypatch, kept, expected):
    array = np.where(np.isin(ct.lungs.array, kept), ct.lungs.array, 0).astype(np.uint8)
    cuts: list[tuple[str, int]] = []
    real = Cutter.cut

    def seen(self, plane, place, scale):
        cuts.append((plane, place))
        return real(self, plane, place, scale)

    monkeypatch.setattr(Cutter, "cut", seen)
    render(replace(ct, lungs=replace(ct.lungs, array=array)))
    places = [place for plane, place in cuts if plane == "sagittal"]
    assert len(places) == expected
    assert all((array[..., place] > 0).any() for place in places if kept)


def test_no_lung(make_ct):
    empty = render(make_ct(with_lungs=False))
    assert share(empty, LUNGS[1].colour) == share(empty, LUNGS[2].colour) == 0


def test_the_same_picture_however_the_volume_lies(make_ct):
    turned = render(make_ct(orientation=VolumeOrientation((2, 0, 1), (False, True, False))))
    plain = render(make_ct())
    same = (turned == plain).all(axis=2)
    assert same.mean() > 0.98  # but for the names of the places


@pytest.mark.parametrize("shape", [(1, 7, 11), (400, 7, 9), (13, 300, 5)])
def test_awkward_sizes(ct, shape):
    sheet = render(block(ct, VolumeGrid.of_spacing(shape, (1.0, 1.0, 1.0)), (0, 0, 0), shape))
    assert sheet.shape[1:] == (WIDTH, 3)


def test_the_same_case_gives_the_same_sheet(ct, sheet):
    assert np.array_equal(render(ct), sheet)


def test_a_film_is_refused(case):
    with pytest.raises(WrongQuantity):
        render(case)
