"""What each source of CT says of its cases: sides, classes, units, patients, weak labels."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from hilum.datasets.open import open_case, open_image, open_mask
from hilum.datasets.sources import read_source
from hilum.errors import GridMismatch, MissingExtra, ReadError
from hilum.image import Quantity

from . import trees
from .trees import AFFINE, DEPTH, SHAPE, at_left, at_right, hounsfield, volume


def cases_of(make, root):
    make(root)
    return {case.case: case for case in read_source(root)}


class TestZenodo:
    def test_sides_are_the_patients_and_come_of_lungs_alone(self, tmp_path):
        case = cases_of(trees.zenodo, tmp_path)["coronacases_001"]
        lungs = open_mask(case, "lungs")
        assert np.array_equal(lungs.mask("right-lung")[0], at_left())
        assert np.array_equal(lungs.mask("left-lung")[0], at_right())
        assert open_mask(case, "lesions").pixels("infection") == DEPTH * min(SHAPE)

    def test_where_infection_hides_the_lung_its_side_is_unknown(self, tmp_path):
        case = cases_of(trees.zenodo, tmp_path)["radiopaedia_29_86490_1"]
        lungs, infection = open_mask(case, "lungs"), open_mask(case, "lesions").mask("infection")
        assert np.array_equal(lungs.mask("lungs"), infection)
        assert np.array_equal(infection[0], np.eye(*SHAPE) > 0)

    def test_two_volumes_of_one_patient(self, tmp_path):
        cases = cases_of(trees.zenodo, tmp_path)
        assert [case.patient for case in cases.values()] == ["coronacases_001", "radiopaedia_29", "radiopaedia_29"]

    def test_grey_levels_are_not_hounsfield_units(self, tmp_path):
        cases = cases_of(trees.zenodo, tmp_path)
        assert open_image(cases["coronacases_001"]).quantity is Quantity.HOUNSFIELD
        image = open_image(cases["radiopaedia_29_86490_1"])
        assert image.quantity is Quantity.WINDOWED_CT
        assert image.array.dtype == np.uint8

    def test_what_is_said_to_be_grey_levels_must_be(self, tmp_path):
        case = cases_of(trees.zenodo, tmp_path)["radiopaedia_29_86490_1"]
        volume(case.image, hounsfield())
        with pytest.raises(
            ReadError, match=r"radiopaedia_29_86490_1\.nii\.gz' is said to hold grey levels .* -1000 to"
        ):
            open_image(case)

    def test_fractions_of_the_kaggle_copy_count_as_infection(self, tmp_path):
        cases = cases_of(trees.zenodo_kaggle, tmp_path)
        assert list(cases) == ["coronacases_001", "radiopaedia_10_85902_1"]
        assert open_mask(cases["coronacases_001"], "lesions").pixels("infection") == DEPTH * min(SHAPE)


class TestMosmed:
    def test_grades_are_scores(self, tmp_path):
        cases = cases_of(trees.mosmed, tmp_path)
        grades = {name: (case.scores["mosmed-grade"], case.finding) for name, case in cases.items()}
        assert grades == {
            "study_0001": (0, "No finding"),
            "study_0255": (1, "COVID-19"),
            "study_1110": (4, "COVID-19"),
        }
        assert [name for name, case in cases.items() if case.masks] == ["study_0255"]

    def test_without_a_folder_there_is_no_grade(self, tmp_path):
        (case,) = cases_of(trees.mosmed_kaggle, tmp_path).values()
        assert (case.scores, case.finding) == ({}, "")
        assert np.array_equal(open_mask(case, "lesions").mask("infection")[1], at_right())


class TestMedseg:
    def test_every_slice_is_a_case_of_its_own(self, tmp_path):
        cases = cases_of(trees.medseg_1, tmp_path)
        assert len({case.patient for case in cases.values()}) == len(cases)
        image, masks = open_case(cases["tr-001"])
        assert np.array_equal(image.array, hounsfield()[1:2] + np.float32(0.25))
        assert np.array_equal(masks["lesions"].mask("consolidation")[0], at_right())
        assert np.array_equal(masks["lungs"].mask("lungs")[0], at_left() | at_right())
        assert cases["val-001"].masks == {}

    def test_planes_keep_their_place_when_the_stack_lies_otherwise(self, tmp_path):
        turned = np.diag([0.8, 0.7, -2.5, 1.0])  # columns to the right, rows to the front, slices to the feet
        volume(tmp_path / "tr_im.nii.gz", hounsfield(), turned)
        volume(tmp_path / "tr_mask.nii.gz", trees.stacked(at_right()), turned)
        case = list(read_source(tmp_path))[2]
        image, masks = open_case(case)
        assert np.array_equal(image.array[0], hounsfield()[2, ::-1, ::-1])
        assert np.array_equal(masks["lesions"].mask("ground-glass")[0], at_right()[::-1, ::-1])

    def test_a_lost_origin_is_overlooked(self, tmp_path):
        cases = cases_of(trees.medseg_2, tmp_path)
        assert list(cases) == ["rp-1", "rp-2", "rp-10"]
        image, masks = open_case(cases["rp-10"])
        assert image.volume.affine[0, 3] == pytest.approx(-40)
        assert np.array_equal(masks["lesions"].mask("effusion")[0], at_right())

    @pytest.mark.parametrize(
        ("array", "affine", "message"),
        [
            (trees.stacked(at_right(), 2), AFFINE, r"it has the shape \(2, 7, 11\), and the image \(3, 7, 11\)"),
            (trees.stacked(at_right()), np.diag([-0.8, -0.7, 5.0, 1]), r"its spacing is \(5\.0, .* the image's \(2\.5"),
            (trees.stacked(at_right().T), AFFINE, r"shape \(3, 11, 7\)"),
        ],
    )
    def test_a_mask_off_its_image_is_named(self, tmp_path, array, affine, message):
        case = cases_of(trees.medseg_2, tmp_path)["rp-1"]
        volume(case.masks["lesions"].path, array, affine)
        with pytest.raises(
            GridMismatch, match=rf"rp_msk/1\.nii\.gz' does not lie on its image \(1\.nii\.gz\): .*{message}"
        ):
            open_mask(case, "lesions")

    def test_slices_and_stacks_of_hdf5(self, tmp_path):
        cases = cases_of(trees.medseg_h5, tmp_path)
        assert list(cases) == ["slice_7", "stack-000", "stack-001", "stack-002"]
        image, masks = open_case(cases["stack-002"])
        assert np.array_equal(image.array, hounsfield()[2:])
        assert np.array_equal(masks["lesions"].mask("effusion")[0], at_right())
        assert open_mask(cases["slice_7"], "lungs").pixels("lungs") == np.count_nonzero(at_left() | at_right())

    def test_another_hdf5_file_is_refused_with_what_it_holds(self, tmp_path):
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["x"] = file["y"] = np.zeros(3)
        with pytest.raises(ReadError, match=r"other\.h5' has no data set 'image'; it has x, y"):
            read_source(tmp_path)
        (tmp_path / "other.h5").write_bytes(b"no HDF5")
        with pytest.raises(ReadError, match=r"other\.h5': it is no HDF5 file"):
            read_source(tmp_path)

    def test_damage_within_a_file_is_told_of(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("image", data=np.arange(7 * 11).reshape(7, 11), compression="gzip")
            place = file["image"].id.get_chunk_info(0).byte_offset
        content = bytearray((tmp_path / "a.h5").read_bytes())
        content[place : place + 8] = bytes(8)
        (tmp_path / "a.h5").write_bytes(content)
        (case,) = read_source(tmp_path)
        with pytest.raises(ReadError, match=r"Cannot read '.*a\.h5': it is damaged .*Download it again"):
            open_image(case)

    def test_a_mask_of_another_shape_is_refused(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["image"], file["mask"] = np.zeros((3, 7, 11)), np.zeros((3, 7, 11, 4))
        with pytest.raises(ReadError, match=r"'mask' has the shape \(3, 7, 11, 4\), and 'image' \(3, 7, 11\)"):
            read_source(tmp_path)

    def test_without_h5py_the_extra_is_named(self, tmp_path, monkeypatch):
        trees.medseg_h5(tmp_path)
        monkeypatch.setitem(__import__("sys").modules, "h5py", None)
        with pytest.raises(MissingExtra, match=r"pip install 'hilum\[data\]'"):
            read_source(tmp_path)


class TestCovidCtMd:
    def test_weak_labels_are_counts_of_slices(self, tmp_path):
        cases = cases_of(trees.covid_ct_md, tmp_path)
        assert cases["P001"].scores == {
            "infected-slices": 2,
            "infected-slices.left-lower-lobe": 2,
            "infected-slices.left-upper-lobe": 0,
            "infected-slices.right-lower-lobe": 0,
            "infected-slices.right-middle-lobe": 0,
            "infected-slices.right-upper-lobe": 1,
        }
        assert set(cases["normal001"].scores.values()) == {0}
        assert cases["cap001"].scores == {}  # not labelled, which is not the same as healthy
        assert [case.finding for case in cases.values()] == ["COVID-19", "Community-acquired pneumonia", "No finding"]

    def test_the_series_is_one_volume(self, tmp_path):
        case = cases_of(trees.covid_ct_md, tmp_path)["P001"]
        assert len(case.image) == 4
        assert np.array_equal(open_image(case).array, hounsfield(4))

    def test_a_damaged_slice_is_named(self, tmp_path):
        case = cases_of(trees.covid_ct_md, tmp_path)["P001"]
        case.image[1].write_bytes(b"")
        with pytest.raises(ReadError, match=rf"{case.image[1].name}': the file is empty"):
            open_image(case)

    def test_labels_cut_short_are_named(self, tmp_path):
        trees.covid_ct_md(tmp_path)
        (tmp_path / "Lobe-level-labels.npy").write_bytes(b"")
        with pytest.raises(ReadError, match=r"Cannot read the array '.*Lobe-level-labels\.npy'"):
            read_source(tmp_path)

    def test_updated_labels_are_preferred_and_must_fit(self, tmp_path):
        trees.covid_ct_md(tmp_path)
        np.save(tmp_path / "Slice-level-labels-updated-1.npy", np.ones((1, 9)))
        assert next(iter(read_source(tmp_path))).scores["infected-slices"] == 9
        np.save(tmp_path / "Slice-level-labels-updated-1.npy", np.ones(9))
        with pytest.raises(ReadError, match=r"updated-1\.npy' have the shape \(9,\); expected 2 axes"):
            read_source(tmp_path)
