"""Slices of CT: every layout read, upright, or refused with a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hilum.datasets.open import turned
from hilum.datasets.slices import (
    SLICE_SOURCES,
    hounsfield,
    in_split,
    read_lesions,
    read_lungs,
    read_picture,
    read_slices,
)
from hilum.errors import ReadError, SettingsError

from .conftest import grey, mask


def only(root, source, **wanted):
    """The one slice of a source that is as wanted."""
    found = read_slices(root, [source])
    (case,) = [case for case in found if all(getattr(case, key) == value for key, value in wanted.items())]
    return case


def test_every_source_is_read_and_none_is_invented(ct_tree):
    cases = read_slices(ct_tree)
    assert Counter(case.source for case in cases) == {
        "ma20-slices": 6,
        "medseg-slices": 2,
        "coronacases-slices": 1,
        "ma2020-slices": 2,
        "lungsegdb-slices": 1,
    }
    assert list(dict.fromkeys(case.source for case in cases)) == list(SLICE_SOURCES)
    assert len({(case.source, case.name) for case in cases}) == len(cases)


def test_splits_are_by_volume(ct_tree):
    cases = read_slices(ct_tree, ["ma20-slices"])
    assert {(case.patient, case.split) for case in cases} == {
        ("coronacases-01", "val"), ("coronacases-03", "test"), ("radiopaedia-c", "test"),
    }  # fmt: skip
    assert len(in_split(cases, "test")) == 4
    assert len(in_split(cases, "all")) == 6
    assert in_split(cases, "train") == ()


@pytest.mark.parametrize("source", ["coronacases-slices", "ma2020-slices", "lungsegdb-slices"])
def test_what_is_for_testing_only_stays_so(ct_tree, source):
    assert {case.split for case in read_slices(ct_tree, [source])} == {"test"}


def test_patients_are_named_alike_in_all_sources(ct_tree):
    assert only(ct_tree, "coronacases-slices").patient == "coronacases-03"
    assert only(ct_tree, "ma2020-slices", is_hounsfield=True).patient == "coronacases-01"


def test_slices_with_the_spine_up_are_turned_and_others_are_not(ct_tree):
    lying = only(ct_tree, "ma20-slices", name="radiopaedia-c-000")
    standing = only(ct_tree, "ma20-slices", name="coronacases-03-000")
    near = {"atol": 3}  # JPEG
    np.testing.assert_allclose(read_picture(standing).astype(int), grey(), **near)
    np.testing.assert_allclose(read_picture(lying).astype(int), grey()[::-1], **near)
    np.testing.assert_array_equal(read_lungs(standing), mask() > 0)
    np.testing.assert_array_equal(read_lungs(lying), mask()[::-1] > 0)
    np.testing.assert_array_equal(read_lesions(lying), mask()[::-1] == 2)


def test_arrays_are_turned_each_in_its_way_and_sides_are_the_patients(ct_tree):
    in_hu = only(ct_tree, "ma2020-slices", is_hounsfield=True)
    in_grey = only(ct_tree, "ma2020-slices", is_hounsfield=False)
    np.testing.assert_array_equal(read_picture(in_hu), grey().astype(int) * 10 - 1000)
    np.testing.assert_array_equal(read_picture(in_grey), grey())
    for case in (in_hu, in_grey):
        sides = read_lungs(case)
        np.testing.assert_array_equal(sides == 2, mask() == 1)
        np.testing.assert_array_equal(sides == 1, mask() == 2)
        assert case.lungs_hold == "sides"


def test_grey_masks_hold_what_is_bright(ct_tree):
    case = only(ct_tree, "lungsegdb-slices")
    np.testing.assert_array_equal(read_lungs(case), mask() == 2)
    assert read_picture(case).shape == grey().shape


def test_classes_stay_apart(ct_tree):
    case = only(ct_tree, "medseg-slices", split="test")
    np.testing.assert_array_equal(read_lesions(case), mask())
    assert (case.lesions_hold, case.is_cropped, read_lungs(case)) == ("classes", True, None)


def test_hounsfield_units_where_they_are_known_or_near(ct_tree):
    near = hounsfield(only(ct_tree, "coronacases-slices"))
    assert near is not None
    assert near.dtype == np.int16
    assert near[0, 0] == -1000
    assert near[1, 0] == pytest.approx(10.5 * 17 - 1000, abs=1)
    assert hounsfield(only(ct_tree, "medseg-slices", split="test")) is None
    known = hounsfield(only(ct_tree, "ma2020-slices", is_hounsfield=True))
    assert known is not None
    assert known[0, 0] == -1000


@pytest.mark.parametrize("turn", ["none", "flip-rows", "transpose", "transpose-flip-rows"])
def test_every_turn_keeps_every_pixel(turn):
    made = turned(grey(), turn)
    assert sorted(made.ravel()) == sorted(grey().ravel())
    assert made.flags.c_contiguous
    assert np.array_equal(made, grey()) is (turn == "none")


def test_an_unknown_source_names_the_nearest(ct_tree):
    with pytest.raises(SettingsError, match="'ma20-slices'"):
        read_slices(ct_tree, ["ma20-slice"])


def test_what_is_not_there_is_said(ct_tree, tmp_path_factory):
    with pytest.raises(ReadError, match="none of the folders"):
        read_slices(tmp_path_factory.mktemp("empty"))
    (ct_tree / "ma20-slices" / "lungs" / "coronacases-01-000.png").unlink()
    with pytest.raises(ReadError, match=r"coronacases-01-000\.png' is not there"):
        read_slices(ct_tree, ["ma20-slices"])
    (ct_tree / "coronacases-slices" / "case3_115_image.png").unlink()
    with pytest.raises(ReadError, match="none of the files"):
        read_slices(ct_tree, ["coronacases-slices"])
    with pytest.raises(ReadError, match="no folder 'lungsegdb-slices'"):
        read_slices(ct_tree / "ma20-slices", ["lungsegdb-slices"])


def test_a_table_without_a_column_is_refused(ct_tree):
    (ct_tree / "medseg-slices" / "cases.csv").write_text("case,width\nmedseg-000,3\n", encoding="utf-8")
    with pytest.raises(ReadError, match="lacks the columns split"):
        read_slices(ct_tree, ["medseg-slices"])
    (ct_tree / "medseg-slices" / "cases.csv").unlink()
    with pytest.raises(ReadError, match="Cannot read the table"):
        read_slices(ct_tree, ["medseg-slices"])


def test_files_that_are_none_are_refused(ct_tree):
    case = only(ct_tree, "medseg-slices", split="test")
    case.image.write_bytes(b"no picture")
    with pytest.raises(ReadError, match="Cannot read the picture"):
        read_picture(case)
    array = only(ct_tree, "ma2020-slices", is_hounsfield=True)
    with pytest.raises(ReadError, match="expected one plane of uint8"):
        read_picture(replace(array, is_hounsfield=False))
    array.image.write_bytes(b"no array")
    with pytest.raises(ReadError, match="Cannot read the array"):
        read_picture(array)


def test_the_real_slices_are_all_there(data):
    cases = read_slices(data / "ct")
    assert Counter((case.source, case.split) for case in cases)["ma20-slices", "test"] == 343
    assert Counter(case.source for case in cases)["medseg-slices"] == 50
    for case in [*cases[::97], *cases[-23:]]:
        shape = read_picture(case).shape
        masks = [read(case) for read in (read_lungs, read_lesions)]
        assert all(found is None or found.shape == shape for found in masks)
        assert any(found is not None and found.any() for found in masks)
