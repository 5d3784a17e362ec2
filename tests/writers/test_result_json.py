"""result.json: follows its schema, says nothing else, and is the same every time."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

import hilum
from hilum.case import with_detected
from hilum.geometry import PlaneOrientation
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.provenance import ModelRef, digest
from hilum.scoring import DEFINITIONS, Score
from hilum.scoring.film_instances import film_instance
from hilum.writers.result_json import SCHEMA_VERSION, WrittenFile, encode_json, result, schema

FILES = (WrittenFile("lungs.png", "lungs", on_grid=True), WrittenFile("overlay.png", "overlay", on_grid=False))
LESION = ModelRef("mask-rcnn", "1.0", "12" * 32)
CROPPED = Finding("cropped-lungs", Gravity.WARNING, "The lungs are cut off at the lower edge.")


def validate(made) -> None:
    jsonschema.Draft202012Validator(schema()).validate(json.loads(encode_json(made)))


def test_the_schema_is_a_schema_of_this_version():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert schema()["$id"].endswith(f":{SCHEMA_VERSION}")


def test_the_schema_closes_every_object_and_uses_every_definition():
    def objects(part):
        if isinstance(part, dict):
            if part.get("type") == "object":
                yield part
            for each in part.values():
                yield from objects(each)
        elif isinstance(part, list):
            for each in part:
                yield from objects(each)

    is_free = [part for part in objects(schema()) if "additionalProperties" not in part]
    assert [part.get("description") for part in is_free] == ["All of them, resolved."]
    for part in objects(schema()):
        assert set(part.get("required", ())) <= set(part.get("properties", ()))
    text = json.dumps(schema())
    assert all(f'"#/$defs/{name}"' in text for name in schema()["$defs"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"spacing_mm": (0.143, 0.139), "with_fields": True, "findings": (CROPPED,)},
        {"orientation": PlaneOrientation("F", "L"), "dtype": np.uint16},
        {"lungs": (1,)},
        {"lungs": (), "disease": NotMeasured("no lung was found")},
        {"with_lesions": False},
    ],
)
def test_every_case_follows_the_schema(make_case, options):
    validate(result(make_case(**options), FILES))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.update(clock="2020-01-01"),
        lambda made: made.pop("disease"),
        lambda made: made.update(modality="ct"),
        lambda made: made.update(measures=[]),
        lambda made: made.update(schema_version="0.9"),
        lambda made: made["image"].update(view=None),
        lambda made: made["scores"]["six-zone"].update(value=None),
        lambda made: made["scores"]["six-zone"].update(value={"not_measured": ""}),
        lambda made: made["scores"]["six-zone"].update(value={"not_measured": "why", "value": 0}),
        lambda made: made["scores"]["six-zone"].update(range=[0]),
        lambda made: made["disease"].update(probability=1.2),
        lambda made: made["structures"]["lungs"]["right-lung"].update(pixels=-1),
        lambda made: made["structures"].update(trachea={}),
        lambda made: made.pop("instances"),
        lambda made: made["instances"][0].update(box=[1, 2, 3, 4]),
        lambda made: made["instances"][0].update(volume_ml=1),
        lambda made: made["instances"][0].update(score=2),
        lambda made: made["provenance"]["nodes"][0].update(path="/home"),
        lambda made: made["provenance"]["nodes"][0].update(kind="step"),
        lambda made: made["findings"].append({"code": "Bad Code", "gravity": "note", "message": "x"}),
    ],
)
def test_what_does_not_follow_it(case, spoil):
    made = json.loads(encode_json(result(case, FILES)))
    validate(made)
    spoil(made)
    with pytest.raises(jsonschema.ValidationError):
        validate(made)


def test_what_it_says(make_case):
    case = make_case(spacing_mm=(0.2, 0.1), findings=(CROPPED,))
    made = result(case, FILES)
    assert made["hilum_version"] == hilum.__version__
    assert made["case"] == "case-1"
    assert made["image"]["grid"] == {
        "rows": 110,
        "columns": 130,
        "spacing_mm": {"rows": 0.2, "columns": 0.1, "plane": "detector"},
        "row_direction": "F",
        "column_direction": "L",
    }
    assert made["image"]["sources"][0]["dicom"]["series"] == "1.2.3.4"
    assert made["findings"] == [{"code": "cropped-lungs", "gravity": "warning", "message": CROPPED.message}]
    assert made["disease"] == {"probability": 0.93, "threshold": 0.4, "is_present": True}
    right = made["structures"]["lungs"]["right-lung"]
    pixels = int(np.sum(case.lungs.array == 1))
    assert (right["number"], right["pixels"], right["code"]["value"]) == (1, pixels, "3341006")
    assert right["area"] == {"mm2": round(pixels * 0.02, 1), "plane": "detector"}
    assert right["share_of_film"] == pytest.approx(pixels / (110 * 130), abs=1e-4)
    assert made["files"] == [
        {"name": "lungs.png", "content": "lungs", "on_grid": True},
        {"name": "overlay.png", "content": "overlay", "on_grid": False},
    ]


def test_instances_lie_on_the_pixels_of_the_input(make_case):
    for orientation in (PlaneOrientation(), PlaneOrientation("F", "L"), PlaneOrientation("R", "H")):
        case = make_case(spacing_mm=(0.2, 0.1), orientation=orientation)
        made = result(case)["instances"]
        assert [(each["number"], each["side"], each["zone"]) for each in made] == [
            (1, "right", "right-lower"),
            (2, "left", "left-lower"),
        ]
        box = made[1]["box"]
        rows, columns = np.nonzero(case.lesions.array == 2)
        assert (box["row"], box["column"]) == (rows.min(), columns.min())
        assert (box["rows"], box["columns"]) == (np.ptp(rows) + 1, np.ptp(columns) + 1)
        assert made[1]["pixels"] == made[1]["consolidation_pixels"] == len(rows)
        assert made[0]["consolidation_pixels"] == 0
        assert made[1]["area"]["mm2"] == pytest.approx(len(rows) * 0.02, abs=0.06)
        assert made[1]["score"] == {"not_measured": "the masks do not tell how certain they are"}


def test_what_a_detector_found_takes_their_place(make_case):
    case = make_case()
    box = np.zeros(case.lungs.array.shape, bool)
    box[20:40, 30:50] = True
    lungs = case.lungs.array
    found = with_detected(
        case, [film_instance(box, 0.75, lungs), film_instance(np.eye(*lungs.shape, dtype=bool), 0.5)], LESION
    )
    made = result(found)
    validate(made)
    first, second = made["instances"]
    assert first["box"] == {"row": 20, "column": 30, "rows": 20, "columns": 20}
    assert (first["score"], first["method"], first["side"]) == (0.75, "detector", "right")
    assert second["zone"] == {"not_measured": "it lies outside both lungs"}
    assert made["provenance"]["nodes"][-1]["model"]["name"] == LESION.name
    assert made["scores"] == result(case)["scores"]
    with pytest.raises(ValueError, match="does not lie on a film"):
        with_detected(case, [film_instance(box[1:], 0.75)])


def test_scores(case):
    made = result(case)["scores"]
    assert list(made) == ["six-zone", "brixia", "geographic-extent", "opacity-percent"]
    six = made["six-zone"]
    assert (six["range"], six["unit"], six["method"]) == ([0, 6], "points", "opacity-share")
    assert six["settings"] == {"threshold": 0.31}
    assert isinstance(six["value"], int)
    assert made["brixia"]["is_estimate"]
    assert "method" not in made["brixia"]
    assert made["opacity-percent"]["parts"]["right"] == round(case.scores["opacity-percent"].parts["right"], 4)


def test_unknown_is_a_reason(make_case):
    case = make_case(lungs=(1,), disease=NotMeasured("it was not looked for"))
    case = replace(case, image=replace(case.image, view=""))
    made = result(case)
    assert made["scores"]["six-zone"]["value"] == {"not_measured": "the left lung was not found"}
    assert made["scores"]["six-zone"]["parts"]["left-upper"] == {"not_measured": "the left lung was not found"}
    assert made["disease"] == {"not_measured": "it was not looked for"}
    assert made["image"]["view"] == {"not_measured": "the file does not state the view"}
    assert made["image"]["grid"]["spacing_mm"] == {"not_measured": "the file states no pixel spacing"}
    assert made["structures"]["lungs"]["left-lung"]["pixels"] == 0
    assert b"null" not in encode_json(made)
    validate(made)


def test_a_film_does_not_say_that_there_is_no_effusion(make_case):
    case = make_case()
    assert list(result(case)["structures"]["lesions"]) == ["ground-glass", "consolidation"]
    array = case.lesions.array.copy()
    array[0, 0] = 3
    drawn = replace(case, lesions=replace(case.lesions, array=array))
    assert result(drawn)["structures"]["lesions"]["effusion"]["pixels"] == 1


def test_provenance_is_a_graph_in_order(case):
    made = result(case)["provenance"]
    assert made["digest"] == digest(case.provenance)
    names = [node.get("operation", node.get("name")) for node in made["nodes"]]
    assert names == ["film.dcm", "segment-lungs", "segment-lesions", "analyse"]
    assert [node.get("inputs") for node in made["nodes"]] == [None, [0], [0, 1], [1, 2]]
    assert made["nodes"][2]["model"] == {"name": "lesion-network", "version": "2.1", "sha256": "ef" * 32}


def test_same_bytes(make_case):
    assert encode_json(result(make_case(), FILES)) == encode_json(result(make_case(), FILES))


def test_rounding_and_whole_numbers(case):
    score = Score(DEFINITIONS["opacity-percent"], 12.3456789, {"right": 2.0, "left": 1e-9})
    made = result(replace(case, scores={"opacity-percent": score}))["scores"]["opacity-percent"]
    assert made["value"] == 12.3457
    assert json.dumps(made["parts"]) == '{"right": 2, "left": 0}'


def test_numbers_that_json_cannot_hold_are_not_written(case):
    with pytest.raises(ValueError, match="JSON"):
        encode_json({"value": float("nan")})


def test_names_beyond_ascii(make_case):
    for name in ("Lungenfilm-ä-肺", "odd-\udcff"):
        made = result(make_case(name))
        assert json.loads(encode_json(made))["case"] == name
