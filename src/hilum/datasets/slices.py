"""Slices and volumes of chest CT with reference masks, as rows of one type whatever the folder they come from.

Pictures and masks come out upright, whichever way they are stored: anterior up and the patient's right at the left
edge, which is how the rows and columns of an axial volume run (:mod:`hilum.geometry`). Every folder stands under one
root and has its own layout, told apart by its name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError, SettingsError
from hilum.image import LUNGS
from hilum.registry import unknown

from .films import read_labels
from .open import turned
from .schema import Turn
from .stored import picture

Labels = Literal["none", "union", "sides", "infection", "classes"]
"""What the numbers of a mask mean.

``union``: 1 both lungs; ``sides``: 1 the patient's right lung, 2 the left; ``infection``: 1 ground-glass and
consolidation alike; ``classes``: 1 ground-glass, 2 consolidation; ``none``: there is no mask.
"""

WINDOW_OF_CORONACASES = (10.5, -1000.0)
"""Slope and intercept that bring ``coronacases-slices`` near Hounsfield units, fitted by tissue."""

SOURCE = "ct"
"""The id of the source that reads all these folders together."""

WHITE = 127
"""Masks drawn in grey levels hold what is brighter than this."""

_RIGHT, _LEFT = sorted(LUNGS)


@dataclass(frozen=True, slots=True)
class SliceCase:
    """One axial slice and what is known of it.

    Attributes
    ----------
    source : name of the folder it comes from
    name : its own, unique in the source
    patient : groups the slices of one patient or volume; the slice's own name where nothing is known
    split : ``train``, ``val`` or ``test``
    image : the picture
    lungs, lesions : masks, None where there is none
    lungs_hold, lesions_hold : what the numbers of the masks mean, once read
    is_hounsfield : the picture holds Hounsfield units, and not grey levels
    is_cropped : the picture ends about the lungs
    turn : what makes the stored arrays upright
    aspect : distance between rows over that between columns, once upright; 1 where nothing is known
    """

    source: str
    name: str
    patient: str
    split: str
    image: Path
    lungs: Path | None = None
    lesions: Path | None = None
    lungs_hold: Labels = "none"
    lesions_hold: Labels = "none"
    is_hounsfield: bool = False
    is_cropped: bool = False
    turn: Turn = "none"
    aspect: float = 1.0

    @property
    def key(self) -> str:
        """``source/case``, as in a table of cases."""
        return f"{SOURCE}/{self.source}-{self.name}"


def read_slices(root: Path, sources: Iterable[str] = ()) -> tuple[SliceCase, ...]:
    """The slices of some sources, in the order of their tables or names.

    Parameters
    ----------
    root : the folder that holds a folder for each source
    sources : names out of :data:`SLICE_SOURCES`; none takes all that are there

    Raises
    ------
    SettingsError
        There is no source of such a name.
    ReadError
        A folder is not there, its table cannot be understood, or a file is missing.
    """
    chosen = chosen_sources(root, sources, tuple(SLICE_SOURCES))
    return tuple(case for name in chosen for case in SLICE_SOURCES[name](root / name))


def chosen_sources(root: Path, sources: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    """The sources asked for, or all that are there.

    Raises
    ------
    SettingsError
        A name is unknown.
    ReadError
        A folder is not there, or none is.
    """
    names = tuple(sources)
    for name in names:
        if name not in known:
            raise SettingsError(unknown("source", name, known))
        if not (root / name).is_dir():
            raise ReadError(f"There is no folder {name!r} in {str(root)!r}.", path=root / name)
    names = names or tuple(name for name in known if (root / name).is_dir())
    if not names:
        raise ReadError(f"{str(root)!r} holds none of the folders {', '.join(known)}.", path=root)
    return names


def read_picture(case: SliceCase) -> NDArray[Any]:
    """The picture, upright: int16 Hounsfield units or uint8 grey levels, shape (rows, columns).

    Raises
    ------
    ReadError
        The file is no such picture.
    """
    array = picture(case.image, as_grey=True)
    wanted = np.int16 if case.is_hounsfield else np.uint8
    if array.dtype != wanted or array.ndim != 2:
        raise ReadError(
            f"Cannot read {str(case.image)!r}: it holds {array.dtype} of shape {array.shape}; expected one plane of "
            f"{np.dtype(wanted)}.",
            path=case.image,
        )
    return turned(array, case.turn)


def read_lungs(case: SliceCase) -> NDArray[np.uint8] | None:
    """The lung mask, upright, uint8, as ``lungs_hold`` says; None if there is none.

    Raises
    ------
    ReadError
        The file is no such mask.
    """
    if case.lungs is None:
        return None
    if case.lungs.suffix == ".npy":
        stored = picture(case.lungs, as_grey=False)
        swapped = np.zeros(stored.shape, np.uint8)  # the authors write 1 for the left lung
        swapped[stored == 1], swapped[stored == 2] = _LEFT, _RIGHT
        return turned(swapped, case.turn)
    is_drawn = case.source == "lungsegdb-slices"
    mask = (picture(case.lungs, as_grey=True) > WHITE).astype(np.uint8) if is_drawn else read_labels(case.lungs)
    return turned(mask, case.turn)


def read_lesions(case: SliceCase) -> NDArray[np.uint8] | None:
    """The lesion mask, upright, uint8, as ``lesions_hold`` says; None if there is none.

    Raises
    ------
    ReadError
        The file is no such mask.
    """
    return None if case.lesions is None else turned(read_labels(case.lesions), case.turn)


def hounsfield(case: SliceCase) -> NDArray[np.int16] | None:
    """The picture in Hounsfield units, near them for ``coronacases-slices``; None where they are lost.

    Raises
    ------
    ReadError
        The file is no such picture.
    """
    if case.is_hounsfield:
        return read_picture(case)
    if case.source != "coronacases-slices":
        return None
    slope, intercept = WINDOW_OF_CORONACASES
    return np.rint(read_picture(case) * slope + intercept).astype(np.int16)


def in_split(cases: Iterable[SliceCase], split: str) -> tuple[SliceCase, ...]:
    """The slices of one split, or all of them for ``all``; none of them in a split that no slice is in."""
    return tuple(case for case in cases if split in ("all", case.split))


def rows_of(table: Path, columns: tuple[str, ...], *, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """The lines of a table by column.

    Raises
    ------
    ReadError
        It cannot be read, or lacks a column.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise ReadError(f"{str(table)!r} lacks the columns {', '.join(missing)}.", path=table)
            lines = [{column: (line[column] or "").strip() for column in columns} for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"Cannot read the table {str(table)!r}: {error}.", path=table) from error
    yield from lines


