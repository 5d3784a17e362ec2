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
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import Image, LabelMap
from hilum.measurement import NotMeasured
from hilum.provenance import Json, Origin, Source, Step, digest, sources, walk
from hilum.scoring.film_lesions import FilmLesion
from hilum.scoring.measure import LesionInstance, Measure
from hilum.scoring.score import Score

SCHEMA_VERSION = "2.1"
"""Of ``result.json``. A key that is added raises the second number, one that changes or goes the first."""

DECIMALS = 4
"""Places after the point: a ten-thousandth of a point, a per cent or a probability is less than anyone measures."""


_AXES = ("slices", "rows", "columns")


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
    case : of a film or a volume
    written : the files that were written of it
    """
    is_film = isinstance(case.image.grid, PlaneGrid)
    return {
        "schema_version": SCHEMA_VERSION,
        "hilum_version": __version__,
        "case": case.name,
        "modality": "cxr" if is_film else "ct",
        "image": _film(case.image) if is_film else _volume(case.image),
        "findings": [{"code": f.code, "gravity": f.gravity.value, "message": f.message} for f in case.findings],
        "disease": _disease(case.disease),
        "scores": {name: _score(score) for name, score in case.scores.items()},
        "structures": _all_structures(case),
        **({"instances": film_instances(case.instances, case.image.plane)} if is_film else _measures(case)),
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
    made = {"lungs": case.lungs, "lesions": case.lesions, "lung-fields": case.lung_fields, "lobes": case.lobes}
    return {name: labels for name, labels in made.items() if labels is not None}


def _absent(reason: str) -> dict[str, Json]:
    return {"not_measured": reason}


def rounded(value: float) -> int | float:
    """Rounded; a whole number without a point."""
    rounded = round(float(value), DECIMALS)
    return int(rounded) if rounded.is_integer() else rounded


def _measured(value: float | NotMeasured) -> Json:
    return _absent(value.reason) if isinstance(value, NotMeasured) else rounded(value)


def _film(image: Image) -> dict[str, Json]:
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


def _volume(image: Image) -> dict[str, Json]:
    grid = image.volume
    return {
        "kind": "volume",
        "quantity": image.quantity.value,
        "grid": {
            **dict(zip(_AXES, grid.shape, strict=True)),
            "spacing_mm": {name: round(size, 6) for name, size in zip(_AXES, grid.spacing_mm, strict=True)},
            "affine": [[round(float(number), 6) + 0.0 for number in row] for row in grid.affine[:3]],
            "voxel_ml": round(grid.voxel_ml, 9),
            "frame_of_reference": grid.frame or _absent("the file states no frame of reference"),
            **{f"{name[:-1]}_direction": letter for name, letter in zip(_AXES, _directions(grid), strict=True)},
        },
        "sources": [source.as_json() for source in sources(image.origin)],
    }


def _directions(grid: VolumeGrid) -> list[str]:
    """Where the slice, row and column index grow, to the nearest right angle."""
    orientation, letters = grid.orientation, ["", "", ""]
    for (toward, away), axis, flip in zip(("HF", "PA", "LR"), orientation.axes, orientation.flips, strict=True):
        letters[axis] = away if flip else toward
    return letters


def _spacing(grid: PlaneGrid) -> dict[str, Json]:
    if grid.spacing_mm is None:
        return _absent("the file states no pixel spacing")
    rows, columns = (round(spacing, 6) for spacing in grid.spacing_mm)
    return {"rows": rows, "columns": columns, "plane": grid.spacing_at.value}


def _disease(disease: Disease | NotMeasured) -> dict[str, Json]:
    if isinstance(disease, NotMeasured):
        return _absent(disease.reason)
    return {
        "probability": rounded(disease.probability),
        "threshold": rounded(disease.threshold),
        "is_present": disease.is_present,
    }


def _score(score: Score) -> dict[str, Json]:
    definition = score.definition
    made: dict[str, Json] = {
        "value": _measured(score.value),
        "range": [rounded(end) for end in definition.range],
        "unit": definition.unit,
        "is_estimate": definition.is_estimate,
        "parts": {region: _measured(value) for region, value in score.parts.items()},
        "settings": {name: rounded(value) for name, value in score.settings.items()},
    }
    if score.method:
        made["method"] = score.method
    made["title"] = definition.title
    made["definition"] = definition.definition
    made["inputs"] = list(definition.inputs)
    made["source"] = definition.source
    made["limits"] = definition.limits
    return made


def _all_structures(case: Case) -> dict[str, Json]:
    """By the stem of the mask's file, then by structure; a film has no lobes to be absent."""
    made: dict[str, Json] = {name: _structures(labels) for name, labels in label_maps(case).items()}
    if case.lobes is None and isinstance(case.image.grid, VolumeGrid):
        made["lobes"] = _absent("no lobes were given")
    return made


