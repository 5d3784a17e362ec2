"""What became of the lung, place by place, where it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.batch.alignment import Alignment, Quality
from hilum.batch.alignment.places import compare_places

from .conftest import carried, turned

MOVED = turned(20, (9, -7, 12))
EXACT = Quality(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def exact(change: np.ndarray) -> Alignment:
    return Alignment("rigid", False, lambda points: points @ change[:3, :3].T + change[:3, 3], EXACT)


def by_key(placed):
    return {(each.structure, each.region): each for each in placed.places}


def test_new_resolved_and_persisting_volumes_are_those_that_are_known(first, second):
    placed = compare_places(first, carried(second, MOVED), exact(MOVED))
    rows, ml = by_key(placed), first.lungs.volume.voxel_ml
    before, after = np.asarray(first.lesions.array), np.asarray(second.lesions.array)
    whole = rows["opacity", "both"]
    assert whole.persisting_ml == pytest.approx(np.count_nonzero((before > 0) & (after > 0)) * ml)
    assert whole.new_ml == pytest.approx(np.count_nonzero((before == 0) & (after > 0)) * ml)
    assert whole.resolved_ml == pytest.approx(np.count_nonzero((before > 0) & (after == 0)) * ml)
    assert whole.first_ml == pytest.approx(first.lesions.volume.voxel_ml * np.count_nonzero(before))
    assert whole.later_ml == pytest.approx(np.count_nonzero(after) * ml)
    assert rows["opacity", "right"].new_ml == rows["opacity", "right"].resolved_ml == 0
    assert rows["consolidation", "left-lower-lobe"].resolved_ml == pytest.approx(np.count_nonzero(before == 2) * ml)
    assert rows["ground-glass", "left-upper-lobe"].new_ml > 40
    assert rows["consolidation", "right"].first_ml == 0
    for structure in ("opacity", "ground-glass", "consolidation"):
        sides = [rows[structure, side] for side in ("right", "left")]
        assert rows[structure, "both"].new_ml == pytest.approx(sum(each.new_ml for each in sides))
        lobes = [each for each in placed.places if each.structure == structure and each.region.endswith("-lobe")]
        assert rows[structure, "both"].resolved_ml == pytest.approx(sum(each.resolved_ml for each in lobes))


def test_the_map_lies_on_the_first_scans_grid(first, second):
    changes = compare_places(first, carried(second, MOVED), exact(MOVED)).changes
    assert changes.grid is first.lungs.grid
    before, after = np.asarray(first.lesions.array) > 0, np.asarray(second.lesions.array) > 0
    wanted = np.where(after, np.where(before, 3, 1), np.where(before, 2, 0))
    assert np.array_equal(changes.array, wanted * (first.lungs.array > 0))
    assert [label.name for label in changes.labels.values()] == ["new", "resolved", "persisting"]


def test_errors_are_those_of_the_alignment(first):
    fine = by_key(compare_places(first, first, exact(np.eye(4))))["opacity", "both"]
    poor = replace(exact(np.eye(4)), quality=replace(EXACT, trip_mm=12.0))
    coarse = by_key(compare_places(first, first, poor))["opacity", "both"]
    assert fine.new_ml == fine.resolved_ml == 0
    assert fine.new_error_ml > 0  # half a voxel at least
    assert coarse.new_error_ml > 2 * fine.new_error_ml
    assert compare_places(first, first, poor).error_mm == 12


def test_without_lobes_there_are_no_lobes(first):
    placed = compare_places(replace(first, lobes=None), first, exact(np.eye(4)))
    assert not any(each.region.endswith("lobe") for each in placed.places)
    assert len(placed.places) == 3 * 9


def test_effusion_is_no_opacity(first):
    effusion = replace(first.lesions, array=np.where(first.lesions.array > 0, 3, 0).astype(np.uint8))
    whole = by_key(compare_places(replace(first, lesions=effusion), first, exact(np.eye(4))))["opacity", "both"]
    assert (whole.first_ml, whole.persisting_ml) == (0, 0)
    assert whole.new_ml > 200
