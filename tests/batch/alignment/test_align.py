"""Two scans laid on one another: where the truth is known, and where they must not be."""

from __future__ import annotations

import builtins
from dataclasses import replace

import numpy as np
import pytest

from hilum.batch.alignment import AlignmentError, Quality, align
from hilum.batch.alignment.align import _why_refused
from hilum.errors import GridMismatch, MissingExtra, WrongQuantity
from hilum.geometry import VolumeOrientation
from hilum.image import Quantity

from .conftest import Breath, carried, lung_points, turned

MOVED = turned(6, (9, -7, 12))


def error_mm(found, scan, truth) -> float:
    points = lung_points(scan)
    return float(np.linalg.norm(found.to_second(points) - truth(points), axis=1).mean())


@pytest.mark.parametrize(("with_ct", "most"), [(True, 0.8), (False, 2.0)])
def test_a_known_turn_and_shift_are_found(first, second, with_ct, most):
    here, there = (first, second) if with_ct else (replace(first, image=None), replace(second, image=None))
    found = align(here, carried(there, MOVED), "rigid")
    assert error_mm(found, first, lambda points: points @ MOVED[:3, :3].T + MOVED[:3, 3]) < most
    assert found.quality.dice > 0.95
    assert found.quality.dice > found.quality.dice_before
    assert found.quality.trip_mm < most
    assert found.quality.folded == 0
    assert (found.method, found.uses_densities) == ("rigid", with_ct)


def test_a_known_breath_is_found_by_a_deformation_and_not_without(first):
    breath = Breath(replace(first, image=None), 24)
    rigid = align(breath.scan, breath.out(), "rigid")
    smooth = align(breath.scan, breath.out(), "deformable")
    assert error_mm(rigid, first, breath.way_mm) > 3
    assert error_mm(smooth, first, breath.way_mm) < 2
    assert smooth.quality.dice > rigid.quality.dice
    assert smooth.quality.apart_mm < rigid.quality.apart_mm
    assert smooth.quality.far_mm < rigid.quality.far_mm
    assert rigid.quality.far_mm > 2 * rigid.quality.apart_mm
    assert smooth.quality.folded == 0


def test_orientation_of_the_voxels_does_not_matter_and_runs_are_equal(first, second):
    lying = VolumeOrientation((1, 2, 0), (True, False, True))
    here, there = replace(first, image=None, lobes=None), replace(second, image=None, lobes=None)
    grid = there.lungs.volume
    shape = lying.from_axial(np.empty(grid.shape, np.uint8)).shape
    affine = grid.affine.copy()
    index = np.stack([lying.from_axial(each) for each in np.indices(grid.shape)], axis=-1).astype(float)
    affine[:3, 3] = grid.position_mm(index[0, 0, 0])
    for axis in range(3):
        step = [0, 0, 0]
        step[axis] = 1
        affine[:3, axis] = grid.position_mm(index[tuple(step)]) - affine[:3, 3]
    own = type(grid)(shape, affine)
    other = replace(
        there,
        **{
            name: replace(each, array=np.ascontiguousarray(lying.from_axial(each.array)), grid=own)
            for name, each in (("lungs", there.lungs), ("lesions", there.lesions))
        },
    )
    plain, turned_about = align(here, there, "rigid"), align(here, other, "rigid")
    points = lung_points(first)
    assert np.abs(plain.to_second(points) - turned_about.to_second(points)).max() < 0.1
    assert np.array_equal(plain.to_second(points), align(here, there, "rigid").to_second(points))


def test_what_cannot_be_aligned_is_refused(first, second):
    without = replace(first, image=None)
    half = np.asarray(second.lungs.array).copy()
    half[: len(half) // 2] = 0
    with pytest.raises(AlignmentError, match=r"Dice of 0\.\d+ .*--align deformable"):
        align(without, replace(second, image=None, lungs=replace(second.lungs, array=half)), "rigid")
    nothing = replace(first, lungs=replace(first.lungs, array=np.zeros_like(first.lungs.array)))
    with pytest.raises(AlignmentError, match="without lungs"):
        align(first, nothing, "rigid")
    with pytest.raises(GridMismatch):
        align(replace(first, lesions=carried(second, MOVED).lesions), second, "rigid")
    grey = replace(first.image, array=np.zeros(first.image.array.shape, np.uint8), quantity=Quantity.WINDOWED_CT)
    with pytest.raises(WrongQuantity, match="leave the images out"):
        align(replace(first, image=grey), second, "rigid")


def test_without_simpleitk_the_extra_is_named(first, second, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "SimpleITK":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"hilum\[ct\]"):
        align(first, second, "rigid")


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"dice": 0.79}, "Dice of 0.79"),
        ({"trip_mm": 10.1}, "10.1 mm off"),
        ({"folded": 0.002}, "0.2 % of the lungs"),
        ({"dice": 0.8, "trip_mm": 10.0, "folded": 0.001}, ""),
    ],
)
def test_why_an_alignment_is_refused(spoilt, why):
    said = _why_refused(replace(Quality(0.8, 0.95, 0.5, 1.5, 0.6, 0.0, 10), **spoilt))
    assert why in said
    assert bool(said) == bool(why)


def test_a_poor_alignment_is_warned_of_and_a_fair_one_is_not():
    fair = Quality(0.8, 0.95, 0.5, 1.5, 0.6, 0.0, 10)
    assert fair.warnings == ()
    assert [text.split()[0] for text in replace(fair, dice=0.85, trip_mm=7.0).warnings] == ["The", "Points"]
