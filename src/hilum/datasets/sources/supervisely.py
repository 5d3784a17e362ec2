"""The Supervisely projects of the two-stage system: lungs (Mendeley 8gf9vpkhgy), disease and scores (36fjrg9s69).

Layout: ``meta.json`` and, for each collection, ``img/NAME.png`` beside ``ann/NAME.png.json`` (docs.supervisely.com;
read by ViacheslavDanilov/covid_scoring, tools/supervisely_tools.py and tools/utils.py). Objects of the class ``Lungs``
or ``Lung`` are both lungs, sides not told apart; ``COVID-19`` is infection, classes not told apart. Tags: ``Score R``
and ``Score D`` are two readers' six-zone scores, ``Normal`` a healthy film, ``Poor quality R``, ``Poor quality D`` and
``Inaccurate labelling`` what they say. Masks are taken as drawn, without the predecessor's opening.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hilum.datasets.drawn import read_json
from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.errors import ReadError

from .layout import Layout, natural, number

ID = "supervisely"
_CLASSES: dict[str, tuple[MaskKind, str]] = {
    "lungs": ("lungs", "lungs"),
    "lung": ("lungs", "lungs"),
    "covid-19": ("lesions", "infection"),
}
_SCORES = {"Score R": "six-zone-r", "Score D": "six-zone-d"}
_NORMAL = "Normal"


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films of every collection that have an annotation file."""
    folders = sorted((path.parent for path in root.glob("*/ann")), key=lambda at: natural(at.name))
    for folder in folders:
        for path in sorted((folder / "ann").glob("*.json"), key=lambda at: natural(at.name)):
            data = read_json(path)
            try:
                yield _case(folder, path, data)
            except (KeyError, TypeError, AttributeError) as error:
                raise ReadError(
                    f"{str(path)!r} is no annotation of Supervisely: it lacks {error}.", path=path
                ) from error


def _case(folder: Path, path: Path, data: dict[str, Any]) -> DatasetCase:
    tags = {str(tag["name"]): tag.get("value") for tag in data["tags"]}
    image = folder / "img" / path.name.removesuffix(".json")
    if not image.is_file():
        raise ReadError(f"{str(path)!r} speaks of a film that is not there: {str(image)!r}.", path=path)
    scores = {name: number(str(tags[tag]), tag, path, 6) for tag, name in _SCORES.items() if tags.get(tag) is not None}
    others = {tag: "yes" if value is None else str(value) for tag, value in tags.items() if tag not in _SCORES}
    name = f"{folder.name}-{image.stem}"
    return DatasetCase(
        source=ID,
        case=name,
        patient=name,
        modality="CXR",
        image=image,
        masks=_masks(path, data["objects"]),
        scores={**dict.fromkeys(_SCORES.values(), 0.0), **scores} if _NORMAL in tags else scores,
        finding="No finding" if _NORMAL in tags else "",
        licence="CC BY 4.0",
        facts={**{tag.casefold(): value for tag, value in others.items()}, "collection": folder.name},
    )


def _masks(path: Path, objects: list[dict[str, Any]]) -> dict[MaskKind, Mask]:
    """A mask for each kind that an object is of."""
    titles = dict.fromkeys(str(entry["classTitle"]) for entry in objects)
    found: dict[MaskKind, Mask] = {}
    for title in titles:
        if (known := _CLASSES.get(title.casefold())) is not None:
            found[known[0]] = Mask(path, {1: known[1]}, form=f"supervisely:{title}")
    return found


SOURCE = Layout(
    ID,
    "Supervisely projects of the two-stage X-ray system, with scores of two readers",
    (("meta.json", "*/ann/*.json", "*/img"),),
    cases,
)
