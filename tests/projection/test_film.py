"""Films of computed chests: sides, orientation, table, masks, outlines, the plain sum, the same bytes again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hilum
from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap, Quantity
from hilum.phantom import Lesion, Thorax, default_grid, thorax
from hilum.preprocessing.body import body_of
from hilum.projection import Projection, project
from hilum.provenance import sources, walk
from hilum.settings import ProjectSettings

COARSE = ProjectSettings(pitch_mm=2.0)


@pytest.fixture(scope="module")
def chest() -> Thorax:
    lesions = (Lesion("consolidation", "right-middle", 150, seed=1), Lesion("ground-glass", "left-lower", 200, seed=2))
    return thorax(4, grid=default_grid(4, spacing_mm=(5.0, 4.0, 4.0)), lesions=lesions)


@pytest.fixture(scope="module")
def made(chest: Thorax) -> Projection:
    masks = {"lungs": chest.lungs, "lobes": chest.lobes, "lesions": chest.lesions}
    return project(chest.ct, masks, COARSE)


def turned(image: Image | LabelMap) -> Image | LabelMap:
    """The same voxels in another order: columns, slices, rows, two of them reversed."""
    grid = image.grid
    assert isinstance(grid, VolumeGrid)
    grid = grid.flipped(0).flipped(2)
    affine = np.column_stack([grid.affine[:, [2, 0, 1]], grid.affine[:, 3]])
    shape = (grid.shape[2], grid.shape[0], grid.shape[1])
    array = np.ascontiguousarray(image.array[::-1, :, ::-1].transpose(2, 0, 1))
    return replace(image, array=array, grid=VolumeGrid(shape, affine))


def test_it_is_a_film(made: Projection) -> None:
    assert made.film.quantity is Quantity.RADIOGRAPH
    assert made.film.array.dtype == np.uint16
    assert made.film.view == "PA"
    assert made.attenuation.quantity is Quantity.ATTENUATION
    for mask in (*made.masks.values(), *made.shadows.values(), made.attenuation):
        assert made.film.plane.same_as(mask.grid)


def test_lungs_are_darker_than_the_heart_and_the_belly(made: Projection) -> None:
    grey, lungs = made.film.array / 65535, made.masks["lungs"].mask()
    rows, columns = np.nonzero(lungs)
    middle = slice(round(columns.mean()) - 5, round(columns.mean()) + 5)
    assert np.median(grey[lungs]) < np.median(grey[round(rows.mean()) : rows.max(), middle]) - 0.25
    assert np.median(grey[lungs]) < np.median(grey[-10:, middle]) - 0.25
    assert 0.02 < np.median(grey[lungs]) < 0.5


def test_the_patients_right_lung_is_at_the_left_edge(made: Projection) -> None:
    right, left = (np.nonzero(made.masks["lungs"].mask(f"{side}-lung"))[1].mean() for side in ("right", "left"))
    assert right < made.film.array.shape[1] / 2 < left


def test_the_order_of_the_voxels_does_not_matter(chest: Thorax, made: Projection) -> None:
    other = project(turned(chest.ct), {"lungs": turned(chest.lungs)}, COARSE)  # type: ignore[arg-type]
    assert np.array_equal(other.film.array, made.film.array)
    assert np.array_equal(other.masks["lungs"].array, made.masks["lungs"].array)


def test_two_runs_give_the_same_bytes_and_another_seed_does_not(chest: Thorax, made: Projection) -> None:
    again, other = (project(chest.ct, None, replace(COARSE, seed=seed)) for seed in (0, 1))
    assert again.film.array.tobytes() == made.film.array.tobytes()
    assert other.film.array.tobytes() != made.film.array.tobytes()
    assert np.array_equal(other.attenuation.array, made.attenuation.array)


def test_thickness_of_a_mask_adds_up_to_its_volume(chest: Thorax) -> None:
    settings = replace(COARSE, geometry="parallel")
    ways = project(chest.ct, {"lungs": chest.lungs}, settings).thickness_mm["lungs"]
    for name in ("right-lung", "left-lung"):
        assert ways[name].sum(dtype=np.float64) * 4.0 / 1000 == pytest.approx(chest.volume_ml(name), rel=0.01)


def test_lobes_add_up_to_the_lungs(made: Projection) -> None:
    lungs, lobes = (np.sum(list(made.thickness_mm[name].values()), axis=0) for name in ("lungs", "lobes"))
    assert np.allclose(lungs, lobes, atol=1e-2)


def test_an_outline_is_a_part_of_the_shadow_without_the_spine_and_what_is_below_the_dome(made: Projection) -> None:
    outline, shadow = made.masks["lungs"].array, made.shadows["lungs"].array
    assert np.array_equal(outline[outline > 0], shadow[outline > 0])
    assert 0.6 < np.count_nonzero(outline) / np.count_nonzero(shadow) < 0.97
    assert np.nonzero(outline)[0].max() < np.nonzero(shadow)[0].max()


def test_outlines_are_nearly_those_of_the_phantom_itself() -> None:
    from hilum.phantom import film, film_grid

    source = thorax(5, grid=film_grid(5, in_plane_mm=2.6, depth_mm=5.0))
    truth = film(source, shape=(131, 127))
    settings = ProjectSettings(geometry="parallel", pitch_mm=2.6)
    found = project(source.ct, {"lungs": source.lungs}, settings).masks["lungs"].array > 0
    assert truth.image.plane.spacing_mm is not None
    rows, columns = (
        np.clip(((np.arange(n) - (n - 1) / 2) * truth.image.plane.spacing_mm[0] / 2.6 + (m - 1) / 2).round(), 0, m - 1)
        for n, m in zip(truth.lungs.array.shape, found.shape, strict=True)
    )
    seen = found[rows.astype(int)[:, None], columns.astype(int)[None]]
    reference = truth.lungs.array > 0
    assert 2 * (seen & reference).sum() / (seen.sum() + reference.sum()) > 0.93


def test_lesions_lie_within_the_outlines(made: Projection) -> None:
    lesions = made.masks["lesions"]
    assert lesions.pixels("consolidation") > 0
    assert not (lesions.mask() & ~made.masks["lungs"].mask()).any()
    assert made.shadows["lesions"].mask().sum() >= lesions.mask().sum()


def test_on_a_lateral_film_nothing_is_cut_off(chest: Thorax) -> None:
    lateral = project(chest.ct, {"lungs": chest.lungs}, replace(COARSE, view="LATERAL"))
    assert lateral.film.view == "LATERAL"
    assert np.array_equal(lateral.masks["lungs"].array, lateral.shadows["lungs"].array)


def with_table(chest: Thorax) -> Image:
    """The chest on a hollow table: two thin shells behind it, as wide as the field of view."""
    extra = 12
    array = np.pad(chest.ct.array, ((0, 0), (0, extra), (0, 0)), constant_values=-1000)
    array[:, -6:-5] = 300
    array[:, -2:-1] = 300
    return replace(chest.ct, array=array, grid=chest.grid.cropped((0, 0, 0), array.shape))


def test_the_table_is_taken_away_and_the_lungs_are_not(chest: Thorax) -> None:
    image = with_table(chest)
    body = body_of(image)
    assert not body[:, -6:].any()
    lungs = np.pad(chest.lungs.array, ((0, 0), (0, 12), (0, 0)))
    assert body[lungs > 0].all()
    kept, removed = (
        project(image, None, replace(COARSE, geometry="parallel", remove_table=remove)).attenuation.array
        for remove in (False, True)
    )
    assert (kept - removed).min() > -1e-3
    assert np.median(kept - removed) == pytest.approx(2 * 4.0 * 0.0277, rel=0.2)


def test_a_volume_of_air_has_no_body(chest: Thorax) -> None:
    air = replace(chest.ct, array=np.full_like(chest.ct.array, -1000))
    assert not body_of(air).any()


def test_a_tilted_volume_is_straightened(chest: Thorax, made: Projection) -> None:
    angle = np.deg2rad(8)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    grid = VolumeGrid(chest.grid.shape, turn @ chest.grid.affine)
    tilted = project(replace(chest.ct, grid=grid), {"lungs": replace(chest.lungs, grid=grid)}, COARSE)
    assert any(getattr(node, "operation", "") == "straighten" for node in walk(tilted.masks["lungs"].origin)) is False
    volume = tilted.thickness_mm["lungs"]["right-lung"].sum() / made.thickness_mm["lungs"]["right-lung"].sum()
    assert volume == pytest.approx(1, abs=0.05)
    assert tilted.film.array.shape[0] > made.film.array.shape[0]


def test_the_plain_sum_is_a_straight_line_in_the_sum_of_grey(chest: Thorax) -> None:
    made = project(chest.ct, None, ProjectSettings(method="sum", pitch_mm=4.0))
    low, high = float(chest.ct.array.min()), float(chest.ct.array.max())
    grey = np.rint((chest.ct.array - low) * 255 / (high - low))
    sums = grey.sum(axis=1)[::-1] * chest.grid.spacing_mm[1]
    assert made.film.array.max() == 65535
    assert made.attenuation.array.max() == pytest.approx(sums.max(), rel=0.02)
    assert made.attenuation.array.mean() == pytest.approx(sums.mean(), rel=0.02)


def test_more_quanta_make_less_noise(chest: Thorax) -> None:
    few, many, endless = (
        project(chest.ct, None, replace(COARSE, photons=photons)).film.array.astype(float)
        for photons in (300.0, 3e4, 1e9)
    )
    assert np.std(few - endless) > 3 * np.std(many - endless)


def test_it_knows_where_it_comes_from(chest: Thorax, made: Projection) -> None:
    step = made.film.origin
    assert getattr(step, "operation", "") == "project"
    assert step.settings["energy_kev"] == 60.0  # type: ignore[union-attr]
    assert chest.ct.origin in list(walk(step))
    assert sources(step) == sources(chest.ct.origin)


def test_what_is_no_ct_is_refused(chest: Thorax) -> None:
    with pytest.raises(WrongQuantity):
        project(replace(chest.ct, quantity=Quantity.PROBABILITY))


def test_a_mask_on_other_voxels_is_refused(chest: Thorax) -> None:
    moved = replace(chest.lungs, grid=chest.grid.cropped((1, 0, 0), chest.grid.shape))
    with pytest.raises(GridMismatch):
        project(chest.ct, {"lungs": moved})


def test_it_is_public() -> None:
    assert hilum.project is project
