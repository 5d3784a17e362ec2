"""The sources that are folders with a table, or folders of collections."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.datasets.films import columns_of, read_cases
from hilum.datasets.open import open_case, open_mask
from hilum.datasets.slices import read_lesions, read_lungs, read_picture, read_slices
from hilum.datasets.sources import read_source, recognise
from hilum.datasets.volumes import read_volumes
from hilum.errors import ReadError
from hilum.image import Quantity

from .trees import SHAPE, grey


def mask():
    """1 in two rows, 2 below them at the first column."""
    made = np.zeros(SHAPE, np.uint8)
    made[1:3], made[3:, 0] = 1, 2
    return made


def films(root, layout, licence, **cells):
    """A folder of one film in a layout, with masks of the kinds that the cells say."""
    columns = (*columns_of(layout), licence)
    row = dict.fromkeys(columns, "") | {"case": "a", "patient": "p", "split": "val", "source": "cohen", licence: "CC0"}
    row |= dict.fromkeys(("lungs_lr", "lungs_v7", "lesions", "lungs"), "False")
    row |= cells
    (root / "images").mkdir(parents=True)
    Picture.fromarray(grey()).save(root / "images" / "a.jpg")
    for kind in ("lungs_lr", "lungs_v7", "lesions", "lungs"):
        if row[kind] == "True":
            (root / kind).mkdir()
            Picture.fromarray(mask()).save(root / kind / "a.png")
    with (root / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerow(row)


class TestFilms:
    @pytest.mark.parametrize(
        ("layout", "licence", "mask"), [("scored", "license", "lungs_lr"), ("fields", "licence", "lungs")]
    )
    def test_a_row_has_the_key_that_its_case_has(self, tmp_path, layout, licence, mask):
        films(tmp_path, layout, licence, **{mask: "True"})
        assert [film.key for film in read_cases(tmp_path)] == [case.key for case in read_source(tmp_path)]

    def test_masks_that_tell_sides_apart_are_preferred(self, tmp_path):
        films(tmp_path, "scored", "license", lungs_lr="True", lungs_v7="True", lesions="True")
        (case,) = read_source(tmp_path)
        _, masks = open_case(case)
        assert np.array_equal(masks["lungs"].mask("right-lung"), mask() == 1)
        assert np.array_equal(masks["lesions"].mask("consolidation"), mask() == 2)

    def test_the_other_mask_where_it_is_the_only_one(self, tmp_path):
        films(tmp_path, "scored", "license", lungs_v7="True")
        (case,) = read_source(tmp_path)
        assert case.masks["lungs"].structures == {"lungs"}

    def test_scores_by_name(self, tmp_path):
        zones = {f"brixia_junior_{zone}": "1" for zone in "ABCDEF"} | {"brixia_junior": "6"}
        films(tmp_path, "scored", "license", lungs_v7="True", six_zone_score_R="4", poor_quality="True", **zones)
        (case,) = read_source(tmp_path)
        assert case.scores == {"six-zone-r": 4, "brixia-junior": 6, **{f"brixia-junior.{zone}": 1 for zone in "ABCDEF"}}
        assert case.facts == {"collection": "cohen", "poor quality": "yes"}
        assert (case.split, case.licence, case.patient) == ("val", "CC0", "p")

    def test_fields_are_not_lungs(self, tmp_path):
        films(tmp_path, "fields", "licence", lungs="True", lesions="True", aspect_w_over_h="1.217")
        assert recognise(tmp_path) == ("cxr-fields",)
        (case,) = read_source(tmp_path)
        assert set(case.masks) == {"lung-fields", "lesions"}
        assert case.masks["lesions"].structures == {"infection"}
        assert case.facts["aspect"] == "1.217"
        assert np.array_equal(open_mask(case, "lung-fields").mask("left-lung"), mask() == 2)

    def test_a_table_of_the_other_layout_is_refused(self, tmp_path):
        films(tmp_path, "scored", "licence", lungs_v7="True")
        (tmp_path / "lungs").mkdir()
        with pytest.raises(ReadError, match=r"cases\.csv' has the layout 'scored', not 'fields'"):
            read_source(tmp_path, "cxr-fields")

    def test_a_split_of_another_name_is_refused(self, tmp_path):
        films(tmp_path, "scored", "license", lungs_v7="True", split="fold-1")
        with pytest.raises(ReadError, match=r"cases\.csv': the split is 'fold-1'; known: train, val, test"):
            read_source(tmp_path)


class TestCollectionsOfCt:
    def test_one_patient_is_one_in_all_collections(self, ct_tree):
        table = read_source(ct_tree)
        people = table.counts(lambda case: case.person)
        assert people["ct/coronacases-03"] == 2 + 1
        assert people["ct/coronacases-01"] == 2 + 1
        assert people["ct/medseg-slices-medseg-000"] == 1

    def test_a_row_has_the_key_that_its_case_has(self, ct_tree):
        rows = (*read_slices(ct_tree), *read_volumes(ct_tree))
        assert [row.key for row in rows] == [case.key for case in read_source(ct_tree)]

    def test_slices_are_those_of_the_slice_readers(self, ct_tree):
        cases = {case.case: case for case in read_source(ct_tree)}
        for found in read_slices(ct_tree):
            image, masks = open_case(cases[f"{found.source}-{found.name}"])
            assert np.array_equal(image.array[0], read_picture(found))
            assert (image.quantity is Quantity.HOUNSFIELD) == found.is_hounsfield
            lungs, lesions = read_lungs(found), read_lesions(found)
            if lungs is not None and found.lungs_hold == "sides":
                assert np.array_equal(masks["lungs"].array[0], lungs)
            elif lungs is not None:
                assert np.array_equal(masks["lungs"].mask("lungs")[0], lungs > 0)
            if lesions is not None:
                assert np.array_equal(masks["lesions"].array[0] > 0, lesions > 0)

    def test_weak_labels_of_volumes(self, ct_tree):
        cases = {case.case: case for case in read_source(ct_tree)}
        assert cases["covid-ct-md-P001"].scores == {
            "infected-slices": 2,
            "infected-slices.left-lower-lobe": 1,
            "infected-slices.left-upper-lobe": 1,
            "infected-slices.right-lower-lobe": 0,
            "infected-slices.right-middle-lobe": 0,
            "infected-slices.right-upper-lobe": 1,
        }
        assert set(cases["covid-ct-md-normal001"].scores.values()) == {0}
        assert cases["covid-ct-md-normal001"].finding == "No finding"

    def test_the_lung_that_is_cut_out_is_a_right_one(self, ct_tree):
        cases = {case.case: case for case in read_source(ct_tree)}
        assert cases["elastix-lung-elastix"].masks["lungs"].structures == {"right-lung"}
        assert cases["imlab-lung3d-id001"].masks["lungs"].structures == {"lungs"}
