"""The crop, the values and the labels of one case; the predecessor's slips, each with a test of its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from hilum.datasets.harmonise.files import write_files
from hilum.datasets.harmonise.film import harmonise_film
from hilum.datasets.harmonise.intensity import Scale, film_scale, inside_body, volume_scale
from hilum.datasets.harmonise.labels import COMBINED, combined, names_of, translated
from hilum.datasets.harmonise.lungs import LungFinder
from hilum.datasets.harmonise.settings import HarmoniseSettings
from hilum.datasets.harmonise.volume import harmonise_volume
from hilum.datasets.open import MASK_LABELS, SPACING_ASSUMED
from hilum.errors import SettingsError
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import Image, LabelMap, Quantity
from hilum.provenance import Source
from hilum.readers import read

ORIGIN = Source("made", "0" * 64)
SHAPE = (11, 60, 70)
GRID = VolumeGrid.of_spacing(SHAPE, (5.0, 2.0, 2.0), (-70.0, -60.0, 100.0))
NONE = LungFinder("source")
NATIVE = HarmoniseSettings(spacing_mm=None, about="centre")


def chest(quantity: Quantity = Quantity.HOUNSFIELD) -> Image:
    """A block of tissue in air, with a lung of -800 in it that grows denser downwards."""
    array = np.full(SHAPE, -1000, np.int16)
    array[:, 8:52, 6:64] = 40
    array[2:9, 15:40, 12:30] = np.arange(-900, -550, 50)[:, None, None]
    if quantity is Quantity.WINDOWED_CT:
        array = np.clip((array + 1000) / 5, 0, 255).astype(np.uint8)
    return Image(array, GRID, quantity, ORIGIN)


def mask(kind: str, *boxes: tuple[int, tuple[slice, slice, slice]], grid: VolumeGrid = GRID) -> LabelMap:
    array = np.zeros(grid.shape, np.uint8)
    for number, box in boxes:
        array[box] = number
    return LabelMap(array, grid, MASK_LABELS[kind], ORIGIN)


LUNG = mask("lungs", (1, np.s_[2:9, 15:40, 12:30]))
LESIONS = mask("lesions", (1, np.s_[3:5, 20:25, 15:20]), (2, np.s_[5, 20:25, 15:20]), (3, np.s_[8, 38:44, 12:20]),
               (6, np.s_[2, 15, 12]))  # fmt: skip


def made(settings: HarmoniseSettings, image: Image | None = None, **masks: LabelMap):
    return harmonise_volume(chest() if image is None else image, masks, settings, NONE)


@pytest.mark.parametrize("size", [(21, 80, 101), (5, 30, 31), (21, 30, 70), (11, 60, 70)])
def test_a_crop_about_the_centre_pads_and_cuts_both_ends_alike(size: tuple[int, int, int]) -> None:
    found = made(replace(NATIVE, size=size))
    assert found.array.shape == size
    for axis, (count, length) in enumerate(zip(size, SHAPE, strict=True)):
        before = (found.lattice.axes[axis].start, found.lattice.axes[axis].count)
        ends = -before[0], before[0] + count - length
        assert abs(ends[0] - ends[1]) <= 1
    middles = [grid.position_mm((np.array(grid.shape) - 1) / 2) for grid in (found.grid, GRID)]
    assert np.abs(middles[0] - middles[1]).max() <= 2.5


def test_the_origin_moves_with_the_crop_so_that_every_voxel_stays_where_it_was() -> None:
    found = made(HarmoniseSettings(spacing_mm=None, margin_mm=0), lungs=LUNG)
    assert found.array.shape == (7, 25, 18)
    place = found.grid.position_mm(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(place, GRID.position_mm(np.array([3.0, 17.0, 15.0])))
    np.testing.assert_array_equal(found.array, chest().array[2:9, 15:40, 12:30])
    assert not found.is_cut


def test_the_margin_is_in_millimetres_and_ends_where_the_volume_does() -> None:
    found = made(HarmoniseSettings(spacing_mm=None, margin_mm=20), lungs=LUNG)
    assert [axis.start for axis in found.lattice.axes] == [0, 5, 2]
    assert found.array.shape == (11, 45, 38)


def test_effusion_outside_the_lungs_is_in_the_crop_too() -> None:
    found = made(HarmoniseSettings(margin_mm=0), lungs=LUNG, lesions=LESIONS)
    assert (found.masks["lesions"] == 3).sum() > 0
    assert not found.is_cut
    small = made(HarmoniseSettings(size=(4, 20, 20)), lungs=LUNG, lesions=LESIONS)
    assert small.is_cut
    assert small.array.shape == (4, 20, 20)


def test_without_lungs_and_lesions_a_crop_about_the_lungs_is_the_whole() -> None:
    found = made(HarmoniseSettings(spacing_mm=None))
    assert found.array.shape == SHAPE
    assert found.lungs == "none, and not looked for"
    assert "lungs" not in found.masks


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_every_order_of_the_axes_gives_the_same_database(axes: tuple[int, int, int]) -> None:
    settings = HarmoniseSettings(normalise="percentile")
    wanted = made(settings, lungs=LUNG, lesions=LESIONS)
    affine = np.column_stack([GRID.affine[:, axes], GRID.affine[:, 3]])
    grid = VolumeGrid(tuple(SHAPE[axis] for axis in axes), affine).flipped(1)

    def turn(array: np.ndarray) -> np.ndarray:
        return array.transpose(axes)[:, ::-1]

    image = Image(turn(chest().array), grid, Quantity.HOUNSFIELD, ORIGIN)
    masks = {
        kind: LabelMap(turn(each.array), grid, each.labels, ORIGIN)
        for kind, each in (("lungs", LUNG), ("lesions", LESIONS))
    }
    found = harmonise_volume(image, masks, settings, NONE)
    np.testing.assert_array_equal(found.array, wanted.array)
    np.testing.assert_array_equal(found.masks["lesions"], wanted.masks["lesions"])
    assert found.grid.same_as(wanted.grid)


def test_percentiles_do_not_depend_on_the_field_of_view() -> None:
    wide = np.full((11, 100, 130), -1000, np.int16)
    wide[:, 20:80, 30:100] = chest().array
    wide[:, 90:92, 10:120] = 100  # a table
    grid = VolumeGrid.of_spacing(wide.shape, (5.0, 2.0, 2.0))
    settings = replace(NATIVE, normalise="percentile")
    one, other = (volume_scale(image, settings) for image in (chest(), Image(wide, grid, Quantity.HOUNSFIELD, ORIGIN)))
    assert (one.low, one.high) == (other.low, other.high)
    assert one.low < -700
    assert one.high == 40
    assert (inside_body(chest()) > -950).all()


def test_grey_levels_keep_their_window_unless_percentiles_are_asked_for() -> None:
    grey = chest(Quantity.WINDOWED_CT)
    window = made(replace(NATIVE, normalise="window"), grey)
    np.testing.assert_array_equal(window.array, grey.array)
    assert inside_body(grey).min() > 0
    stretched = made(replace(NATIVE, normalise="percentile"), grey)
    assert stretched.array.max() == 255
    padded = made(replace(NATIVE, size=(13, 60, 70)), grey)
    assert (padded.array[0] == 0).all()


def test_a_window_is_linear_between_its_ends() -> None:
    found = made(replace(NATIVE, normalise="window", window_hu=(-1000, 40)))
    assert found.array.dtype == np.uint8
    assert set(np.unique(found.array[0]).tolist()) == {0, 255}
    intensity = found.scale.as_json()
    back = found.array * intensity["slope"] + intensity["intercept"]
    np.testing.assert_allclose(back, chest().array, atol=1040 / 255 / 2)


def test_values_that_do_not_fit_are_clipped() -> None:
    out = np.zeros((1, 3), np.int16)
    Scale(np.dtype(np.int16)).store(np.array([[-4e4, 0.6, 4e4]], np.float32), out)
    assert out.tolist() == [[-32768, 1, 32767]]


def test_an_empty_volume_has_percentiles_too() -> None:
    array = np.full(SHAPE, -1000, np.int16)
    found = made(replace(NATIVE, normalise="percentile"), Image(array, GRID, Quantity.HOUNSFIELD, ORIGIN))
    assert (found.array == 0).all()


def test_labels_that_are_kept_keep_their_classes() -> None:
    np.testing.assert_array_equal(translated(LESIONS, "lesions", "keep"), LESIONS.array)
    assert names_of("lesions", "keep")[3] == "effusion"


def test_merged_labels_have_effusion_apart_and_what_nobody_knows_unknown() -> None:
    merged = translated(LESIONS, "lesions", "merge")
    names = names_of("lesions", "merge")
    assert [names[int(merged[place])] for place in ((3, 20, 15), (5, 20, 15), (8, 40, 15), (2, 15, 12))] == [
        "infection", "infection", "effusion", "ignore",
    ]  # fmt: skip
    sides = translated(mask("lungs", (2, np.s_[1]), (3, np.s_[2])), "lungs", "merge")
    assert set(np.unique(sides).tolist()) == {0, 1}


def test_a_lesion_that_the_lungs_leave_out_stays_a_lesion() -> None:
    lungs, lesions = (translated(each, kind, "merge") for kind, each in (("lungs", LUNG), ("lesions", LESIONS)))
    both = combined(lungs, lesions)
    assert COMBINED[int(both[8, 43, 15])] == "effusion"
    assert lungs[8, 43, 15] == 0
    assert COMBINED[int(both[3, 21, 16])] == "infection"
    assert COMBINED[int(both[3, 39, 29])] == "lungs"
    assert COMBINED[int(both[2, 15, 12])] == "ignore"
    np.testing.assert_array_equal(combined(None, lesions) > 1, lesions > 0)


def test_a_single_slice_stays_one_and_hounsfield_units_do_not_go_into_pictures(tmp_path) -> None:
    grid = VolumeGrid.of_spacing((1, 60, 70), (5.0, 2.0, 2.0))
    image = Image(chest().array[5:6], grid, Quantity.HOUNSFIELD, ORIGIN)
    settings = HarmoniseSettings(size=(80, 90, 120))
    found = made(settings, image)
    assert found.array.shape == (1, 90, 120)
    (stored,) = write_files(found, tmp_path, settings)
    again = read(tmp_path / stored.image)
    assert again.array.min() == -750
    assert again.array.max() == 40


def test_without_a_spacing_a_slice_is_resized_and_not_resampled() -> None:
    grid = VolumeGrid.of_spacing((1, 60, 70), (1.0, 1.0, 1.0))
    image = Image(
        chest(Quantity.WINDOWED_CT).array[5:6], grid, Quantity.WINDOWED_CT, ORIGIN, findings=(SPACING_ASSUMED,)
    )
    assert made(HarmoniseSettings(), image).array.shape == (1, 60, 70)
    assert made(HarmoniseSettings(film_px=35), image).array.shape == (1, 30, 35)
    found = made(HarmoniseSettings(lungs="classical"), image)
    assert not found.is_to_scale


def test_lungs_are_found_where_a_source_has_none() -> None:
    found = harmonise_volume(chest(), {}, HarmoniseSettings(), LungFinder("classical"))
    assert found.lungs in ("classical", "none found (classical)")
    grey = harmonise_volume(chest(Quantity.WINDOWED_CT), {}, NATIVE, LungFinder("classical"))
    assert grey.lungs.startswith("none: the classical method needs Hounsfield units")


def test_films_of_sixteen_bits_keep_them() -> None:
    array = (np.arange(40 * 30).reshape(40, 30) * 50).astype(np.uint16)
    film = Image(array, PlaneGrid((40, 30), (0.2, 0.2)), Quantity.RADIOGRAPH, ORIGIN)
    found = harmonise_film(film, {}, HarmoniseSettings(), NONE)
    np.testing.assert_array_equal(found.array[0], array)
    assert film_scale(array, HarmoniseSettings(normalise="percentile")).as_json()["type"] == "uint8"
    half = harmonise_film(film, {}, HarmoniseSettings(film_px=20), NONE)
    assert half.array.shape == (1, 20, 15)
    assert half.grid.spacing_mm == pytest.approx((0.4, 0.4))


@pytest.mark.parametrize(
    "wrong",
    [{"form": "films"}, {"labels": "all"}, {"spacing_mm": (1.0, 0.0, 1.0)}, {"window_hu": (0.0, 0.0)},
     {"percentiles": (-1.0, 99.0)}, {"margin_mm": float("nan")}, {"film_px": 0}, {"form": "slices"}],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(wrong: dict) -> None:
    with pytest.raises(SettingsError):
        HarmoniseSettings(**wrong)
