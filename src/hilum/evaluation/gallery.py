"""The pictures of an evaluation of masks: best, middle and worst cases, every system on the same cases, flights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import open_image, open_mask
from hilum.datasets.schema import DatasetCase, MaskKind
from hilum.errors import Error
from hilum.geometry import VolumeGrid
from hilum.measurement import NotMeasured

from .masks import Judgement, structures_of
from .pictures import (
    LESION,
    LUNG,
    Grey,
    Mask,
    Tile,
    confusion,
    grey_of,
    row_of,
    sheet_of,
    tinted,
    write_flight,
    write_png,
)
from .predictions import Predictions, open_prediction
from .results import Results

FOLDER = "pictures"
PLACES = ("best", "middle", "worst")


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """One structure of a case: its image in grey, its truth, and what each system drew of it.

    Attributes
    ----------
    grey : (rows, columns), or (slices, rows, columns)
    truth : of the same shape
    found : by the system's name; a system without a mask is not in it
    """

    grey: Grey
    truth: Mask
    found: dict[str, Mask]


def write_gallery(
    results: Results, cases: Sequence[DatasetCase], predictions: Sequence[Predictions], folder: Path, *, count: int
) -> None:
    """Write pictures of the best, middle and worst cases of every system, by the Dice of each union or structure.

    ``pictures/<structure>-<system>.png`` has a row a case: image, truth, prediction, and both together, green where
    they agree, red where only the prediction is, blue where only the truth is. ``pictures/<structure>.png`` shows the
    first system's cases as every system drew them. Of a CT, the slice with most of the truth is shown, and
    ``pictures/<structure>-<system>-<place>.gif`` flies through the first case of each place.

    Parameters
    ----------
    results : of the evaluation
    cases : that it was made of
    predictions : systems and readers
    folder : of the evaluation
    count : cases of each place

    Raises
    ------
    WriteError
        A picture could not be written.
    """
    known = {case.key: case for case in cases}
    for kind, structure in _shown(results.judgements):
        mine = [each for each in results.judgements if each.structure == structure and each.kind == kind]
        for number, prediction in enumerate(predictions):
            places = chosen([each for each in mine if each.prediction == prediction.name], count)
            seen = {key: _look(known[key], kind, structure, predictions) for keys in places.values() for key, _ in keys}
            where = folder / FOLDER / f"{structure}-{_plain(prediction.name)}"
            rows = [
                _row(seen[key], prediction.name, f"{place}: {key}, Dice {dice:.3f}", _colour(kind))
                for place, keys in places.items()
                for key, dice in keys
            ]
            if rows:
                write_png(sheet_of(rows), where.with_suffix(".png"))
            _flights(places, seen, prediction.name, where, _colour(kind))
            if not number and len(predictions) > 1 and rows:
                dices = {(each.case, each.prediction): each.values["dice"] for each in mine}
                every = [_systems(seen[key], key, dices, _colour(kind)) for keys in places.values() for key, _ in keys]
                write_png(sheet_of(every), folder / FOLDER / f"{structure}.png")


def chosen(judgements: Iterable[Judgement], count: int) -> dict[str, list[tuple[str, float]]]:
    """The cases with the highest Dice, round the median, and with the lowest, each once, with their Dice."""
    dices = [(each.case, value) for each in judgements if not isinstance(value := each.values["dice"], NotMeasured)]
    ranked = sorted(dices, key=lambda item: (-item[1], item[0]))
    best, worst = ranked[:count], ranked[count:][-count:]
    rest = ranked[len(best) : len(ranked) - len(worst)]
    start = max(0, (len(rest) - count) // 2)
    middle = rest[start : start + count]
    made: dict[str, list[tuple[str, float]]] = {}
    for place, cases in zip(PLACES, (best, middle, worst), strict=True):
        made[place] = [(case, float(dice)) for case, dice in cases]
    return made


def _shown(judgements: Iterable[Judgement]) -> list[tuple[MaskKind, str]]:
    """The first structure of each kind, which is the union where there is one."""
    found: dict[MaskKind, str] = {}
    for each in judgements:
        found.setdefault(each.kind, each.structure)
    return list(found.items())


def _look(case: DatasetCase, kind: MaskKind, structure: str, predictions: Sequence[Predictions]) -> _Seen:
    image = open_image(case)
    truth = open_mask(case, kind, image)
    parts = structures_of(case, kind)[structure]
    numbers = [truth.number(part) for part in parts]
    found: dict[str, Mask] = {}
    for each in predictions:
        path = each.find(case, kind)
        try:
            if path is not None:
                found[each.name] = np.isin(open_prediction(path, kind, truth, each.numbers), numbers)
        except Error:
            continue  # the evaluation has listed it
    grey = grey_of(image)
    if isinstance(truth.grid, VolumeGrid) and len(grey) == 1:
        return _Seen(grey[0], np.isin(truth.array[0], numbers), {name: mask[0] for name, mask in found.items()})
    return _Seen(grey, np.isin(truth.array, numbers), found)


def _flat(seen: _Seen) -> _Seen:
    """Of a volume, the slice with most of the truth."""
    if seen.grey.ndim == 2:
        return seen
    at = int(seen.truth.sum(axis=(1, 2)).argmax())
    return _Seen(seen.grey[at], seen.truth[at], {name: mask[at] for name, mask in seen.found.items()})


def _row(seen: _Seen, name: str, caption: str, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    flat = _flat(seen)
    found = flat.found.get(name, np.zeros_like(flat.truth))
    return row_of(
        (
            Tile(_plain_grey(flat.grey), caption),
            Tile(tinted(flat.grey, flat.truth, colour), "truth"),
            Tile(tinted(flat.grey, found, colour), name if name in flat.found else f"{name}: none"),
            Tile(confusion(flat.grey, flat.truth, found), "right, added, missed"),
        )
    )


def _systems(
    seen: _Seen, key: str, dices: dict[tuple[str, str], float | NotMeasured], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    flat = _flat(seen)
    tiles = [Tile(_plain_grey(flat.grey), key), Tile(tinted(flat.grey, flat.truth, colour), "truth")]
    for name, mask in flat.found.items():
        dice = dices.get((key, name), NotMeasured(""))
        text = name if isinstance(dice, NotMeasured) else f"{name}, Dice {dice:.3f}"
        tiles.append(Tile(tinted(flat.grey, mask, colour), text))
    return row_of(tiles)


def _flights(
    places: dict[str, list[tuple[str, float]]],
    seen: dict[str, _Seen],
    name: str,
    where: Path,
    colour: tuple[int, int, int],
) -> None:
    for place, keys in places.items():
        for key, _ in keys[:1]:
            each = seen[key]
            if each.grey.ndim == 3 and name in each.found:
                path = where.with_name(f"{where.name}-{place}.gif")
                write_flight(each.grey, each.truth, each.found[name], path, colour=colour)


def _plain_grey(grey: Grey) -> NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=-1)


def _colour(kind: MaskKind) -> tuple[int, int, int]:
    return LESION if kind == "lesions" else LUNG


def _plain(name: str) -> str:
    """A name that any file system takes."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "system"
