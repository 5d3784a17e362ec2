"""The benchmarks of projection: the loop is right, the reference is right, misses are told."""

from __future__ import annotations

import numpy as np
import projected_lungs
import projection
import pytest

from hilum.geometry import VolumeGrid
from hilum.projection.beam import Beam, lay_out
from hilum.projection.rays import Rays


def test_the_pixel_loop_adds_up_columns() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)
    assert np.array_equal(projection.pixel_loop(grey), grey.sum(axis=1)[::-1])


def test_hilum_agrees_with_the_fine_reference() -> None:
    grid = VolumeGrid.of_spacing((13, 11, 17), (5.0, 4.0, 4.5))
    volume = np.random.default_rng(1).random(grid.shape).astype(np.float32)
    layout = lay_out(Beam("PA", "point", 500, 20, 3.0), grid, (20, 20))
    chosen = np.arange(400)
    reference = projection._reference(volume, layout, chosen)
    made = Rays(layout, "point").integrals(volume, lambda voxels: voxels).ravel()
    assert np.sqrt(np.mean((made - reference) ** 2)) < 0.01 * reference.mean()


def row(what: str, seconds: float, **more: float) -> dict[str, object]:
    return {"what": what, "seconds": seconds, **more}


def test_a_faster_rival_of_equal_accuracy_is_told() -> None:
    fast = [row("hilum", 0.1, **{"times as fast as the loop": 999.0})]
    ours, good, rough = (
        row("hilum", 1.0, **{"error in %": 0.1}), row("rival", 0.5, **{"error in %": 0.05}),
        row("rough", 0.1, **{"error in %": 5.0}),
    )  # fmt: skip
    projection._check(fast, fast, [ours, rough])
    with pytest.raises(SystemExit, match=r"and rival 0\.500"):
        projection._check(fast, fast, [ours, rough, good])
    slow = [row("hilum", 0.1, **{"times as fast as the loop": 150.0})]
    with pytest.raises(SystemExit, match="the sum is 150 times as fast"):
        projection._check(slow, slow, [ours])


def test_dice_of_nothing_is_nothing() -> None:
    some = np.array([True, False, True])
    assert projected_lungs.dice(some, some) == 1
    assert projected_lungs.dice(some, ~some) == 0
    assert projected_lungs.dice(some & ~some, some & ~some) == 0
