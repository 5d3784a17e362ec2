"""The input gate of CT: what is refused, what is warned of, and what is let through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.datasets.open import SPACING_ASSUMED
from hilum.errors import Refused, WrongQuantity
from hilum.gate import CODES, refuse
from hilum.gate_ct import after, before, scored
from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity
from hilum.phantom import default_grid, thorax
from hilum.provenance import Source
from hilum.readers import from_array, read
from hilum.settings import GateSettings

ON, OFF = GateSettings(), GateSettings(enabled=False)
SOURCE = Source("scan.nii", "0" * 64)


@pytest.fixture(scope="module")
def phantom():
    """A thorax on a coarse grid."""
    return thorax(1, grid=default_grid(1, spacing_mm=(8, 5, 5)))


@pytest.fixture
def scan(phantom):
    """Its CT, with noise, and with slices near enough to be no matter of concern."""
    grid = phantom.grid
    affine = grid.affine.copy()
    affine[:3, :3] *= np.array([5 / 8, 1, 1])
    noise = np.random.default_rng(0).normal(0, 12, grid.shape)
    return replace(phantom.ct, array=(phantom.ct.array + noise).astype(np.int16), grid=VolumeGrid(grid.shape, affine))


def of(scan: Image, array) -> Image:
    return replace(scan, array=np.asarray(array), grid=VolumeGrid(array.shape, scan.volume.affine))


def scaled(scan: Image, *factors: float) -> Image:
    """The same voxels with other distances."""
    return replace(scan, grid=VolumeGrid(scan.array.shape, scan.volume.affine @ np.diag([*factors, 1.0])))


def codes(findings):
    return [(finding.code, finding.gravity) for finding in findings]


def test_a_chest_passes_without_a_word(scan):
    assert before(scan, ON) == ()


def test_what_the_reader_noticed_comes_along(scan):
    note = Finding("contrast-unknown", Gravity.NOTE, "So it is.")
    assert before(replace(scan, findings=(note,)), ON) == (note,)


def test_a_film_is_none_of_its_business():
    with pytest.raises(WrongQuantity):
        before(from_array(np.zeros((50, 60))), ON)


@pytest.mark.parametrize(
    ("change", "code", "phrase"),
    [
        (lambda hu: hu + 1024, "shifted-hounsfield", "about 1024 too high, as if the rescale intercept was left out"),
        (
            lambda hu: hu - 1024,
            "shifted-hounsfield",
            "about 1024 too low, as if the rescale intercept was applied twice",
        ),
        (lambda hu: hu * 2, "not-hounsfield", "its rescale slope is wrong"),
        (lambda hu: hu / 2, "not-hounsfield", "its rescale slope is wrong"),
        (lambda hu: np.clip((hu + 1000) / 5, 0, 255).round(), "not-hounsfield", "an 8-bit picture of a CT"),
        (lambda hu: (hu + 1000) / 2000, "not-hounsfield", "scaled to another range"),
        (lambda hu: np.random.default_rng(0).gamma(2, 60, hu.shape), "not-hounsfield", "an MR image"),
    ],
)
def test_other_numbers_than_hounsfield_units_are_refused(scan, change, code, phrase):
    made = of(scan, change(scan.array.astype(np.float32)).astype(np.float32))
    found = before(made, ON)
    assert codes(found) == [(code, Gravity.ERROR)]
    assert phrase in found[0].message
    with pytest.raises(Refused, match=code):
        refuse(found, "scan.nii")


@pytest.mark.parametrize("slope", [0.8, 1.2])
def test_a_slope_that_is_a_little_wrong_is_warned_of(scan, slope):
    assert ("doubtful-hounsfield", Gravity.WARNING) in codes(before(of(scan, scan.array * np.float32(slope)), ON))


@pytest.mark.parametrize("padding", [-2000, -3024, -1024])
def test_filling_round_the_field_of_view_is_no_fault(scan, padding):
    array = scan.array.copy()
    array[:, :6], array[:, -6:], array[:, :, :6] = padding, padding, padding
    assert before(of(scan, array), ON) == ()


def test_another_body_part_is_warned_of(scan):
    array = scan.array.copy()
    array[(array > -960) & (array < -300)] = 40
    assert codes(before(of(scan, array), ON)) == [("other-body-part", Gravity.WARNING)]


@pytest.mark.parametrize("labels", [2, 3, 16])
def test_a_mask_is_no_scan(scan, labels):
    array = np.arange(scan.array.size, dtype=np.int16).reshape(scan.array.shape) % labels
    found = before(of(scan, array), ON)
    assert codes(found) == [("mask-given", Gravity.ERROR)]
    assert f"It holds {labels} different values only" in found[0].message


def test_a_mask_of_many_structures_is_no_hounsfield(scan):
    array = np.arange(scan.array.size, dtype=np.int16).reshape(scan.array.shape) % 17
    assert codes(before(of(scan, array), ON)) == [("not-hounsfield", Gravity.ERROR)]


def test_one_label_in_one_voxel_is_found(scan):
    array = np.zeros(scan.array.shape, np.int16)
    array[1, 1, 1] = 1
    assert codes(before(of(scan, array), ON)) == [("mask-given", Gravity.ERROR)]


@pytest.mark.parametrize("strange", [-7, 300, np.arange(17)])
def test_what_is_no_label_is_found_wherever_it_hides(strange):
    array = np.zeros((6, 130, 130), np.int16)
    array[2, 2, 2] = 1
    array[3, 3, 3 : 3 + np.size(strange)] = strange
    image = Image(array, VolumeGrid.of_spacing(array.shape, (5, 2, 2)), Quantity.HOUNSFIELD, SOURCE)
    assert "mask-given" not in {finding.code for finding in before(image, ON)}


@pytest.mark.parametrize("value", [-1000, 0, 40])
def test_an_empty_volume(scan, value):
    found = before(of(scan, np.full(scan.array.shape, value, np.int16)), ON)
    assert codes(found) == [("nearly-constant", Gravity.ERROR)]
    assert f"All of its voxels have the value {value}" in found[0].message


@pytest.mark.parametrize(("count", "phrase"), [(1, "It has one slice"), (4, "It has 4 slices")])
def test_too_few_slices(scan, count, phrase):
    found = before(of(scan, scan.array[20 : 20 + count]), ON)
    assert found[0].code == "too-few-slices"
    assert found[0].gravity is Gravity.ERROR
    assert found[0].message.startswith(f"{phrase} from feet to head, and at least 5 are needed")


def test_slices_are_counted_from_feet_to_head_whatever_the_order(scan):
    few = of(scan, scan.array[20:24])
    affine = few.volume.affine[:, [2, 1, 0, 3]]
    sagittal = replace(few, array=few.array.transpose(2, 1, 0), grid=VolumeGrid(few.array.shape[::-1], affine))
    assert before(sagittal, ON)[0].code == "too-few-slices"


def test_small_slices(scan):
    assert ("too-small", Gravity.ERROR) in codes(before(of(scan, scan.array[:, 10:40]), ON))


@pytest.mark.parametrize("factor", [0.001, 1000])
def test_a_spacing_in_another_unit_is_refused(scan, factor):
    found = before(scaled(scan, factor, factor, factor), ON)
    assert codes(found) == [("strange-spacing", Gravity.ERROR)]
    assert "Is the spacing in another unit?" in found[0].message


def test_a_strange_extent_is_warned_of(scan):
    assert codes(before(scaled(scan, 1, 0.1, 0.1), ON)) == [("strange-spacing", Gravity.WARNING)]


def test_thick_slices_are_warned_of(phantom):
    found = before(phantom.ct, ON)
    assert codes(found) == [("thick-slices", Gravity.WARNING)]
    assert found[0].message.startswith("Its slices are 8 mm apart")


def test_pictures_of_ct_are_noted(scan):
    array = np.clip((scan.array + 1000) / 5, 0, 255).astype(np.uint8)
    found = before(replace(of(scan, array), quantity=Quantity.WINDOWED_CT), ON)
    assert codes(found) == [("windowed-ct", Gravity.NOTE)]


def test_a_gate_that_is_off_warns_only(scan):
    found = before(of(scan, np.zeros(scan.array.shape, np.int16)), OFF)
    assert codes(found) == [("nearly-constant", Gravity.WARNING)]
    refuse(found, None)


def test_lungs_within_the_scan_pass(phantom):
    lungs = phantom.lungs
    assert after(lungs, ON) == ()


def kept(lungs: LabelMap, *numbers: int) -> LabelMap:
    return LabelMap(np.where(np.isin(lungs.array, numbers), lungs.array, 0).astype(np.uint8), lungs.grid, LUNGS, SOURCE)


def test_no_lungs_at_all_are_refused(phantom):
    assert codes(after(kept(phantom.lungs), ON)) == [("no-lungs", Gravity.ERROR)]


def test_a_doubtful_scale_is_told_where_no_lungs_are_found():
    doubt = Finding("doubtful-hounsfield", Gravity.WARNING, "The slope may be wrong.")
    with pytest.raises(Refused, match=r"no-lungs\): The slope may be wrong. No lung was found"):
        refuse([doubt, Finding("no-lungs", Gravity.ERROR, "No lung was found.")], None)


@pytest.mark.parametrize("low", [-850, 0])
def test_a_part_of_a_chest_is_scored_with_a_warning(scan, low):
    array = np.where(np.indices(scan.array.shape)[2] % 2, low, 900).astype(np.int16)
    found = {each.code: each.gravity for each in scored(replace(scan, array=array), GateSettings())}
    assert found["not-hounsfield"] is (Gravity.ERROR if low == 0 else Gravity.WARNING)
    assert not {"too-few-slices", "too-small"} & set(found)


@pytest.mark.parametrize(("number", "side"), [(1, "left"), (2, "right")])
def test_one_lung_is_warned_of(phantom, number, side):
    found = after(kept(phantom.lungs, number), ON)
    assert codes(found) == [("one-lung", Gravity.WARNING)]
    assert f"The patient's {side} lung was not found" in found[0].message


def test_lungs_of_very_different_volume_are_warned_of(phantom):
    array = phantom.lungs.array.copy()
    array[::2][array[::2] == 2] = 0
    array[1::4][array[1::4] == 2] = 0
    found = after(LabelMap(array, phantom.grid, LUNGS, SOURCE), ON)
    assert [finding.code for finding in found] == ["implausible-lungs"]
    assert "The patient's left lung has" in found[0].message


def test_a_lung_larger_than_any_is_warned_of(phantom):
    large = replace(kept(phantom.lungs, 2), grid=scaled(phantom.ct, 2, 1.5, 1.5).grid)
    (one, strange, *_) = after(large, ON)
    assert (one.code, strange.code) == ("one-lung", "implausible-lungs")
    assert "left lung holds" in strange.message
    assert "implausible-lungs" not in dict(codes(after(large, ON, is_to_scale=False)))


def test_small_lungs_are_warned_of(phantom):
    small = VolumeGrid(phantom.grid.shape, phantom.grid.affine @ np.diag([0.4, 0.4, 0.4, 1]))
    assert [f.code for f in after(replace(phantom.lungs, grid=small), ON)] == ["small-lungs"]


@pytest.mark.parametrize(
    ("axis", "end", "phrase"),
    [
        (0, 0, "at its lower end"),
        (0, -1, "at its upper end"),
        (1, 0, "in front"),
        (1, -1, "at the back"),
        (2, 0, "at the patient's right"),
        (2, -1, "at the patient's left"),
    ],
)
@pytest.mark.parametrize("flipped", [False, True])
def test_lungs_cut_by_a_face_are_told_with_the_face(phantom, axis, end, phrase, flipped):
    inside = np.flatnonzero(phantom.lungs.array.any(axis=tuple({0, 1, 2} - {axis})))
    middle = [0, 0, 0]
    shape = list(phantom.grid.shape)
    if end == 0:
        middle[axis] = int(inside[0]) + 6
        shape[axis] -= middle[axis]
    else:
        shape[axis] = int(inside[-1]) - 5
    window = tuple(slice(start, start + length) for start, length in zip(middle, shape, strict=True))
    grid = phantom.grid.cropped(tuple(middle), tuple(shape))
    array = phantom.lungs.array[window]
    if flipped:
        array, grid = np.flip(array, axis), grid.flipped(axis)
    found = [finding for finding in after(LabelMap(array, grid, LUNGS, SOURCE), ON) if finding.code == "cropped-lungs"]
    assert len(found) == 1
    assert f"cut by the edge of the scan {phrase};" in found[0].message


def test_every_code_is_explained(scan):
    assert {"mask-given", "shifted-hounsfield", "too-few-slices", "windowed-ct"} <= set(CODES)


def test_real_scans_pass_and_their_masks_do_not(data):
    for path in [*sorted(data.glob("ct/imlab-lung3d/*.nii.gz")), *sorted(data.glob("ct/elastix-lung/*.mha"))]:
        errors = [finding.code for finding in before(read(path), ON) if finding.gravity is Gravity.ERROR]
        assert errors == (["mask-given"] if "mask" in path.name else []), path.name


@pytest.mark.parametrize("factor", [0.001, 1.0, 40.0])
def test_a_spacing_that_was_assumed_is_not_judged(scan, phantom, factor):
    unscaled = replace(scaled(scan, factor, factor, factor), findings=(SPACING_ASSUMED,))
    assert before(unscaled, ON) == (SPACING_ASSUMED,)
    lungs = replace(phantom.lungs, grid=unscaled.grid)
    assert after(lungs, ON, is_to_scale=unscaled.is_to_scale) == ()


def test_lungs_cut_off_are_told_of_without_a_spacing_too(phantom):
    array = phantom.lungs.array[len(phantom.lungs.array) // 2 :]
    lungs = LabelMap(array, VolumeGrid.of_spacing(array.shape, (0.01, 0.01, 0.01)), LUNGS, SOURCE)
    assert "cropped-lungs" in [finding.code for finding in after(lungs, ON, is_to_scale=False)]
    assert "cropped-lungs" not in [finding.code for finding in after(lungs, ON)]
