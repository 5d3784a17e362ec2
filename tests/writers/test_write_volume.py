"""A CT becomes a folder: masks on its own grid, measures, a result that follows the schema, a row of the table."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import jsonschema
import nibabel
import numpy as np
import pytest

from hilum.geometry import VolumeOrientation
from hilum.measurement import NotMeasured
from hilum.scoring import DEFINITIONS
from hilum.scoring.measure import Measure, Measures
from hilum.settings import OutputSettings
from hilum.writers import write_case
from hilum.writers.measures import COLUMNS, measures_table
from hilum.writers.result_json import encode_json, result, schema
from hilum.writers.tables import write_results

EVERYTHING = OutputSettings(masks=("png", "nifti", "nrrd"), probability=True)
JSON_ONLY = OutputSettings(masks=(), overlay=False, report=False)
TURNED = VolumeOrientation((1, 2, 0), (True, False, True))


def validate(made) -> None:
    jsonschema.Draft202012Validator(schema()).validate(json.loads(encode_json(made)))


def row_of(case, output) -> dict[str, str]:
    row = SimpleNamespace(
        name=case.name, source="a", status="done", code="", message="", folder=write_case(case, output, JSON_ONLY)
    )
    (read,) = csv.DictReader(write_results([row], output).read_text().splitlines())
    return read


def test_everything(make_ct, tmp_path):
    case = make_ct(orientation=TURNED)
    case = replace(case, probability={"opacity": np.full(case.image.array.shape, 0.5, dtype=np.float32)})
    folder = write_case(case, tmp_path, EVERYTHING)
    made = json.loads((folder / "result.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(made)
    listed = [file["name"] for file in made["files"]]
    assert sorted([*listed, "result.json"]) == sorted(path.name for path in folder.iterdir())
    assert listed == [
        *("lungs.nii.gz", "lungs.nrrd", "lesions.nii.gz", "lesions.nrrd", "lobes.nii.gz", "lobes.nrrd"),
        *("measures.csv", "probability-opacity.nii.gz", "overlay.png", "report.html"),
    ]
    read = nibabel.load(folder / "lesions.nii.gz")
    assert np.array_equal(np.asanyarray(read.dataobj).T, case.lesions.array)
    probability = nibabel.load(folder / "probability-opacity.nii.gz")
    assert probability.get_data_dtype() == np.uint8
    assert np.unique(np.asanyarray(probability.dataobj)).tolist() == [128]


def test_two_runs_give_the_same_bytes(make_ct, tmp_path):
    first, second = (write_case(make_ct(), tmp_path / name, EVERYTHING) for name in ("a", "b"))
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"with_lobes": False},
        {"is_windowed": True},
        {"with_lungs": False},
        {"with_lesions": False},
        {"orientation": TURNED},
    ],
)
def test_every_case_follows_the_schema(make_ct, options):
    validate(result(make_ct(**options)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.update(modality="cxr"),
        lambda made: made.update(modality="mr"),
        lambda made: made.pop("measures"),
        lambda made: made.pop("instances"),
        lambda made: made["measures"][0].update(value=None),
        lambda made: made["measures"][0].update(unit="l"),
        lambda made: made["measures"][0].update(uncertainty=-1),
        lambda made: made["instances"][0].update(centroid_mm=[1, 2]),
        lambda made: made["image"]["grid"].update(affine=[[1, 0, 0, 0]]),
        lambda made: made["image"].update(view="PA"),
        lambda made: made["structures"]["lungs"]["left-lung"].update(pixels=3),
        lambda made: made["structures"].update(lobes=None),
    ],
)
def test_what_does_not_follow_it(ct, spoil):
    made = json.loads(encode_json(result(ct)))
    validate(made)
    spoil(made)
    with pytest.raises(jsonschema.ValidationError):
        validate(made)


def test_what_it_says(make_ct):
    case = make_ct(orientation=TURNED)
    made = result(case)
    grid, place = made["image"]["grid"], case.image.volume
    assert made["modality"] == "ct"
    assert (grid["slices"], grid["rows"], grid["columns"]) == place.shape
    assert grid["spacing_mm"] == {"slices": 6, "rows": 8, "columns": 6}
    assert np.allclose(grid["affine"], place.affine[:3], atol=1e-5)
    assert (grid["slice_direction"], grid["row_direction"], grid["column_direction"]) == ("R", "F", "P")
    assert grid["voxel_ml"] == pytest.approx(0.288)
    assert grid["frame_of_reference"] == {"not_measured": "the file states no frame of reference"}
    assert made["disease"] == {"not_measured": "it is a verdict on films"}
    lungs = made["structures"]["lungs"]["left-lung"]
    assert lungs["voxels"] == case.lungs.pixels("left-lung")
    assert lungs["volume_ml"] == pytest.approx(lungs["voxels"] * 0.288, abs=1e-3)
    assert set(made["structures"]["lobes"]) == {label.name for label in case.lobes.labels.values()}
    assert len(made["measures"]) == len(case.measures.table)
    assert made["instances"][0]["number"] == 1


def test_absent_lobes_are_said(make_ct):
    assert result(make_ct(with_lobes=False))["structures"]["lobes"] == {"not_measured": "no lobes were given"}


def test_measures_as_a_table():
    rows = (
        Measure("volume", "both", "lung", 1234.56789, "ml", 12.0),
        Measure("mean-hu", "both", "lung", NotMeasured("it takes Hounsfield units, and there are none"), "HU"),
    )
    text = measures_table(Measures(rows)).decode()
    assert text.splitlines() == [
        ",".join(COLUMNS),
        "volume,both,lung,1234.5679,ml,12,masks,",
        'mean-hu,both,lung,,HU,,masks,"it takes Hounsfield units, and there are none"',
    ]


def test_a_row_of_the_table(ct, tmp_path):
    row = row_of(ct, tmp_path)
    assert row["modality"] == "ct"
    assert row["six-zone"] == row["brixia:right-upper"] == row["disease_probability"] == ""
    assert float(row["ct-severity-25"]) == ct.scores["ct-severity-25"].value
    assert float(row["mosmed:left"]) == ct.scores["mosmed"].parts["left"]
    assert float(row["opacity-percent:left-lower-lobe"]) == pytest.approx(
        ct.scores["opacity-percent"].parts["left-lower-lobe"], abs=1e-4
    )
    assert float(row["volume:lung:both"]) == pytest.approx(ct.measures.find("volume", "both", "lung"), abs=1e-3)
    check = ct.measures.find("share", "both", "opacity", "hounsfield-bands")
    assert float(row["share:opacity:both:hounsfield-bands"]) == pytest.approx(check, abs=1e-4)
    assert row["not_measured"] == ""


def test_every_score_of_ct_and_its_parts_have_columns(ct, tmp_path):
    row = row_of(ct, tmp_path)
    assert set(ct.scores) <= set(DEFINITIONS)
    for name, score in ct.scores.items():
        assert row[name] != ""
        assert all(row[f"{name}:{region}"] != "" for region in score.parts)


def test_what_was_not_measured_is_empty_with_a_reason(make_ct, tmp_path):
    row = row_of(make_ct(with_lobes=False), tmp_path)
    assert row["ct-severity-25"] == row["ct-severity-25:right-upper-lobe"] == ""
    assert "ct-severity-25: it takes the lobes, and none were given" in row["not_measured"]
    assert row["zonal-24"] != ""
