"""What each source of films says of its cases: sides, scores, patients, splits; and how it refuses what is not so."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hilum.datasets.open import open_image, open_mask
from hilum.datasets.sources import read_source
from hilum.errors import ReadError

from . import trees
from .trees import SHAPE, at_left, at_right, text


def cases_of(make, root):
    make(root)
    return {case.case: case for case in read_source(root)}


class TestMontgomery:
    def test_the_mask_at_the_left_edge_is_the_patients_right_lung(self, tmp_path):
        case = cases_of(trees.montgomery, tmp_path)["MCUCXR_0001_0"]
        mask = open_mask(case, "lung-fields")
        assert np.array_equal(mask.mask("right-lung"), at_left())
        assert np.array_equal(mask.mask("left-lung"), at_right())

    def test_what_the_name_and_the_reading_say(self, tmp_path):
        cases = cases_of(trees.montgomery, tmp_path)
        assert {name: case.finding for name, case in cases.items()} == {
            "MCUCXR_0001_0": "No finding",
            "MCUCXR_0104_1": "Tuberculosis",
        }
        assert cases["MCUCXR_0001_0"].facts == {"sex": "F", "age": "27", "reading": "normal no more"}
        assert cases["MCUCXR_0001_0"].patient == "MCUCXR_0001"

    def test_one_lung_alone_is_named_and_without_both_there_is_no_mask(self, tmp_path):
        trees.montgomery(tmp_path)
        right, left = (tmp_path / "ManualMask" / side / "MCUCXR_0001_0.png" for side in ("leftMask", "rightMask"))
        right.unlink()
        with pytest.raises(ReadError, match=r"leftMask.MCUCXR_0001_0\.png' is not there, and the mask of the other"):
            read_source(tmp_path)
        left.unlink()
        assert [set(case.masks) for case in read_source(tmp_path)] == [set(), {"lung-fields"}]


class TestShenzhen:
    def test_only_outlined_films_have_a_mask_and_its_licence(self, tmp_path):
        cases = cases_of(trees.shenzhen, tmp_path)
        with_mask, without = cases["CHNCXR_0001_0"], cases["CHNCXR_0660_1"]
        assert np.array_equal(open_mask(with_mask, "lung-fields").mask("lung-fields"), at_left() | at_right())
        assert without.masks == {}
        assert "masks CC BY-NC-SA" in with_mask.licence
        assert "masks" not in without.licence
        assert without.facts == {"sex": "M", "age": "45", "reading": "PTB in the right upper field"}

    @pytest.mark.parametrize("place", ["masks", "mask/mask"])
    def test_masks_may_stand_elsewhere(self, tmp_path, place):
        trees.shenzhen(tmp_path)
        (tmp_path / "mask").rename(tmp_path / "moved")
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "moved").rename(tmp_path / place)
        assert [len(case.masks) for case in read_source(tmp_path)] == [1, 0]


class TestJsrt:
    def test_density_becomes_brightness_and_spacing_is_known(self, tmp_path):
        case = cases_of(trees.jsrt, tmp_path)["JPCLN001"]
        image = open_image(case)
        assert image.array.shape == (2048, 2048)
        assert image.array[0].max() == 0
        assert image.array[1:].min() == 4095
        assert image.plane.spacing_mm == (0.175, 0.175)

    def test_masks_grow_onto_the_films_pixels(self, tmp_path):
        case = cases_of(trees.jsrt, tmp_path)["JPCLN001"]
        mask = open_mask(case, "lung-fields")
        assert np.array_equal(mask.mask("right-lung")[::2, ::2], at_left((1024, 1024)))
        assert mask.pixels("left-lung") == 4 * np.count_nonzero(at_right((1024, 1024)))

    def test_tables_without_a_header(self, tmp_path):
        cases = cases_of(trees.jsrt, tmp_path)
        assert cases["JPCLN001"].facts == {
            "age": "53", "sex": "Female", "nodule": "malignant", "diagnosis": "lung cancer", "fold": "fold1",
        }  # fmt: skip
        assert cases["JPCNN002"].facts == {"age": "61", "sex": "Male"}
        assert cases["JPCNN002"].finding == "Non-nodule"

    def test_a_film_cut_short_is_named(self, tmp_path):
        case = cases_of(trees.jsrt, tmp_path)["JPCLN001"]
        case.image.write_bytes(case.image.read_bytes()[:-2])
        with pytest.raises(ReadError, match=r"JPCLN001\.IMG' has 8,388,606 bytes; a film of JSRT has 8,388,608"):
            open_image(case)

    def test_more_than_twelve_bits_are_refused(self, tmp_path):
        case = cases_of(trees.jsrt, tmp_path)["JPCLN001"]
        np.full((2048, 2048), 4096, ">u2").tofile(case.image)
        with pytest.raises(ReadError, match="holds 4096; a film of JSRT has 12 bits"):
            open_image(case)


class TestDarwin:
    def test_polygons_and_what_is_to_be_ignored(self, tmp_path):
        case = cases_of(trees.darwin, tmp_path)["000001"]
        mask = open_mask(case, "lungs")
        lungs, ignored = mask.mask("lungs"), mask.mask("ignore")
        assert lungs[1:, :2].all()
        assert lungs[:4, 8:11].all()
        assert not lungs[:, 2:8].any()
        assert ignored[4:6, 9:11].all()
        assert ignored.sum() == 4

    def test_a_path_within_a_path_is_a_hole(self, tmp_path):
        mask = open_mask(cases_of(trees.darwin, tmp_path)["000002"], "lungs").mask("lungs")
        assert mask[1, 1]
        assert not mask[3, 3]

    def test_tags_become_what_they_say(self, tmp_path):
        case = cases_of(trees.darwin, tmp_path)["000001"]
        assert (case.finding, case.view, case.patient) == ("Viral Pneumonia, COVID-19", "PA", "12")
        assert case.facts["age"] == "57"
        assert open_image(case).view == "PA"

    def test_laterals_and_slices_of_ct_have_no_lungs(self, tmp_path):
        cases = cases_of(trees.darwin, tmp_path)
        assert (cases["000003"].view, cases["000003"].masks) == ("LATERAL", {})
        assert (cases["000004"].modality, cases["000004"].is_windowed) == ("CT", True)

    def test_a_film_that_is_not_there_is_named(self, tmp_path):
        trees.darwin(tmp_path)
        (tmp_path / "images" / "000002.png").unlink()
        with pytest.raises(ReadError, match=r"000002\.json' speaks of the film '000002\.png', which is not in"):
            read_source(tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "it is no JSON"),
            ("[]", "an object was expected, not list"),
            ("{}", r"is no annotation of Darwin: it lacks 'item'"),
            (json.dumps({"image": {}}), "it lacks 'annotations'"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path, content, message):
        trees.darwin(tmp_path)
        text(tmp_path / "releases" / "all-images" / "annotations" / "000002.json", content)
        with pytest.raises(ReadError, match=rf"000002\.json'.*{message}"):
            read_source(tmp_path)


class TestGeneralBlockchain:
    def test_pieces_are_put_back_in_their_places(self, tmp_path):
        case = cases_of(trees.general_blockchain, tmp_path)["film 1.png"]
        lesions = open_mask(case, "lesions")
        glass = lesions.mask("ground-glass")
        assert glass[[0, 1, 2], [8, 9, 10]].all()
        assert not glass[0, 9]
        assert glass[[1, 3, 4], 0].all()
        assert lesions.mask("consolidation")[2, 1:4].all()  # over the ground-glass at (2, 1)
        assert np.argwhere(lesions.mask("effusion")).tolist() == [[5, 9], [5, 10], [6, 9], [6, 10]]

    def test_sides_are_the_patients(self, tmp_path):
        lungs = open_mask(cases_of(trees.general_blockchain, tmp_path)["film 1.png"], "lungs")
        assert np.array_equal(lungs.mask("right-lung"), at_left())
        assert np.array_equal(lungs.mask("left-lung"), at_right())

    def test_metadata_is_taken_where_it_is_there(self, tmp_path):
        case = cases_of(trees.general_blockchain, tmp_path)["film 1.png"]
        assert (case.patient, case.finding, case.view, case.licence) == ("17", "COVID-19", "PA", "CC BY 4.0")
        (tmp_path / "metadata.csv").unlink()
        (case,) = read_source(tmp_path)
        assert (case.patient, case.finding) == ("film 1.png", "")

    def test_a_mask_that_is_not_there_is_named(self, tmp_path):
        trees.general_blockchain(tmp_path)
        (tmp_path / "masks" / "0fc7_4.png").unlink()
        with pytest.raises(ReadError, match=r"0fc7_4\.png' is not there"):
            read_source(tmp_path)


class TestBrixia:
    def test_lost_zeros_come_back(self, tmp_path):
        cases = cases_of(trees.brixia, tmp_path)
        zones = [cases["100"].scores[f"brixia.{zone}"] for zone in "ABCDEF"]
        assert zones == [0, 0, 0, 1, 1, 0]
        assert cases["100"].scores["brixia"] == 2

    def test_the_consensus_is_the_test_set(self, tmp_path):
        cases = cases_of(trees.brixia, tmp_path)
        assert {name: case.split for name, case in cases.items()} == {"100": "", "101": "test"}
        assert cases["101"].scores["brixia-consensus"] == 8
        assert "brixia-consensus" not in cases["100"].scores
        assert {case.patient for case in cases.values()} == {"77"}

    @pytest.mark.parametrize(
        ("score", "total", "message"),
        [("111", "4", "do not make 4"), ("411000", "6", "six digits"), ("x", "1", "six digits"), ("110", "", "number")],
    )
    def test_scores_that_cannot_be_are_refused(self, tmp_path, score, total, message):
        trees.brixia(tmp_path)
        table = tmp_path / "metadata_global_v2.csv"
        table.write_text(table.read_text().replace(";110;2;", f";{score};{total};"))
        with pytest.raises(ReadError, match=rf"metadata_global_v2\.csv'.*{message}"):
            read_source(tmp_path)

    def test_two_readers_of_the_public_films(self, tmp_path):
        case = cases_of(trees.brixia_public, tmp_path)["immagine 2.png"]
        assert (case.scores["brixia-senior"], case.scores["brixia-junior"]) == (7, 6)
        assert case.scores["brixia-senior.C"] == 3


class TestSupervisely:
    def test_overlapping_boxes_add_up(self, tmp_path):
        case = cases_of(trees.supervisely, tmp_path)["ACCD-a"]
        expected = np.zeros(SHAPE, bool)
        expected[1:5, 1:5] = (np.eye(4) + np.eye(4)[::-1]) > 0
        assert np.array_equal(open_mask(case, "lesions").mask("infection"), expected)
        assert open_mask(case, "lungs").mask("lungs")[:3, :4].all()

    def test_tags_become_scores(self, tmp_path):
        cases = cases_of(trees.supervisely, tmp_path)
        assert cases["ACCD-a"].scores == {"six-zone-r": 4, "six-zone-d": 3}
        assert cases["ACCD-a"].facts == {"poor quality d": "yes", "collection": "ACCD"}
        assert cases["RSNA-b"].scores == {"six-zone-r": 0, "six-zone-d": 0}
        assert cases["RSNA-b"].finding == "No finding"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"bitmap": {"data": "AAAA", "origin": [0, 0]}}, "JSON of Supervisely: Error -3"),
            ({"bitmap": {"data": trees.packed(np.eye(4)), "origin": [9, 0]}}, "a bitmap of 4x4 at 9, 0 leaves"),
            ({"bitmap": {"data": trees.packed(np.eye(4)), "origin": [-1, 0]}}, "a bitmap of 4x4 at -1, 0 leaves"),
            ({"bitmap": {"data": trees.packed(np.eye(4))[:40], "origin": [0, 0]}}, "a bitmap is cut short"),
            ({"bitmap": None}, "'COVID-19' is neither a bitmap nor a polygon"),
            ({"bitmap": {"origin": [0, 0]}}, "it lacks 'data'"),
        ],
    )
    def test_broken_objects_are_named(self, tmp_path, changes, message):
        trees.supervisely(tmp_path)
        path = tmp_path / "ACCD" / "ann" / "a.png.json"
        data = json.loads(path.read_text())
        data["objects"][0] |= changes
        text(path, json.dumps(data))
        case = next(iter(read_source(tmp_path)))
        with pytest.raises(ReadError, match=rf"a\.png\.json' as .*{message}"):
            open_mask(case, "lesions")

    def test_a_score_out_of_range_is_refused(self, tmp_path):
        trees.supervisely(tmp_path)
        path = tmp_path / "ACCD" / "ann" / "a.png.json"
        path.write_text(path.read_text().replace('"value": 4', '"value": 7'))
        with pytest.raises(ReadError, match="Score R is 7; expected 0 to 6"):
            read_source(tmp_path)


class TestCovidQuEx:
    def test_parts_and_findings_are_those_of_the_folders(self, tmp_path):
        cases = cases_of(trees.covid_qu_ex, tmp_path)
        assert {name: (case.split, case.finding) for name, case in cases.items()} == {
            "infection-covid_1": ("train", "COVID-19"),
            "infection-Normal (2)": ("test", "No finding"),
            "lung-covid_1": ("val", "COVID-19"),
            "lung-non_COVID (3)": ("train", "Other infection"),
        }
        assert set(cases["lung-covid_1"].masks) == {"lung-fields"}
        assert open_mask(cases["infection-Normal (2)"], "lesions").pixels("infection") == 0

    def test_a_film_of_both_subsets_is_one_person(self, tmp_path):
        cases = cases_of(trees.covid_qu_ex, tmp_path)
        assert cases["infection-covid_1"].person == cases["lung-covid_1"].person


class TestNih:
    def test_films_that_are_not_there_are_left_out(self, tmp_path):
        cases = cases_of(trees.nih, tmp_path)
        assert set(cases) == {"00000001_000", "00000002_000"}
        assert [case.split for case in cases.values()] == ["train", "test"]

    def test_the_spacing_is_that_of_the_smaller_film(self, tmp_path):
        case = cases_of(trees.nih, tmp_path)["00000001_000"]
        assert case.spacing_mm == pytest.approx((0.143 * 3, 0.143 * 2))
        assert open_image(case).plane.spacing_mm == case.spacing_mm
        assert (case.finding, case.patient, case.facts["sex"]) == ("Cardiomegaly|Effusion", "1", "M")

    def test_the_newer_header_too(self, tmp_path):
        trees.nih(tmp_path)
        table = tmp_path / "Data_Entry_2017.csv"
        text(tmp_path / "Data_Entry_2017_v2020.csv", table.read_text().replace("Gender", "Sex"))
        assert [case.facts["sex"] for case in read_source(tmp_path)] == ["M", "F"]