def existing(path: Path) -> Path:
    """The path, if a file is there; ReadError if not."""
    if not path.is_file():
        raise ReadError(f"{str(path)!r} is not there.", path=path)
    return path


def _ma20(folder: Path) -> Iterator[SliceCase]:
    for row in rows_of(folder / "cases.csv", ("case", "volume", "split")):
        name = row["case"]
        yield SliceCase(
            source=folder.name,
            name=name,
            patient=row["volume"],
            split=row["split"],
            image=existing(folder / "images" / f"{name}.jpg"),
            lungs=existing(folder / "lungs" / f"{name}.png"),
            lesions=existing(folder / "lesions" / f"{name}.png"),
            lungs_hold="union",
            lesions_hold="infection",
            # Every slice of these volumes lies with the spine up and the liver at the left edge.
            turn="flip-rows" if row["volume"].startswith("radiopaedia") else "none",
        )


def _medseg(folder: Path) -> Iterator[SliceCase]:
    for row in rows_of(folder / "cases.csv", ("case", "split")):
        name = row["case"]
        yield SliceCase(
            source=folder.name,
            name=name,
            patient=name,
            split=row["split"],
            image=existing(folder / "images" / f"{name}.png"),
            lesions=existing(folder / "lesions" / f"{name}.png"),
            lesions_hold="classes",
            is_cropped=True,
        )


def _coronacases(folder: Path) -> Iterator[SliceCase]:
    for image, found in _named(folder, r"case(\d+)_\d+(?=_image\.png)"):
        yield SliceCase(
            source=folder.name,
            name=found[0],
            patient=f"coronacases-{int(found[1]):02d}",
            split="test",
            image=image,
            lesions=existing(folder / f"{found[0]}_lesion.png"),
            lesions_hold="infection",
        )


def _ma2020(folder: Path) -> Iterator[SliceCase]:
    for image, found in _named(folder, r"(coronacases|radiopaedia)_(\d+).*(?=\.npy)"):
        if "_masks_" in image.name:
            continue
        is_hounsfield = found[1] == "coronacases"
        yield SliceCase(
            source=folder.name,
            name=found[0].replace("_image", ""),
            patient=f"{found[1]}-{int(found[2]):02d}",
            split="test",
            image=image,
            lungs=existing(folder / image.name.replace("_image_", "_masks_")),
            lungs_hold="sides",
            is_hounsfield=is_hounsfield,
            turn="transpose-flip-rows" if is_hounsfield else "transpose",
        )


def _lungsegdb(folder: Path) -> Iterator[SliceCase]:
    for image, found in _named(folder / "images", r"\d+(?=\.png)"):
        yield SliceCase(
            source=folder.name,
            name=found[0],
            patient=found[0],
            split="test",
            image=image,
            lungs=existing(folder / "masks" / image.name),
            lungs_hold="union",
        )


def _named(folder: Path, pattern: str) -> Iterator[tuple[Path, re.Match[str]]]:
    """Files whose names begin with a pattern, in the order of their names; ReadError if there is none."""
    found = [(path, match) for path in sorted(folder.glob("*")) if (match := re.match(pattern, path.name))]
    if not found:
        raise ReadError(f"{str(folder)!r} holds none of the files that it is known by.", path=folder)
    yield from found


SLICE_SOURCES: dict[str, Callable[[Path], Iterator[SliceCase]]] = {
    "ma20-slices": _ma20,
    "medseg-slices": _medseg,
    "coronacases-slices": _coronacases,
    "ma2020-slices": _ma2020,
    "lungsegdb-slices": _lungsegdb,
}
"""The layouts of slices, by the name of their folder."""
