"""Integrals along rays against what geometry says of slabs, spheres, shifts and magnification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import GridMismatch
from hilum.geometry import SpacingAt, VolumeGrid
from hilum.projection.beam import Beam, View, lay_out
from hilum.projection.rays import Rays, Weights, column_sums

SPACING = (2.5, 1.3, 1.7)
SHAPE = (37, 31, 41)


def grid(shape: tuple[int, int, int] = SHAPE, spacing: tuple[float, float, float] = SPACING) -> VolumeGrid:
    return VolumeGrid.of_spacing(shape, spacing, (-40.0, 11.0, 300.0))


def positions(lattice: VolumeGrid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z, y, x from the middle of the volume, in mm."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(lattice.shape, lattice.spacing_mm, strict=True)]
    return tuple(np.meshgrid(*axes, indexing="ij"))


def as_is(voxels: np.ndarray) -> np.ndarray:
    return voxels.astype(np.float32)


def sphere(lattice: VolumeGrid, radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Share of each voxel within a sphere, by a ramp one voxel wide."""
    away = np.sqrt(sum((p - c) ** 2 for p, c in zip(positions(lattice), centre, strict=True)))
    return np.clip((radius - away) / min(lattice.spacing_mm) + 0.5, 0, 1).astype(np.float32)


FINE = grid((60, 61, 63), (1.0, 1.0, 1.0))


@pytest.mark.parametrize("view", ["PA", "AP", "LATERAL"])
@pytest.mark.parametrize("geometry", ["parallel", "point"])
def test_the_shadow_of_a_sphere_is_its_chords(view: View, geometry: str) -> None:
    beam = Beam(view, geometry, source_mm=900, gap_mm=20, pitch_mm=1.0)  # type: ignore[arg-type]
    layout = lay_out(beam, FINE)
    made = Rays(layout).integrals(sphere(FINE, 20.0), as_is)
    scale = float(layout.magnification.mean())
    distance = np.inf if geometry == "parallel" else 900 / scale
    u, v = layout.across_mm[None], layout.down_mm[:, None]
    # distance of a ray from the sphere's middle: of a line through the source, or of one along the axis
    away = np.hypot(u, v) / scale / (1 if geometry == "parallel" else np.sqrt(1 + (np.hypot(u, v) / 900) ** 2))
    chord = 2 * np.sqrt(np.maximum(20.0**2 - away**2, 0))
    assert np.abs(made - chord)[away < 18].max() < 0.7
    assert np.abs(made[away > 22]).max() < 0.01
    assert np.abs(made - chord).mean() < 0.12
    assert distance > 0


@pytest.mark.parametrize("view", ["PA", "AP", "LATERAL"])
def test_a_slab_attenuates_by_its_thickness(view: View) -> None:
    lattice = grid()
    layout = lay_out(Beam(view, "parallel", pitch_mm=0.9), lattice)
    made = Rays(layout).integrals(np.ones(SHAPE, np.float32), lambda v: v.astype(np.float32) * np.float32(0.02))
    inner = made[4:-4, 4:-4]
    assert np.allclose(inner, 0.02 * SHAPE[layout.order[0]] * SPACING[layout.order[0]], rtol=1e-5)


