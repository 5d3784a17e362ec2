"""Lesions: their volume, their place, and that nothing is left to chance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom import Lesion, Thorax, default_grid, random_lesions, thorax

COARSE = (6.0, 5.0, 5.0)


def made_with(*lesions: Lesion, seed: int = 4) -> Thorax:
    return thorax(seed, grid=default_grid(seed, spacing_mm=COARSE), lesions=lesions)


def heights_mm(source: Thorax, mask: np.ndarray) -> np.ndarray:
    return source.grid.position_mm(np.argwhere(mask).astype(float))[:, 2]


@pytest.mark.parametrize(("place", "volume_ml"), [("right", 30), ("left-lower", 400), ("right-middle-lobe", 75)])
def test_volume_is_the_one_asked_for(place: str, volume_ml: float) -> None:
    source = made_with(Lesion("ground-glass", place, volume_ml), Lesion("consolidation", place, volume_ml / 2))
    assert source.volume_ml("ground-glass") == pytest.approx(volume_ml, rel=0.02)
    assert source.volume_ml("consolidation") == pytest.approx(volume_ml / 2, rel=0.02)


def test_lesions_add_up_without_overlap(sick: Thorax) -> None:
    assert sick.volume_ml("ground-glass") == pytest.approx(180, rel=0.02)
    assert sick.volume_ml("consolidation") == pytest.approx(90, rel=0.02)
    assert sick.volume_ml("effusion") == pytest.approx(250, rel=0.02)


def test_lesions_lie_within_lungs_and_leave_them_whole(sick: Thorax, healthy: Thorax) -> None:
    assert not (sick.lesions.mask() & ~sick.lungs.mask()).any()
    assert np.array_equal(sick.lungs.array, healthy.lungs.array)
    assert np.array_equal(sick.lobes.array, healthy.lobes.array)


def test_lesions_lie_on_their_side_and_in_their_lobe() -> None:
    source = made_with(Lesion("consolidation", "left", 100), Lesion("ground-glass", "right-middle-lobe", 50))
    assert set(source.lungs.array[source.lesions.mask("consolidation")]) == {2}
    assert set(source.lobes.array[source.lesions.mask("ground-glass")]) == {2}


def test_thirds_are_in_order_from_above() -> None:
    for side, (above, below) in {"right": ("upper", "middle"), "left": ("middle", "lower")}.items():
        source = made_with(
            Lesion("consolidation", f"{side}-{above}", 60), Lesion("ground-glass", f"{side}-{below}", 60)
        )
        heights = [heights_mm(source, source.lesions.mask(name)).mean() for name in ("consolidation", "ground-glass")]
        assert heights[0] > heights[1] + 40


def test_peripheral_lesions_lie_farther_out_than_central_ones() -> None:
    def spread_mm(depth: str) -> float:
        source = made_with(*[Lesion("consolidation", "right-middle", 25, depth, seed=seed) for seed in range(4)])
        return float(np.abs(source.grid.position_mm(np.argwhere(source.lesions.mask()).astype(float))[:, 0]).mean())

    assert spread_mm("peripheral") > spread_mm("central") + 8


def test_densities_follow_the_kind(sick: Thorax) -> None:
    hu = sick.ct.array
    lung = np.median(hu[sick.lungs.mask() & ~sick.lesions.mask()])
    glass, dense, fluid = (
        np.median(hu[sick.lesions.mask(name)]) for name in ("ground-glass", "consolidation", "effusion")
    )
    assert lung + 100 < glass < -300
    assert -250 < dense < 60
    assert -30 < fluid < 40


def test_a_density_may_be_chosen() -> None:
    source = made_with(Lesion("consolidation", "right", 200, hu=-300))
    assert np.median(source.ct.array[source.lesions.mask()]) == pytest.approx(-300, abs=100)


def test_an_effusion_lies_low_and_behind_and_climbs_the_wall() -> None:
    source = made_with(Lesion("effusion", "right", 400))
    fluid, lung = source.lesions.mask("effusion"), source.lungs.mask("right-lung")
    assert heights_mm(source, fluid).mean() < heights_mm(source, lung).mean() - 45
    place = [source.grid.position_mm(np.argwhere(mask).astype(float)) for mask in (fluid, lung)]
    assert place[0][:, 1].mean() > place[1][:, 1].mean()  # behind
    middle = int(np.median(np.argwhere(lung)[:, 1]))
    plane = np.argwhere(fluid[:, middle])  # (slice, column) in a plane from side to side
    tops = np.array([plane[plane[:, 1] == column, 0].max() for column in np.unique(plane[:, 1])])
    assert tops[:2].max() > np.median(tops)  # higher at the outer wall than in the middle


def test_larger_effusions_hold_the_smaller_ones() -> None:
    small, large = (made_with(Lesion("effusion", "left", ml)).lesions.mask() for ml in (100, 500))
    assert not (small & ~large).any()


def test_the_outline_is_anchored_in_space() -> None:
    lesion = Lesion("ground-glass", "right-lower", 200, seed=9)
    grids = [default_grid(4, spacing_mm=spacing) for spacing in ((4.0, 4.0, 4.0), (4.5, 5.0, 4.0))]
    centres = []
    for grid in grids:
        source = thorax(4, grid=grid, lesions=[lesion])
        centres.append(grid.position_mm(np.argwhere(source.lesions.mask()).astype(float)).mean(axis=0))
    assert centres[0] == pytest.approx(centres[1], abs=12)


def test_seeds_move_lesions() -> None:
    first, again, other = (made_with(Lesion("consolidation", "left", 80, seed=s)).lesions.array for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_large_a_lesion_says_how_much_room_there_is() -> None:
    with pytest.raises(ValueError, match=r"5000 ml does not fit into left: there are [\d.e+]+ ml free"):
        made_with(Lesion("consolidation", "left", 5000))


def test_a_lesion_below_half_a_voxel_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        made_with(Lesion("consolidation", "left", 0.01))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nodule", "left", 10), "no lesion is called 'nodule'"),
        (("consolidation", "up", 10), "no lesion can lie in 'up'"),
        (("effusion", "left-lower", 10), "an effusion lies in the right or the left"),
        (("consolidation", "left", 0), "must be positive"),
        (("consolidation", "left", float("nan")), "must be positive"),
        (("consolidation", "left", 10, "deep"), "peripheral, central or any"),
    ],
)
def test_slips_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lesion(*arguments)  # type: ignore[arg-type]


@given(st.integers(0, 10_000), st.floats(0.01, 1))
@settings(max_examples=60, deadline=None)
def test_random_lesions_are_repeatable_and_bounded(seed: int, severity: float) -> None:
    drawn = random_lesions(seed, severity)
    assert drawn == random_lesions(seed, severity)
    assert 1 <= len(drawn) <= 16
    for side in ("right", "left"):
        assert sum(lesion.volume_ml for lesion in drawn if lesion.place.startswith(side)) < 1800


def test_severity_sets_the_volume() -> None:
    def mean_ml(severity: float) -> float:
        return float(np.mean([sum(x.volume_ml for x in random_lesions(seed, severity)) for seed in range(40)]))

    volumes = [mean_ml(severity) for severity in (0.1, 0.3, 0.6, 1.0)]
    assert all(small < large for small, large in pairwise(volumes))
    assert random_lesions(1, 0) == ()


def test_a_severity_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        random_lesions(1, 1.5)
