"""Films: geometry, sides, masks against the volume, exposure."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.geometry import SpacingAt
from hilum.image import LESIONS, LUNGS, Quantity
from hilum.phantom import (
    Exposure,
    Lesion,
    PhantomFilm,
    Thorax,
    default_grid,
    demo_film,
    draw_exposure,
    film,
    film_grid,
    sample_film,
    thorax,
)
from hilum.phantom.film import attenuation
from hilum.projection.exposure import blur

from .test_thorax import oblique_grid


def test_a_film_is_upright_and_on_one_grid(plain_film: PhantomFilm) -> None:
    image = plain_film.image
    assert image.quantity is Quantity.RADIOGRAPH
    assert image.array.dtype == np.uint8
    assert image.array.shape == (131, 127)
    assert image.plane.orientation.is_upright
    assert image.plane.spacing_at is SpacingAt.PATIENT
    assert image.view == "PA"
    for labels in (plain_film.lungs, plain_film.projected_lungs, plain_film.lesions):
        assert labels.grid.same_as(image.grid)
    assert plain_film.lungs.labels == LUNGS
    assert plain_film.lesions.labels == LESIONS


def test_the_patients_right_is_at_the_left_edge(plain_film: PhantomFilm) -> None:
    columns = [np.argwhere(plain_film.lungs.mask(name))[:, 1].mean() for name in ("right-lung", "left-lung")]
    assert columns[0] < 0.45 * 127 < 0.55 * 127 < columns[1]


def test_the_head_is_up(plain_film: PhantomFilm) -> None:
    grey = plain_film.image.array.astype(float)
    below, above = grey[-10:, 50:77].mean(), grey[:10, :20].mean()
    assert below > above + 60  # the belly is dense; beside the neck there is air


def test_lungs_are_dark_and_the_heart_is_bright(plain_film: PhantomFilm) -> None:
    grey, outline = plain_film.image.array, plain_film.lungs.mask()
    sick = plain_film.lesions.mask()
    assert np.median(grey[outline & ~sick]) < np.median(grey[70:110, 55:72]) - 30


def test_outlines_end_at_the_dome_and_projections_below_it(plain_film: PhantomFilm) -> None:
    outline, projected = plain_film.lungs.array, plain_film.projected_lungs.array
    assert np.array_equal(projected[outline > 0], outline[outline > 0])
    for side in (1, 2):
        lowest = [np.argwhere(labels == side)[:, 0].max() for labels in (outline, projected)]
        assert lowest[1] >= lowest[0]
    assert 0.7 < (outline > 0).sum() / (projected > 0).sum() < 0.95


def test_outlines_are_two_pieces_that_fill_their_hulls(plain_film: PhantomFilm) -> None:
    from scipy.ndimage import label

    for name in ("right-lung", "left-lung"):
        mask = plain_film.lungs.mask(name)
        assert label(mask)[1] == 1
        assert label(~mask)[1] == 1  # no holes
        rows, columns = np.argwhere(mask).T
        assert 1.2 < np.ptp(rows) / np.ptp(columns) < 3.2


def test_thickness_adds_up_to_the_volume(film_source: Thorax) -> None:
    down, _, across = film_source.grid.spacing_mm
    shape = (film_source.grid.shape[0], film_source.grid.shape[2])
    made = film(film_source, shape=shape)
    pixel_mm2 = float(np.prod(made.image.plane.spacing_mm or (0, 0)))
    assert made.image.plane.spacing_mm == pytest.approx((down, across))
    for name in ("right-lung", "left-lung", "ground-glass", "consolidation", "effusion"):
        volume = made.thickness_mm[name].sum() * pixel_mm2 / 1000
        assert volume == pytest.approx(film_source.volume_ml(name), rel=0.01)


def test_lesion_masks_lie_in_the_lungs_on_their_side(plain_film: PhantomFilm) -> None:
    lesions, lungs = plain_film.lesions.array, plain_film.lungs.array
    assert not ((lesions > 0) & (lungs == 0)).any()
    assert (lungs[lesions == 2] == 2).mean() > 0.95  # the consolidation is on the left
    for name in ("ground-glass", "consolidation", "effusion"):
        assert plain_film.lesions.pixels(name) > 20


def test_a_healthy_film_has_no_lesions(healthy: Thorax) -> None:
    made = film(healthy, shape=(64, 64))
    assert not made.lesions.mask().any()
    assert made.lungs.mask().any()


def test_lesions_are_brighter_than_the_lung_they_replace() -> None:
    grid = film_grid(8, in_plane_mm=4.0, depth_mm=8.0)
    without, with_ = (
        film(thorax(8, grid=grid, lesions=found), shape=(96, 96), exposure=Exposure(photons=1e9))
        for found in ((), (Lesion("consolidation", "right-middle", 150),))
    )
    dense = with_.lesions.mask("consolidation")
    gain = with_.image.array.astype(float) - without.image.array
    assert gain[dense].mean() > 15
    assert abs(gain[~dense & with_.lungs.mask("left-lung")].mean()) < 8


def test_an_effusion_fills_the_lower_outer_corner() -> None:
    source = thorax(8, grid=film_grid(8, in_plane_mm=4.0, depth_mm=8.0), lesions=[Lesion("effusion", "right", 500)])
    made = film(source, shape=(96, 96))
    rows, columns = np.argwhere(made.lesions.mask("effusion")).T
    lung_rows, lung_columns = np.argwhere(made.lungs.mask("right-lung")).T
    assert rows.mean() > np.percentile(lung_rows, 75)
    assert columns.min() <= lung_columns.min() + 3


def test_a_mirrored_film_is_the_mirror_image_with_sides_named_anew(film_source: Thorax) -> None:
    bare = Exposure(photons=1e12)
    plain, mirrored = (film(film_source, shape=(90, 84), exposure=bare, is_mirrored=m) for m in (False, True))
    difference = np.abs(mirrored.image.array[:, ::-1].astype(int) - plain.image.array)
    assert np.median(difference) <= 1
    swapped = np.array([0, 2, 1], dtype=np.uint8)[plain.lungs.array[:, ::-1]]
    assert (mirrored.lungs.array == swapped).mean() > 0.995
    assert (mirrored.lesions.array[:, ::-1] == plain.lesions.array).mean() > 0.995


def test_axes_of_the_volume_may_run_any_way() -> None:
    grid = default_grid(2, spacing_mm=(6.0, 7.0, 5.0))
    plain = film(thorax(2, grid=grid), shape=(60, 61))
    flipped = film(thorax(2, grid=grid.flipped(0).flipped(1).flipped(2)), shape=(60, 61))
    assert (plain.lungs.array == flipped.lungs.array).mean() > 0.99
    assert np.abs(plain.thickness_mm["left-lung"] - flipped.thickness_mm["left-lung"]).max() < 1


def test_an_oblique_volume_is_refused() -> None:
    with pytest.raises(ValueError, match="this grid is oblique"):
        film(thorax(4, grid=oblique_grid(18.0)), shape=(64, 64))


def test_turning_the_patient_moves_the_front_against_the_back(film_source: Thorax) -> None:
    straight, turned = (film(film_source, shape=(90, 84), rotation_deg=deg) for deg in (0.0, 8.0))
    assert not np.array_equal(straight.image.array, turned.image.array)
    for name in ("right-lung", "left-lung"):
        total = [made.thickness_mm[name].sum() for made in (straight, turned)]
        assert total[1] == pytest.approx(total[0], rel=0.02)


def test_a_lateral_film_shows_the_front_at_the_left_edge(film_source: Thorax) -> None:
    made = film(film_source, shape=(90, 70), view="LATERAL", exposure=Exposure(photons=1e9))
    assert made.image.view == "LATERAL"
    assert made.image.array.shape == (90, 70)
    bright = made.image.array[45].astype(float)
    assert np.argmax(bright[20:60]) > 15  # the spine lies towards the right edge


@pytest.mark.parametrize("shape", [(7, 64), (0, 10)])
def test_too_small_a_film_is_refused(healthy: Thorax, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no film of"):
        film(healthy, shape=shape)


def test_an_unknown_view_is_refused(healthy: Thorax) -> None:
    with pytest.raises(ValueError, match="PA or LATERAL"):
        film(healthy, shape=(64, 64), view="OBLIQUE")  # type: ignore[arg-type]


def test_awkward_shapes_have_square_pixels(healthy: Thorax) -> None:
    made = film(healthy, shape=(211, 97))
    rows, columns = made.image.plane.spacing_mm or (0, 1)
    assert rows == columns


def test_sixteen_bits_hold_the_same_picture(healthy: Thorax) -> None:
    eight, sixteen = (film(healthy, shape=(64, 64), bits=bits).image.array for bits in (8, 16))
    assert sixteen.dtype == np.uint16
    assert len(np.unique(sixteen)) > 256
    assert np.abs(sixteen / 257.0 - eight).max() <= 0.51


def test_noise_follows_its_seed_and_the_photons(healthy: Thorax) -> None:
    def pixels(seed: int, photons: float) -> np.ndarray:
        return film(healthy, shape=(64, 64), seed=seed, exposure=Exposure(photons=photons)).image.array.astype(float)

    assert np.array_equal(pixels(1, 1e4), pixels(1, 1e4))
    assert not np.array_equal(pixels(1, 1e4), pixels(2, 1e4))
    noisy, clean = (np.abs(pixels(1, n) - pixels(2, n)).mean() for n in (300, 1e6))
    assert noisy > 3 * clean


def test_borders_are_dark_and_markers_are_bright(healthy: Thorax) -> None:
    made = film(healthy, shape=(128, 128), exposure=Exposure(border_mm=(20, 0, 20, 0), marker="L"))
    assert made.image.array[0].max() < 10
    assert made.image.array[:, 0].max() < 10
    assert made.image.array[-1].max() > 50
    assert made.image.array[:20, 100:].max() > 200


def test_exposures_are_drawn_by_seed() -> None:
    assert draw_exposure(1) == draw_exposure(1)
    assert draw_exposure(1) != draw_exposure(2)
    assert draw_exposure(3).photons > 1000


def test_water_bone_and_air_attenuate_as_they_should() -> None:
    air, water, bone = attenuation(np.array([-1000, 0, 1000], dtype=np.int16))
    assert air == 0
    assert water == pytest.approx(0.0193)
    assert bone > 2 * water
    assert attenuation(np.array([-1100.0]))[0] == 0


@pytest.mark.parametrize("sigma", [0.1, 1.3, 5.0, 20.0])
def test_blur_keeps_constants_and_means(sigma: float) -> None:
    assert blur(np.full((61, 83), 3.0, dtype=np.float32), sigma) == pytest.approx(3.0, abs=1e-3)
    noise = np.random.default_rng(1).uniform(0, 1, (161, 163)).astype(np.float32)
    assert blur(noise, sigma).mean() == pytest.approx(noise.mean(), abs=0.005)
    assert blur(noise, sigma).std() <= noise.std()


def test_samples_are_varied() -> None:
    first, second = (sample_film(seed, severity=0.5, shape=(160, 160)) for seed in (1, 2))
    assert first.image.array.shape == (160, 160)
    assert first.lesions.mask().any()
    assert not np.array_equal(first.lungs.array, second.lungs.array)
    assert not sample_film(3, shape=(64, 64)).lesions.mask().any()


def test_the_demo_is_a_large_diseased_film() -> None:
    made = demo_film()
    assert made.image.array.shape == (1024, 1024)
    assert made.lesions.pixels("ground-glass") > 5000
    assert made.lesions.pixels("consolidation") > 5000
    for side in (1, 2):
        assert 0.08 < made.lesions.mask()[made.lungs.array == side].mean() < 0.6
