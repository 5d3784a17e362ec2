"""What CT is judged by: sources as scans, and phantoms that training never saw."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.datasets.slices import SliceCase, read_slices
from hilum.errors import ReadError
from hilum.evaluation.ct_scans import (
    APPROXIMATE,
    DENSE_SEEDS,
    GUESSED,
    LESION_SEEDS,
    STACKED,
    WHOLE_PICTURE,
    count_of,
    dense_phantom,
    hounsfield_scan,
    lesion_phantom,
    phantom_makers,
    scans_of,
    slice_scan,
    whole_picture_scan,
)
from hilum.image import Quantity

COARSE = (16.0, 12.0, 12.0)


@pytest.fixture
def tree(tmp_path):
    """Two slices of one volume in the test split and one in val."""
    lines = ["case,volume,split"]
    for name, volume, split in (("a-0", "a", "test"), ("a-1", "a", "test"), ("b-0", "b", "val")):
        lines.append(f"{name},{volume},{split}")
        for kind, ending in (("images", "jpg"), ("lungs", "png"), ("lesions", "png")):
            (tmp_path / "ma20-slices" / kind).mkdir(parents=True, exist_ok=True)
            Picture.fromarray(np.ones((7, 11), np.uint8)).save(tmp_path / "ma20-slices" / kind / f"{name}.{ending}")
    (tmp_path / "ma20-slices" / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def case(tmp_path, source):
    for name, values in (("image", np.full((8, 10), 100)), ("lesion", np.ones((8, 10)))):
        Picture.fromarray(values.astype(np.uint8)).save(tmp_path / f"{name}.png")
    return SliceCase(
        source, "n", "p", "test", tmp_path / "image.png", lesions=tmp_path / "lesion.png", lesions_hold="classes"
    )


def test_slices_go_in_one_by_one_and_as_a_volume(tree):
    scans = [make() for make in scans_of(tree, "test")[:3]]
    assert [(scan.name, scan.group, scan.image.array.shape) for scan in scans] == [
        ("a-0", "", (1, 7, 11)), ("a-1", "", (1, 7, 11)), ("a", STACKED, (2, 7, 11)),
    ]  # fmt: skip
    assert {scan.patient for scan in scans} == {"a"}
    assert scans[2].lungs is not None
    assert scans[2].lungs.shape == (2, 7, 11)
    assert scans[0].image.quantity is Quantity.WINDOWED_CT
    assert scans[0].image.volume.spacing_mm == (5, 1, 1)


def test_only_the_test_split_has_phantoms(tree):
    assert len(scans_of(tree, "val")) == 2
    assert len(scans_of(tree, "test")) == 3 + len(phantom_makers())
    assert scans_of(tree, "train") == []


def test_slices_are_left_out_by_key(tree):
    keys = frozenset(case.key for case in read_slices(tree) if case.split == "test")
    assert {key.split("/")[0] for key in keys} == {"ct"}
    assert len(scans_of(tree, "test", without=keys)) == len(phantom_makers())
    assert (count_of(tree, "test", keys), count_of(tree, "val", keys)) == (len(keys), 0)


def test_a_folder_without_sources_is_refused(tmp_path):
    with pytest.raises(ReadError, match="none of the folders ma20-slices"):
        scans_of(tmp_path, "test")


def test_grey_levels_are_brought_to_hounsfield_units(tmp_path):
    near, guess = (hounsfield_scan(case(tmp_path, name)) for name in ("coronacases-slices", "medseg-slices"))
    assert (near.group, int(near.image.array[0, 0, 0])) == (APPROXIMATE, 50)
    assert (guess.group, int(guess.image.array[0, 0, 0])) == (GUESSED, -500)
    assert near.image.quantity is guess.image.quantity is Quantity.HOUNSFIELD
    assert near.lesions is not None


def test_a_whole_picture_is_halved_into_lungs(tmp_path):
    scan = whole_picture_scan(case(tmp_path, "medseg-slices"))
    assert scan.group == WHOLE_PICTURE
    assert scan.given_lungs is not None
    assert scan.given_lungs.pixels("right-lung") == scan.given_lungs.pixels("left-lung") == 40
    assert scan.given_lungs.array[0, 0, 0] == 1
    assert slice_scan([case(tmp_path, "medseg-slices")]).given_lungs is None


@pytest.mark.parametrize(("seed", "number"), [(5000, 1), (5001, 2)])
def test_half_of_one_lung_is_dense(seed, number):
    scan = dense_phantom(seed, COARSE)
    assert scan.source == "phantom-dense"
    assert scan.lungs is not None
    assert scan.lesions is not None
    lung, dense = scan.lungs == number, scan.lesions == 2
    assert dense.sum() == pytest.approx(lung.sum() / 2, rel=0.1)
    assert not (dense & ~lung).any()


def test_phantoms_of_training_are_not_drawn_again():
    assert min(*DENSE_SEEDS, *LESION_SEEDS) >= 5000
    scan = lesion_phantom(5100, 0.5, COARSE)
    assert (scan.patient, scan.lesions_hold, scan.lungs_hold) == ("phantom 5100", "classes", "sides")
    assert scan.lesions is not None
    assert scan.lesions.any()


def test_the_real_sources_are_listed_for_each_split(data):
    listed = {split: len(scans_of(data / "ct", split)) for split in ("train", "val", "test")}
    assert listed["test"] == 343 + 3 + 3 * 10 + 2 * 3 + 3 + 17 + 3 + 1 + 4 + 4 + len(phantom_makers())
    assert listed["val"] == 159 + 1 + 3 * 6
