"""What every source promises, on a tree of its exact layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.open import MASK_LABELS, open_case, open_image
from hilum.datasets.schema import CaseTable
from hilum.datasets.sources import SOURCES, read_source, recognise
from hilum.errors import ReadError, UnknownName, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.image import Quantity

from .trees import TREES, mosmed, nih


@pytest.fixture(scope="module", params=TREES, ids=[name for name, *_ in TREES])
def tree(request, tmp_path_factory):
    """A tree, the id of its source, and its number of cases."""
    name, source, make, count = request.param
    root = tmp_path_factory.mktemp(name)
    make(root)
    return root, source, count


class TestEverySource:
    def test_it_is_recognised_as_itself_alone(self, tree):
        root, source, _ = tree
        assert recognise(root) == (source,)
        assert SOURCES[source].recognise(root)

    def test_every_case_is_read_once_and_its_files_are_there(self, tree):
        root, source, count = tree
        table = read_source(root)
        assert len(table) == count
        assert {case.source for case in table} == {source}
        assert all(path.is_file() for case in table for path in case.files)
        assert all(case.licence for case in table)

    def test_reading_twice_gives_the_same(self, tree):
        root, source, _ = tree
        assert read_source(root) == SOURCES[source].read(root)

    def test_the_table_survives_its_file(self, tree):
        root, _, _ = tree
        table = read_source(root)
        table.write_csv(root / "written.csv")
        try:
            assert CaseTable.read_csv(root / "written.csv") == table
        finally:
            (root / "written.csv").unlink()

    def test_every_image_opens_upright_with_its_masks_on_its_grid(self, tree):
        root, _, _ = tree
        for case in read_source(root):
            image, masks = open_case(case)
            assert set(masks) == set(case.masks)
            if case.modality == "CT":
                assert image.volume.orientation.is_axial
                assert image.quantity is (Quantity.WINDOWED_CT if case.is_windowed else Quantity.HOUNSFIELD)
            else:
                assert image.plane.orientation.is_upright
                assert image.quantity is Quantity.RADIOGRAPH
            for kind, mask in masks.items():
                assert mask.array.shape == image.array.shape
                assert mask.grid is image.grid
                named = {label.name for label in MASK_LABELS[kind].values() if mask.pixels(label.name)}
                assert named <= case.masks[kind].structures

    def test_no_two_cases_look_alike_to_the_table(self, tree):
        root, _, count = tree
        assert len({case.key for case in read_source(root)}) == count

    def test_an_empty_folder_is_not_taken_for_it(self, tree, tmp_path):
        _, source, _ = tree
        assert not SOURCES[source].recognise(tmp_path)
        with pytest.raises(ReadError, match=f"has not the layout '{source}': '.* must be there") as caught:
            SOURCES[source].read(tmp_path)
        assert str(tmp_path) in str(caught.value)

    def test_folders_round_it_do_not_hide_it(self, tree, tmp_path):
        root, source, count = tree
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive" / "set").symlink_to(root, target_is_directory=True)
        assert recognise(tmp_path) == (source,)
        assert len(read_source(tmp_path)) == count


def test_every_source_has_a_tree_or_a_test_of_its_own():
    assert set(SOURCES) == {source for _, source, *_ in TREES} | {"cxr", "cxr-fields", "ct"}
    assert all(SOURCES[name].title for name in SOURCES)


def test_a_folder_of_no_layout_is_refused_with_those_there_are(tmp_path):
    (tmp_path / "holiday.png").touch()
    with pytest.raises(UnsupportedFormat, match=r"no layout that Hilum reads.*one of zenodo-3757476, mosmed"):
        read_source(tmp_path)


def test_two_sets_in_one_folder_want_an_id(tmp_path):
    mosmed(tmp_path / "a")
    nih(tmp_path / "b")
    assert recognise(tmp_path) == ("mosmed", "nih-chestxray14")
    with pytest.raises(ReadError, match=r"several sources \(mosmed, nih-chestxray14\)\. Give the id"):
        read_source(tmp_path)
    assert len(read_source(tmp_path, "nih-chestxray14")) == 2


def test_names_are_looked_up_strictly(tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'mosmed'"):
        read_source(tmp_path, "mosmet")
    with pytest.raises(ReadError, match="There is no folder"):
        read_source(tmp_path / "absent")


def test_a_layout_without_its_images_says_so(tmp_path):
    nih(tmp_path)
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    with pytest.raises(ReadError, match="has the layout 'nih-chestxray14', but none of its images"):
        read_source(tmp_path)


@pytest.mark.parametrize(("folder", "count"), [("cxr", 502), ("cxr-fields", 3817), ("ct", 1216)])
def test_the_real_folders_are_read_whole(data: Path, folder, count, tmp_path):
    table = read_source(data / folder)
    assert len(table) == count
    assert {case.source for case in table} == {folder}
    assert "" not in table.counts(lambda case: case.split)
    table.write_csv(tmp_path / "table.csv")
    again = CaseTable.read_csv(tmp_path / "table.csv")
    assert [(case.key, case.scores, case.facts, case.split) for case in again] == [
        (case.key, case.scores, case.facts, case.split) for case in table
    ]


@pytest.mark.parametrize("folder", ["cxr", "cxr-fields", "ct"])
def test_a_few_of_each_real_collection_open(data: Path, folder):
    table = read_source(data / folder)
    for collection in table.counts(lambda case: case.facts["collection"]):
        cases = table.filter(lambda case, wanted=collection: case.facts["collection"] == wanted)
        kinds = dict.fromkeys(kind for case in cases for kind in case.masks)
        chosen = {next(case.case for case in cases if kind in case.masks) for kind in kinds}
        for case in cases.filter(lambda case, wanted=chosen: case.case in wanted):
            image, masks = open_case(case)
            assert all(mask.array.any() and mask.array.shape == image.array.shape for mask in masks.values())


def test_real_lungs_lie_on_the_side_that_they_are_named_after(data: Path):
    for folder in ("cxr", "cxr-fields", "ct"):
        table = read_source(data / folder)
        sided = [c for c in table if any("right-lung" in mask.structures for mask in c.masks.values())]
        sided = [c for c in sided if "cropped" not in c.facts][:: max(1, len(sided) // 12)]
        assert sided
        for case in sided:
            _, masks = open_case(case)
            lungs = masks.get("lungs") or masks["lung-fields"]
            columns = np.arange(lungs.array.shape[-1])
            right, left = (lungs.mask(name) for name in ("right-lung", "left-lung"))
            centres = [(mask.sum(axis=tuple(range(mask.ndim - 1))) @ columns) / mask.sum() for mask in (right, left)]
            assert centres[0] < centres[1], case.key


def test_real_volumes_are_axial(data: Path):
    cases = read_source(data / "ct").filter(lambda case: case.facts["collection"] == "covid-ct-md")
    image = open_image(cases.cases[0])
    assert isinstance(image.grid, VolumeGrid)
    assert image.volume.orientation.is_axial
    assert 0 < cases.cases[0].scores["infected-slices"] < image.volume.shape[0]