def _structures(labels: LabelMap) -> dict[str, Json]:
    """What a map was drawn for. Effusion is not looked for on films; nobody shall read that there is none."""
    is_film = isinstance(labels.grid, PlaneGrid)
    return {
        label.name: _structure(labels, number)
        for number, label in labels.labels.items()
        if not (is_film and label.name == "effusion" and labels.pixels(label.name) == 0)
    }


def _structure(labels: LabelMap, number: int) -> dict[str, Json]:
    label, grid = labels.labels[number], labels.grid
    pixels = labels.pixels(label.name)
    made: dict[str, Json] = {
        "number": number,
        "code": {"value": label.code.value, "scheme": label.code.scheme, "meaning": label.code.meaning},
    }
    if isinstance(grid, VolumeGrid):
        return {**made, "voxels": pixels, "volume_ml": rounded(pixels * grid.voxel_ml)}
    return {**made, "pixels": pixels, "share_of_film": rounded(pixels / labels.array.size), "area": _area(pixels, grid)}


def _area(pixels: int, grid: PlaneGrid) -> dict[str, Json]:
    if grid.spacing_mm is None:
        return _absent("the file states no pixel spacing")
    return {"mm2": round(pixels * grid.spacing_mm[0] * grid.spacing_mm[1], 1), "plane": grid.spacing_at.value}


def _measures(case: Case) -> dict[str, Json]:
    return {
        "measures": [_measure(row) for row in case.measures.table],
        "instances": [_instance(each) for each in case.measures.instances],
    }


def _measure(row: Measure) -> dict[str, Json]:
    made: dict[str, Json] = {
        "id": row.id,
        "region": row.region,
        "structure": row.structure,
        "value": _measured(row.value),
        "unit": row.unit,
    }
    if row.uncertainty is not None:
        made["uncertainty"] = rounded(row.uncertainty)
    made["method"] = row.method
    return made


def _instance(each: LesionInstance) -> dict[str, Json]:
    return {
        "number": each.number,
        "structure": each.structure,
        "volume_ml": rounded(each.volume_ml),
        "consolidation_ml": rounded(each.consolidation_ml),
        "centroid_mm": [round(float(place), 2) + 0.0 for place in each.centroid_mm],
        "region": each.region,
    }


def film_instances(found: Sequence[FilmLesion], grid: PlaneGrid) -> list[Json]:
    """The single lesions of a film as ``result.json`` has them."""
    return [_film_instance(each, grid) for each in found]


def _film_instance(each: FilmLesion, grid: PlaneGrid) -> Json:
    row, column, rows, columns = each.box
    return {
        "number": each.number,
        "structure": each.structure,
        "box": {"row": row, "column": column, "rows": rows, "columns": columns},
        "pixels": each.pixels,
        "area": _area(each.pixels, grid),
        "consolidation_pixels": each.consolidation_pixels,
        "score": _measured(each.score),
        "side": _known(each.side),
        "zone": _known(each.zone),
        "method": each.method,
    }


def _known(text: str | NotMeasured) -> Json:
    return _absent(text.reason) if isinstance(text, NotMeasured) else text


def _provenance(origin: Step) -> dict[str, Json]:
    """The graph as a list, inputs before what was made from them; a node's number is its place in the list."""
    nodes = list(walk(origin))
    places = {digest(node): place for place, node in enumerate(nodes)}
    return {"digest": digest(origin), "nodes": [_node(node, places) for node in nodes]}


def _node(node: Origin, places: Mapping[str, int]) -> dict[str, Json]:
    if isinstance(node, Source):
        return {"kind": "source", **node.as_json()}
    return {"kind": "step", **node.as_json(), "inputs": [places[digest(item)] for item in node.inputs]}
