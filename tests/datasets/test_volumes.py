"""Volumes of CT with masks or labels by slice."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.datasets.volumes import read_volume, read_volume_lungs, read_volumes
from hilum.errors import ReadError
from hilum.image import Quantity


def named(root, name):
    return next(case for case in read_volumes(root) if case.name == name)


def test_every_volume_is_listed(ct_tree):
    assert [case.name for case in read_volumes(ct_tree)] == ["id001", "elastix", "P001", "normal001"]
    assert [case.is_cropped for case in read_volumes(ct_tree)] == [False, True, False, False]


def test_volumes_come_axial_whichever_way_they_are_stored(ct_tree):
    stored = np.arange(5 * 7 * 3).reshape(5, 7, 3)
    to_front, to_back = read_volume(named(ct_tree, "id001")), read_volume(named(ct_tree, "P001"))
    for image in (to_front, to_back):
        assert image.quantity is Quantity.HOUNSFIELD
        assert image.volume.orientation.is_axial
        assert image.volume.spacing_mm == (4.0, 1.5, 2.0)
    np.testing.assert_array_equal(to_back.array, stored.T)
    np.testing.assert_array_equal(to_front.array, stored.T[:, ::-1])


def test_masks_are_turned_with_their_volumes(ct_tree):
    case = named(ct_tree, "id001")
    np.testing.assert_array_equal(read_volume_lungs(case), read_volume(case).array > 50)
    assert read_volume_lungs(named(ct_tree, "P001")) is None


def test_labels_by_slice_from_the_feet_up(ct_tree):
    labels = named(ct_tree, "P001").labels
    assert [label.index for label in labels] == [0, 1, 2]
    assert [label.is_infected for label in labels] == [False, True, True]
    assert labels[1].lobes == {"left-lower-lobe", "right-upper-lobe"}
    assert labels[2].lobes == {"left-upper-lobe"}


def test_healthy_volumes_need_no_table(ct_tree):
    healthy = named(ct_tree, "normal001")
    assert healthy.is_healthy
    assert [label.is_infected for label in healthy.labels] == [False] * 3
    assert not named(ct_tree, "P001").is_healthy
    assert not named(ct_tree, "id001").is_healthy


@pytest.mark.parametrize(
    "row", ["1,1,0.0,2,1,0,0,0,1", "7,1,0.0,1,1,0,0,0,1", "1,1,0.0,1,x,0,0,0,1"], ids=["two", "order", "text"]
)
def test_labels_that_cannot_be_are_refused(ct_tree, row):
    table = ct_tree / "covid-ct-md" / "P001_slice_lobe_labels.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[2] = row
    table.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ReadError, match="the row 1 is"):
        read_volumes(ct_tree)


def test_a_patient_without_labels_is_not_taken_for_healthy(ct_tree):
    (ct_tree / "covid-ct-md" / "P001_slice_lobe_labels.csv").unlink()
    with pytest.raises(ReadError, match=r"P001_slice_lobe_labels\.csv' is not there"):
        read_volumes(ct_tree)


def test_files_that_are_no_volumes_are_refused(ct_tree):
    case = named(ct_tree, "id001")
    case.image.write_bytes(b"no volume")
    with pytest.raises(ReadError, match="Cannot read"):
        read_volume(case)
    for path in (ct_tree / "imlab-lung3d").iterdir():
        path.unlink()
    with pytest.raises(ReadError, match="holds no volume"):
        read_volumes(ct_tree, ["imlab-lung3d"])


def test_the_real_volumes_fit_their_masks_and_labels(data):
    cases = {case.name: case for case in read_volumes(data / "ct")}
    assert list(cases) == ["id001", "id002", "id003", "elastix", "P001", "cap001", "cap002", "normal001"]
    for name in ("id001", "id002", "id003", "elastix"):
        lungs, image = read_volume_lungs(cases[name]), read_volume(cases[name])
        assert lungs is not None
        assert lungs.shape == image.array.shape
        assert image.array[lungs > 0].mean() < -600
    assert {name: sum(label.is_infected for label in cases[name].labels) for name in ("P001", "cap001", "cap002")} == {
        "P001": 80, "cap001": 30, "cap002": 15,
    }  # fmt: skip
