"""The thorax: sides, lobes, densities, and the same body on every grid."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, Quantity
from hilum.phantom import LOBES, Thorax, default_grid, thorax
from hilum.phantom.body import draw_body

COARSE = (6.0, 5.0, 5.0)


def oblique_grid(spacing_mm: float = 9.0) -> VolumeGrid:
    """A tilted, anisotropic, sheared grid with odd sides that holds the lungs of seed 4."""
    steps = np.array([[0.05, 0.10, 0.99], [-0.15, 0.98, -0.10], [0.98, 0.17, -0.06]]) * (spacing_mm, 7, 6.1)
    affine = np.eye(4)
    affine[:3, :3] = steps
    shape = (41, 43, 61)
    affine[:3, 3] = np.array([0, 0, -5.0]) - steps @ (np.array(shape) - 1) / 2
    return VolumeGrid(shape, affine)


def centre_mm(thorax_: Thorax, name: str) -> np.ndarray:
    for labels in (thorax_.lungs, thorax_.lobes, thorax_.lesions):
        if any(label.name == name for label in labels.labels.values()):
            return thorax_.grid.position_mm(np.argwhere(labels.mask(name)).astype(float)).mean(axis=0)
    raise AssertionError(name)


def test_everything_lies_on_the_grid_that_was_asked_for(healthy: Thorax) -> None:
    grid = default_grid(4, spacing_mm=COARSE)
    for part in (healthy.ct, healthy.lungs, healthy.lobes, healthy.lesions):
        assert part.grid.same_as(grid)
    assert healthy.ct.quantity is Quantity.HOUNSFIELD
    assert healthy.ct.array.dtype == np.int16
    assert healthy.lungs.labels == LUNGS
    assert healthy.lobes.labels == LOBES


def test_sides_are_the_patients(healthy: Thorax) -> None:
    assert centre_mm(healthy, "right-lung")[0] < -30  # LPS: the patient's right is negative
    assert centre_mm(healthy, "left-lung")[0] > 30
    assert healthy.volume_ml("right-lung") > healthy.volume_ml("left-lung")  # the heart takes its room from the left


def test_volumes_are_those_of_adults() -> None:
    for seed in range(5):
        made = thorax(seed, grid=default_grid(seed, spacing_mm=(8.0, 8.0, 8.0)))
        assert 2500 < made.volume_ml("right-lung") + made.volume_ml("left-lung") < 8500
        assert 0.7 < made.volume_ml("left-lung") / made.volume_ml("right-lung") < 1.0


def test_lobes_partition_the_lungs(healthy: Thorax) -> None:
    lungs, lobes = healthy.lungs.array, healthy.lobes.array
    assert np.array_equal(lungs > 0, lobes > 0)
    assert np.array_equal(np.isin(lobes, (1, 2, 3)), lungs == 1)
    assert np.array_equal(np.isin(lobes, (4, 5)), lungs == 2)
    smallest = min(healthy.volume_ml(label.name) for label in LOBES.values())
    assert smallest == healthy.volume_ml("right-middle-lobe") > 150


def test_lobes_lie_as_in_a_patient(healthy: Thorax) -> None:
    upper, middle, lower = (centre_mm(healthy, f"right-{name}-lobe") for name in ("upper", "middle", "lower"))
    assert upper[2] > middle[2] > lower[2]
    assert middle[1] < lower[1]  # the lower lobe lies behind the middle one: y grows to the back
    assert centre_mm(healthy, "left-upper-lobe")[1] < centre_mm(healthy, "left-lower-lobe")[1]


def test_lobe_codes_are_snomed() -> None:
    assert [label.code.scheme for label in LOBES.values()] == ["SCT"] * 5
    assert len({label.code.value for label in LOBES.values()}) == 5


def test_densities_are_those_of_tissues(healthy: Thorax) -> None:
    hu = healthy.ct.array
    assert -930 < np.median(hu[healthy.lungs.mask()]) < -750
    assert hu.min() >= -1000
    assert 250 < hu.max() < 1700  # bone
    assert np.median(hu[:, 0, 0]) == -1000  # air beside the neck and the chest, in front

    def near(x: float, y: float, z: float) -> float:
        body = draw_body(4)
        place = body.to_world(np.array([x, y, z]))
        inverse = np.linalg.inv(healthy.grid.affine)
        return float(hu[tuple(np.rint(inverse[:3, :3] @ place + inverse[:3, 3]).astype(int))])

    assert 20 < near(26, -42, -48) < 70  # heart
    assert 20 < near(-70, -10, -110) < 80  # liver
    assert near(0, 8, 110) < -800  # trachea
    assert near(0, 65, 5.0) > 80  # spine


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_body() -> None:
    grid = default_grid(0, spacing_mm=(11.0, 7.0, 13.0))
    first, again, other = (thorax(seed, grid=grid) for seed in (3, 3, 4))
    assert np.array_equal(first.ct.array, again.ct.array)
    assert np.array_equal(first.lobes.array, again.lobes.array)
    assert not np.array_equal(first.lungs.array, other.lungs.array)


def test_an_oblique_grid_holds_the_same_lungs() -> None:
    straight = thorax(4, grid=default_grid(4, spacing_mm=(4.0, 4.0, 4.0)))
    tilted = thorax(4, grid=oblique_grid())
    for name in ("right-lung", "left-lung", "right-middle-lobe"):
        assert tilted.volume_ml(name) == pytest.approx(straight.volume_ml(name), rel=0.03)
    for name in ("right-lung", "left-lower-lobe"):
        assert centre_mm(tilted, name) == pytest.approx(centre_mm(straight, name), abs=2.0)


@pytest.mark.parametrize("spacing", [(3.0, 9.0, 5.0), (10.0, 4.0, 4.0)])
def test_volumes_do_not_hang_on_the_spacing(spacing: tuple[float, float, float]) -> None:
    fine = thorax(6, grid=default_grid(6, spacing_mm=(4.0, 4.0, 4.0)))
    other = thorax(6, grid=default_grid(6, spacing_mm=spacing))
    for name in ("right-lung", "left-lung"):
        assert other.volume_ml(name) == pytest.approx(fine.volume_ml(name), rel=0.03)


def test_mean_density_does_not_hang_on_the_spacing() -> None:
    means = [thorax(6, grid=default_grid(6, spacing_mm=s)).ct.array.mean() for s in ((4.0, 4.0, 4.0), (7.0, 6.0, 5.0))]
    assert means[0] == pytest.approx(means[1], abs=15)


def test_axes_may_run_any_way() -> None:
    grid = default_grid(2, spacing_mm=(9.0, 8.0, 7.0))
    plain, turned = thorax(2, grid=grid), thorax(2, grid=grid.flipped(0).flipped(2))
    assert np.array_equal(plain.lungs.array[::-1, :, ::-1], turned.lungs.array)


def test_a_slice_and_a_grid_beside_the_body_are_allowed() -> None:
    one = thorax(1, grid=VolumeGrid.of_spacing((1, 40, 50), (5.0, 7.0, 8.0), (-190, -130, 0)))
    assert one.lungs.pixels("right-lung") > 50
    beside = thorax(1, grid=VolumeGrid.of_spacing((7, 11, 13), (5.0, 5.0, 5.0), (2000, 0, 0)))
    assert beside.lungs.pixels("left-lung") == 0
    assert (beside.ct.array == -1000).all()


def test_an_unknown_structure_is_refused(healthy: Thorax) -> None:
    with pytest.raises(ValueError, match="no structure 'spleen'"):
        healthy.volume_ml("spleen")
