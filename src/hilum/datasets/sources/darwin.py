"""V7's COVID-19 X-ray set: 6,500 films with whole lungs as polygons (github.com/v7labs/covid-19-xray-dataset).

Layout after ``darwin dataset pull``: ``images/`` and ``releases/all-images/annotations/*.json``; or the
``annotations/*.json`` of the repository beside ``images/`` (as in achillesrasquinha/deeply and public scripts over
``image.filename`` and ``annotations[].name``). ``Lung`` polygons reach behind the heart and the diaphragm, and do not
say which side they are; ``Ignore`` covers devices. Entries without a polygon are tags: the kind of pneumonia, and
``View/Lateral``, ``Age/57`` and the like. Laterals and CT slices carry tags alone and stay in the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hilum.datasets.drawn import darwin_item, read_json
from hilum.datasets.schema import DatasetCase, Mask
from hilum.errors import ReadError

from .layout import Layout, named

ID = "darwin"
_PLACES = ("releases/all-images/annotations", "annotations")
_CLASSES = {1: "lungs", 2: "ignore"}
_VIEWS = {"lateral": "LATERAL", "pa": "PA", "ap": "AP"}


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films that have an annotation file."""
    folder = next(root / place for place in _PLACES if any((root / place).glob("*.json")))
    for path, _ in named(folder, r".*\.json"):
        data = read_json(path)
        try:
            item, entries = darwin_item(data), data["annotations"]
            yield _case(root, path, item, entries)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ReadError(f"{str(path)!r} is no annotation of Darwin: it lacks {error}.", path=path) from error


def _case(root: Path, path: Path, item: dict[str, Any], entries: list[dict[str, Any]]) -> DatasetCase:
    tags = [str(entry["name"]) for entry in entries if "polygon" not in entry and "complex_polygon" not in entry]
    facts = {key.strip().casefold(): value.strip() for tag in tags if "/" in tag for key, value in [tag.split("/", 1)]}
    plain = [tag for tag in tags if "/" not in tag and tag != "CT"]
    has_lungs = any(entry["name"] == "Lung" for entry in entries)
    name = path.name.removesuffix(".json")
    return DatasetCase(
        source=ID,
        case=name,
        patient=facts.get("patient id", name),
        modality="CT" if "CT" in tags else "CXR",
        image=_image(root, path, item),
        masks={"lungs": Mask(path, _CLASSES, form="darwin:Lung,Ignore")} if has_lungs else {},
        finding=", ".join(plain),
        view=_VIEWS.get(facts.get("view", "").casefold(), facts.get("view", "")),
        licence="CC BY 4.0",
        facts=facts,
        is_windowed="CT" in tags,
    )


def _image(root: Path, path: Path, item: dict[str, Any]) -> Path:
    below = str(item.get("path", "/")).strip("/")
    for name in (item.get("filename"), item.get("original_filename")):
        if name and (image := root / "images" / below / str(name)).is_file():
            return image
    raise ReadError(
        f"{str(path)!r} speaks of the film {item.get('filename')!r}, which is not in {str(root / 'images')!r}.",
        path=path,
    )


SOURCE = Layout(
    ID,
    "V7 Darwin: 6,500 films with whole lungs as polygons",
    (("images", "releases/all-images/annotations/*.json"), ("images", "annotations/*.json")),
    cases,
)
