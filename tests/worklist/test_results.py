"""Cases as the reader keeps them: image, version, layers, columns."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import nibabel
import numpy as np
import pytest

from hilum.case import Case
from hilum.geometry import PlaneGrid, PlaneOrientation, VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.provenance import Source, Step
from hilum.scoring import measure_volumes, score
from hilum.segmentation.zones import zones
from hilum.settings import Settings
from hilum.worklist.layers import read_layers, zone_numbers
from hilum.worklist.results import facts_of, keep_case, severity, summary_of
from hilum.worklist.store import Store

ODD = Finding("cropped-lungs", Gravity.WARNING, "The lungs are cut off.")


def case_on(grid, quantity=Quantity.RADIOGRAPH) -> Case:
    """A right and a left lung, with consolidation in the lower part of the left one."""
    rng = np.random.default_rng(4)
    array = rng.integers(0, 4000, grid.shape, dtype=np.int16 if isinstance(grid, VolumeGrid) else np.uint16)
    image = Image(array, grid, quantity, Source("scan.dcm", "0" * 64))
    upright = np.zeros((grid.axial if isinstance(grid, VolumeGrid) else grid.upright).shape, dtype=np.uint8)
    wide = upright.shape[-1]
    upright[..., 1:-1, 1 : wide // 2 - 1], upright[..., 1:-1, wide // 2 + 1 : -1] = 1, 2
    bad = np.where((upright == 2) & (rng.random(upright.shape) < 0.5), 2, 0).astype(np.uint8)
    back = grid.orientation.from_axial if isinstance(grid, VolumeGrid) else grid.orientation.from_upright
    lungs = LabelMap(np.ascontiguousarray(back(upright)), grid, LUNGS, Step("draw"))
    lesions = LabelMap(np.ascontiguousarray(back(bad)), grid, LESIONS, Step("draw"))
    densities = image if quantity is Quantity.HOUNSFIELD else None
    is_volume = isinstance(grid, VolumeGrid)
    made = Case(
        name="scan",
        image=image,
        lungs=lungs,
        lesions=lesions,
        disease=NotMeasured("nobody told"),
        scores=score(lungs, lesions, image=densities),
        findings=(ODD,),
        provenance=Step("analyse", {}, (lungs.origin, image.origin)),
        probability={"opacity": np.full(grid.shape, 0.5, dtype=np.float32)},
    )
    return replace(made, measures=measure_volumes(densities, lungs, lesions, None)) if is_volume else made


FILM = PlaneGrid((31, 47), (2.0, 1.5), orientation=PlaneOrientation("R", "H"))
CT = VolumeGrid((23, 27, 13), np.array([[0, 3, 0, 1], [0, 0, 5.0, 2], [4, 0, 0, 3], [0, 0, 0, 1.0]]))


@pytest.fixture(params=[(FILM, Quantity.RADIOGRAPH), (CT, Quantity.HOUNSFIELD)], ids=["film", "ct"])
def case(request) -> Case:
    return case_on(*request.param)


def test_a_kept_case_is_all_there(case, tmp_path):
    store, file = Store(tmp_path / "reader"), tmp_path / "scan.dcm"
    file.write_bytes(b"dicom")
    study = "0123456789abcdef" * 2
    for _ in range(2):  # the second time in place of the first
        summary = keep_case(store, study, case, Settings(), [file, file])
    assert sorted(each.name for each in store.upload(study).iterdir()) == ["scan-2.dcm", "scan.dcm"]
    assert store.versions(study) == [0]
    assert {"result.json", "report.html", "overlay.png"} <= set(store.files(study, 0))
    facts = facts_of(store, study)
    assert facts == {
        "kind": "film" if case.image.grid is FILM else "volume",
        "shape": list(case.image.grid.shape),
        "spacing_mm": pytest.approx(list(case.image.grid.spacing_mm)),
        "quantity": case.image.quantity.value,
    }
    shown = nibabel.load(store.image(study))
    np.testing.assert_array_equal(np.asarray(shown.dataobj).squeeze(), case.image.array.T)
    assert summary == summary_of(case)


def test_layers_lie_on_the_image_that_is_shown(case, tmp_path):
    store, study = Store(tmp_path), "f" * 32
    keep_case(store, study, case, Settings())
    folder = store.version(study, 0) / "layers"
    image = nibabel.load(store.image(study))
    layers = {layer.name: layer for layer in read_layers(folder)}
    assert list(layers) == ["lungs", "lesions", "zones", "probability-opacity"]
    arrays = {}
    for name in layers:
        one = nibabel.load(folder / f"{name}.nii.gz")
        assert one.shape == image.shape
        np.testing.assert_allclose(one.affine, image.affine)
        arrays[name] = np.asarray(one.dataobj).squeeze().T
    np.testing.assert_array_equal(arrays["lungs"], case.lungs.array)
    np.testing.assert_array_equal(arrays["lesions"], case.lesions.array)
    assert set(np.unique(arrays["probability-opacity"])) == {128}
    assert layers["lesions"].labels[1].title == "Consolidation"
    assert layers["lungs"].labels[0].colour == "#56b4e9"
    assert (folder / "thumbnail.png").is_file()


def test_zones_of_a_film_are_those_of_the_score():
    lungs = case_on(FILM).lungs
    expected = FILM.orientation.from_upright(zones(np.ascontiguousarray(lungs.upright().array)))
    np.testing.assert_array_equal(zone_numbers(lungs), expected)


def test_zones_of_a_volume_are_thirds_of_height_of_each_lung():
    lungs = case_on(CT, Quantity.HOUNSFIELD).lungs
    axial = np.asarray(CT.orientation.to_axial(zone_numbers(lungs)))
    inside = lungs.axial().array
    for number in range(1, 7):
        assert set(np.unique(inside[axial == number])) == {1 if number < 4 else 2}
    heights = [np.flatnonzero((axial == number).any(axis=(1, 2))) for number in (1, 2, 3)]
    assert heights[0].min() > heights[1].max() >= heights[1].min() > heights[2].max()  # upper is towards the head
    np.testing.assert_array_equal(axial > 0, inside > 0)


def test_columns_hold_what_json_holds(case):
    columns = asdict(summary_of(case))
    assert json.loads(json.dumps(columns)) == columns
    assert columns["modality"] == ("CXR" if case.image.grid is FILM else "CT")
    assert columns["findings"] == [{"code": ODD.code, "severity": "warning", "message": ODD.message}]
    assert 0 < columns["severity"] <= 1


def test_studies_are_sorted_by_the_first_score_that_was_measured():
    ranges = {"six-zone": (0.0, 6.0), "opacity-percent": (0.0, 100.0)}
    assert severity("CXR", {"six-zone": 3.0, "opacity-percent": 10.0}, ranges) == 0.5
    assert severity("CXR", {"six-zone": None, "opacity-percent": 10.0}, ranges) == 0.1
    assert severity("CXR", {"six-zone": None}, ranges) is None
    assert severity("", {}, ranges) is None
