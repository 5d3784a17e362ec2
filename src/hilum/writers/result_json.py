"""``result.json``: everything about a case but its pixels, in one versioned schema.

The same case gives the same bytes: keys have a fixed order, numbers are rounded, and there is no clock, host name
or path. What is unknown is an object ``{"not_measured": reason}``; it is never 0 and never null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from hilum import __version__
from hilum.case import Case, Disease
from hilum.geometry import PlaneGrid
from hilum.image import Image, LabelMap
from hilum.measurement import NotMeasured
from hilum.provenance import Json, Origin, Source, Step, digest, sources, walk
from hilum.scoring.score import Score

SCHEMA_VERSION = "1.0"
"""Of ``result.json``. A key that is added raises the second number, one that changes or goes the first."""

DECIMALS = 4
"""Places after the point: a ten-thousandth of a point, a per cent or a probability is less than anyone measures."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file in the folder of a case.

    Attributes
    ----------
    name : without folders
    content : what it holds, such as ``lungs`` or ``overlay``
    on_grid : its pixels are those of the input, in the input's rows and columns
    """

    name: str
    content: str
    on_grid: bool


def result(case: Case, written: Sequence[WrittenFile] = ()) -> dict[str, Json]:
    """A case as a JSON object that follows the schema.

    Parameters
    ----------
    case : of a film
    written : the files that were written of it

    Raises
    ------
    WrongQuantity
        The case is of a volume.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "hilum_version": __version__,
        "case": case.name,
        "image": _image(case.image),
        "findings": [{"code": f.code, "gravity": f.gravity.value, "message": f.message} for f in case.findings],
        "disease": _disease(case.disease),
        "scores": {name: _score(score) for name, score in case.scores.items()},
        "structures": {name: _structures(labels) for name, labels in label_maps(case).items()},
        "files": [{"name": f.name, "content": f.content, "on_grid": f.on_grid} for f in written],
        "provenance": _provenance(case.provenance),
    }


def encode_json(made: Mapping[str, Json]) -> bytes:
    """The bytes of ``result.json``: UTF-8, indented; ValueError if there is a number that JSON cannot hold."""
    return (json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(errors="backslashreplace")


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that every ``result.json`` of this version follows; it is not to be changed."""
    return json.loads((files("hilum.writers") / "schema" / "result.schema.json").read_text(encoding="utf-8"))


def label_maps(case: Case) -> dict[str, LabelMap]:
    """The label maps that a case has, by the stem of their files."""
    made = {"lungs": case.lungs, "lesions": case.lesions}
    return made if case.lung_fields is None else {**made, "lung-fields": case.lung_fields}


def _absent(reason: str) -> dict[str, Json]:
    return {"not_measured": reason}


def _number(value: float) -> Json:
    """Rounded; a whole number without a point."""
    rounded = round(float(value), DECIMALS)
    return int(rounded) if rounded.is_integer() else rounded


def _measured(value: float | NotMeasured) -> Json:
    return _absent(value.reason) if isinstance(value, NotMeasured) else _number(value)


def _image(image: Image) -> dict[str, Json]:
    grid = image.plane
    return {
        "kind": "film",
        "quantity": image.quantity.value,
        "view": image.view or _absent("the file does not state the view"),
        "grid": {
            "rows": grid.shape[0],
            "columns": grid.shape[1],
            "spacing_mm": _spacing(grid),
            "row_direction": grid.orientation.rows,
            "column_direction": grid.orientation.columns,
        },
        "sources": [source.as_json() for source in sources(image.origin)],
    }


def _spacing(grid: PlaneGrid) -> dict[str, Json]:
    if grid.spacing_mm is None:
        return _absent("the file states no pixel spacing")
    rows, columns = (round(spacing, 6) for spacing in grid.spacing_mm)
    return {"rows": rows, "columns": columns, "plane": grid.spacing_at.value}


def _disease(disease: Disease | NotMeasured) -> dict[str, Json]:
    if isinstance(disease, NotMeasured):
        return _absent(disease.reason)
    return {
        "probability": _number(disease.probability),
        "threshold": _number(disease.threshold),
        "is_present": disease.is_present,
    }


def _score(score: Score) -> dict[str, Json]:
    definition = score.definition
    made: dict[str, Json] = {
        "value": _measured(score.value),
        "range": [_number(end) for end in definition.range],
        "unit": definition.unit,
        "is_estimate": definition.is_estimate,
        "parts": {region: _measured(value) for region, value in score.parts.items()},
        "settings": {name: _number(value) for name, value in score.settings.items()},
    }
    if score.method:
        made["method"] = score.method
    made["title"] = definition.title
    made["definition"] = definition.definition
    made["inputs"] = list(definition.inputs)
    made["source"] = definition.source
    made["limits"] = definition.limits
    return made


def _structures(labels: LabelMap) -> dict[str, Json]:
    return {label.name: _structure(labels, number) for number, label in labels.labels.items()}


def _structure(labels: LabelMap, number: int) -> dict[str, Json]:
    label = labels.labels[number]
    pixels = labels.pixels(label.name)
    return {
        "number": number,
        "code": {"value": label.code.value, "scheme": label.code.scheme, "meaning": label.code.meaning},
        "pixels": pixels,
        "share_of_film": _number(pixels / labels.array.size),
        "area": _area(pixels, labels.plane),
    }


def _area(pixels: int, grid: PlaneGrid) -> dict[str, Json]:
    if grid.spacing_mm is None:
        return _absent("the file states no pixel spacing")
    return {"mm2": round(pixels * grid.spacing_mm[0] * grid.spacing_mm[1], 1), "plane": grid.spacing_at.value}


def _provenance(origin: Step) -> dict[str, Json]:
    """The graph as a list, inputs before what was made from them; a node's number is its place in the list."""
    nodes = list(walk(origin))
    places = {digest(node): place for place, node in enumerate(nodes)}
    return {"digest": digest(origin), "nodes": [_node(node, places) for node in nodes]}


def _node(node: Origin, places: Mapping[str, int]) -> dict[str, Json]:
    if isinstance(node, Source):
        return {"kind": "source", **node.as_json()}
    return {"kind": "step", **node.as_json(), "inputs": [places[digest(item)] for item in node.inputs]}