def test_an_oblique_ray_runs_longer_through_a_slab() -> None:
    lattice = grid((31, 9, 31), (4.0, 4.0, 4.0))
    layout = lay_out(Beam("PA", "point", source_mm=400, gap_mm=10, pitch_mm=2.0), lattice)
    made = Rays(layout, "point").integrals(np.ones(lattice.shape, np.float32), as_is, repeat=True)
    row, column = len(made) // 2, len(made[0]) // 4
    angle = np.arctan(np.hypot(layout.across_mm[column], layout.down_mm[row]) / 400)
    assert made[row, column] == pytest.approx(36 / np.cos(angle), rel=1e-5)
    assert made[row, column] > made[row, len(made[0]) // 2] * 1.003


@pytest.mark.parametrize("depth", [-15.0, 0.0, 15.0])
def test_a_point_source_magnifies_by_distance(depth: float) -> None:
    beam = Beam("PA", "point", source_mm=400, gap_mm=10, pitch_mm=0.5)
    layout = lay_out(beam, FINE)
    made = Rays(layout).integrals(sphere(FINE, 8.0, (0, depth, 0)), as_is)
    wide = np.count_nonzero(made[len(made) // 2] > made.max() / 2) * beam.pitch_mm
    # PA: the source is behind, and the detector before the chest; y grows to the back
    to_detector = 10 + 61 / 2 + depth
    half_height = 2 * np.sqrt(8.0**2 - 4.0**2)  # the chord is half as long there
    assert wide == pytest.approx(half_height * 400 / (400 - to_detector), rel=0.04)


def test_what_is_nearer_to_the_source_is_larger_and_that_depends_on_the_view() -> None:
    front = sphere(FINE, 8.0, (0, -15.0, 0))
    wide = {}
    for view in ("PA", "AP"):
        made = Rays(lay_out(Beam(view, "point", 400, 10, 0.5), FINE)).integrals(front, as_is)
        wide[view] = np.count_nonzero(made[len(made) // 2] > made.max() / 2)
    assert wide["AP"] > wide["PA"]


@given(
    pitch=st.floats(0.3, 9.0),
    view=st.sampled_from(["PA", "AP", "LATERAL"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_parallel_rays_conserve_mass_at_any_pitch(pitch: float, view: View, seed: int) -> None:
    lattice = grid((13, 11, 7), (2.5, 1.3, 1.7))
    inner = np.zeros(lattice.shape, np.float32)
    inner[5:8, 4:7, 3:4] = np.random.default_rng(seed).random((3, 3, 1))
    layout = lay_out(Beam(view, "parallel", pitch_mm=pitch), lattice, (200, 200))
    made = Rays(layout).integrals(inner, as_is)
    assert made.sum(dtype=np.float64) * pitch**2 == pytest.approx(
        inner.sum(dtype=np.float64) * np.prod(lattice.spacing_mm), rel=2e-4
    )


@pytest.mark.parametrize("geometry", ["parallel", "point"])
def test_a_mirrored_volume_mirrors_its_film(geometry: str) -> None:
    volume = np.random.default_rng(1).random(SHAPE).astype(np.float32)
    rays = Rays(lay_out(Beam("PA", geometry, 700, 20, 1.1), grid()))  # type: ignore[arg-type]
    made, mirrored = (rays.integrals(each, as_is) for each in (volume, volume[:, :, ::-1]))
    assert np.allclose(made[:, ::-1], mirrored, atol=2e-3)
    assert not np.allclose(made, mirrored, atol=1)


def test_the_head_is_up_and_the_patients_right_is_at_the_left_edge() -> None:
    volume = np.zeros(SHAPE, np.float32)
    volume[30:, :, :8] = 1  # towards the head, and to the patient's right
    for view in ("PA", "AP"):
        made = Rays(lay_out(Beam(view, "point", 900, 20, 1.0), grid())).integrals(volume, as_is)
        rows, columns = np.nonzero(made > made.max() / 2)
        assert rows.max() < len(made) / 3
        assert columns.max() < len(made[0]) / 3


def test_on_a_lateral_film_the_front_is_at_the_left_edge() -> None:
    volume = np.zeros(SHAPE, np.float32)
    volume[:, :6] = 1
    made = Rays(lay_out(Beam("LATERAL", "parallel", pitch_mm=1.0), grid())).integrals(volume, as_is)
    assert np.nonzero(made.any(axis=0))[0].max() < len(made[0]) / 3


@pytest.mark.parametrize("geometry", ["parallel", "point"])
def test_a_mask_goes_through_the_same_rays(geometry: str) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:20, 5:9, 12:30] = 2
    labels[25:28, 20:25, 2:9] = 1
    rays = Rays(lay_out(Beam("PA", geometry, 700, 20, 1.1), grid()))  # type: ignore[arg-type]
    for number in (1, 2):
        whole = rays.integrals(labels, lambda v, n=number: (v == n).astype(np.float32))
        assert np.allclose(rays.way(labels, number), whole, atol=1e-4)
        assert whole.max() > 4
    assert not rays.way(labels, 3).any()


def test_a_point_far_away_is_as_good_as_parallel_rays() -> None:
    volume = np.random.default_rng(2).random(SHAPE).astype(np.float32)
    shape = (80, 60)
    far = Rays(lay_out(Beam("PA", "point", 1e7, 0, 1.0), grid(), shape)).integrals(volume, as_is)
    parallel = Rays(lay_out(Beam("PA", "parallel", pitch_mm=1.0), grid(), shape)).integrals(volume, as_is)
    assert np.allclose(far, parallel, atol=0.02)


def test_rays_over_the_end_of_the_scan_go_on_through_its_last_slice_if_asked_to() -> None:
    volume = np.ones(SHAPE, np.float32)
    rays = Rays(lay_out(Beam("PA", "point", 300, 10, 1.0), grid()))
    cut, repeated = (rays.integrals(volume, as_is, repeat=repeat) for repeat in (False, True))
    column = len(cut[0]) // 2
    assert cut[0, column] < 0.7 * cut[len(cut) // 2, column]
    assert repeated[0, column] >= repeated[len(cut) // 2, column]


@pytest.mark.parametrize("pixel", ["area", "point"])
@pytest.mark.parametrize("pitch", [0.2, 1.0, 3.7])
def test_a_pixel_sees_shares_that_add_up_to_one(pixel: str, pitch: float) -> None:
    centres = (np.arange(9) - 4) * pitch
    first, weights = Weights(centres, np.array([1.0, 1.3]), 101, 0.7, pixel).block(0, 9)  # type: ignore[arg-type]
    assert first >= 0
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)
    middle = (weights * (np.arange(weights.shape[1]) + first - 50)[None, :, None]).sum(axis=1) * 0.7
    assert np.allclose(middle, centres[None] / np.array([[1.0], [1.3]]), atol=1e-4)


def test_sums_of_grey_are_exact() -> None:
    grey = np.random.default_rng(3).integers(0, 256, SHAPE).astype(np.uint8)
    layout = lay_out(Beam("PA", "parallel"), grid(spacing=(1.0, 1.0, 1.0)))
    assert np.array_equal(column_sums(grey, layout, as_is), grey.sum(axis=1)[::-1])


def test_the_pixels_of_a_film_state_their_size_at_the_patient() -> None:
    layout = lay_out(Beam("PA", "point", 1000, 100, 0.5), grid())
    assert layout.grid.spacing_at is SpacingAt.PATIENT
    assert layout.grid.spacing_mm is not None
    middle = 1000 / (1000 - 100 - SHAPE[1] * SPACING[1] / 2)
    assert layout.grid.spacing_mm[0] == pytest.approx(0.5 / middle)
    assert layout.grid.shape[0] == round(SHAPE[0] * SPACING[0] * middle / 0.5)


def test_a_tilted_volume_has_to_be_straightened() -> None:
    affine = grid().affine.copy()
    affine[1, 0] = 0.8
    with pytest.raises(GridMismatch, match=r"tilted by 17\.7 degrees"):
        lay_out(Beam(), VolumeGrid(SHAPE, affine))


@pytest.mark.parametrize(
    "wrong", [{"pitch_mm": 0}, {"source_mm": -1}, {"gap_mm": -1}, {"view": "LL"}, {"geometry": "fan"}]
)
def test_beams_that_make_no_film_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Beam(**wrong)  # type: ignore[arg-type]


def test_a_source_within_the_patient_is_refused() -> None:
    with pytest.raises(ValueError, match="the patient needs"):
        lay_out(Beam("PA", "point", 60, 30, 1.0), grid())


def test_a_film_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="another pitch"):
        lay_out(Beam("PA", "parallel", pitch_mm=0.001), grid())
