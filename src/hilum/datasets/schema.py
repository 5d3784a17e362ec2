"""One type of case and one table of cases, whatever the data set they come from.

A source (:class:`Source`) turns a downloaded folder into a :class:`CaseTable`; everything else (harmonise, explore,
split, audit, training) starts from such a table and never from a folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args

from hilum.image import LESIONS, LOBES, LUNGS

Modality = Literal["CXR", "CT"]
"""A film or a CT."""

Split = Literal["", "train", "val", "test"]
"""Part of the data that a case belongs to; empty where nobody has said."""

MaskKind = Literal["lungs", "lesions", "lung-fields", "lobes"]
"""What a mask shows: whole lungs, disease, lungs up to the heart's border, or lobes."""

Turn = Literal["none", "flip-rows", "flip-columns", "turn-180", "transpose", "transpose-flip-rows"]
"""What makes a stored picture upright: applied to rows and columns in the order of the words."""

MODALITIES: tuple[Modality, ...] = get_args(Modality)
SPLITS: tuple[Split, ...] = get_args(Split)
MASK_KINDS: tuple[MaskKind, ...] = get_args(MaskKind)
TURNS: tuple[Turn, ...] = get_args(Turn)

STRUCTURES: frozenset[str] = frozenset(label.name for table in (LUNGS, LESIONS, LOBES) for label in table.values()) | {
    "lungs",
    "lung-fields",
    "ground-glass",
    "consolidation",
    "effusion",
    "infection",
    "pneumothorax",
    "ignore",
}
"""Every name that a number of a mask may stand for. ``lungs``: both, sides not told apart; ``infection``: disease,
classes not told apart; ``ignore``: nobody knows."""


@dataclass(frozen=True, slots=True)
class Mask:
    """A file of numbers on the pixels of an image.

    Attributes
    ----------
    path : the file
    labels : number in the file to structure name, out of :data:`STRUCTURES`; numbers left out are background
    turn : what makes the stored array upright
    above : of a mask drawn in grey levels, the level from which on a pixel (when brighter) counts as 1; None takes the
        numbers as they are
    form : how the file is read where its content does not say so, such as ``slice:17`` or ``h5:mask``; empty otherwise
    beside : further files of the same mask, laid over it in their order, such as the other lung
    """

    path: Path
    labels: Mapping[int, str]
    turn: Turn = "none"
    above: int | None = None
    form: str = ""
    beside: tuple[Mask, ...] = ()

    def __post_init__(self) -> None:
        strange = sorted(set(self.labels.values()) - STRUCTURES)
        if strange:
            raise ValueError(f"a mask cannot hold {', '.join(strange)}; known: {', '.join(sorted(STRUCTURES))}")

    @property
    def files(self) -> tuple[Path, ...]:
        """Its own path and those beside it."""
        return (self.path, *(path for mask in self.beside for path in mask.files))

    @property
    def structures(self) -> frozenset[str]:
        """The names it can hold."""
        return frozenset(self.labels.values()).union(*(mask.structures for mask in self.beside))


@dataclass(frozen=True, slots=True)
class DatasetCase:
    """One image of a data set and what is known of it.

    Attributes
    ----------
    source : id of the source it comes from
    case : its own name, unique in the source
    patient : groups the cases of one patient, within the source; the case's own name where nothing is known
    modality : ``CXR`` or ``CT``
    image : the file, or the files of a series or a stack
    masks : by what they show
    scores : by name, such as ``brixia-senior``, ``brixia-senior.A``, ``six-zone-r``, ``geographic-extent``
    finding, view : as the source says them; may be empty
    split : as the source says it; empty if it says none
    licence : of the image
    facts : anything else that the source says, such as ``sex``; for people, and for the reader's own use
    turn : what makes the stored picture upright
    form : how the image file is read where its content does not say so; empty otherwise
    is_windowed : a CT in 8-bit grey levels, and not in Hounsfield units
    spacing_mm : slice, row, column of a CT, or row, column, where the files do not hold it; None otherwise
    """

    source: str
    case: str
    patient: str
    modality: Modality
    image: Path | tuple[Path, ...]
    masks: Mapping[MaskKind, Mask] = field(default_factory=dict[MaskKind, Mask])
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    finding: str = ""
    view: str = ""
    split: Split = ""
    licence: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    turn: Turn = "none"
    form: str = ""
    is_windowed: bool = False
    spacing_mm: tuple[float, ...] | None = None

    @property
    def key(self) -> str:
        """``source/case``: unique in a table."""
        return f"{self.source}/{self.case}"

    @property
    def person(self) -> str:
        """``source/patient``: what no split may divide."""
        return f"{self.source}/{self.patient}"

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of the image and of every mask."""
        images = self.image if isinstance(self.image, tuple) else (self.image,)
        return (*images, *(path for mask in self.masks.values() for path in mask.files))


@dataclass(frozen=True, slots=True)
class CaseTable:
    """Cases in a fixed order; no two of one key.

    Raises
    ------
    ValueError
        Two cases have the same source and name.
    """

    cases: tuple[DatasetCase, ...]

    def __post_init__(self) -> None:
        twice = sorted(key for key, count in Counter(case.key for case in self.cases).items() if count > 1)
        if twice:
            raise ValueError(f"these cases appear more than once: {', '.join(twice[:5])}")

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[DatasetCase]:
        return iter(self.cases)

    def __add__(self, other: CaseTable) -> CaseTable:
        return CaseTable(self.cases + other.cases)

    @classmethod
    def of(cls, cases: Iterable[DatasetCase]) -> CaseTable:
        """A table of any iterable of cases."""
        return cls(tuple(cases))

    def filter(self, keep: Callable[[DatasetCase], bool]) -> CaseTable:
        """The cases for which ``keep`` is true."""
        return CaseTable(tuple(case for case in self.cases if keep(case)))

    def counts(self, by: Callable[[DatasetCase], str]) -> dict[str, int]:
        """How many cases have each value of ``by``, in the order of the table."""
        return dict(Counter(map(by, self.cases)))

    def write_csv(self, path: Path) -> None:
        """Write one row a case; see :func:`hilum.datasets.case_csv.write_cases`."""
        from .case_csv import write_cases

        write_cases(self, path)

    @classmethod
    def read_csv(cls, path: Path) -> CaseTable:
        """The table that :meth:`write_csv` wrote; see :func:`hilum.datasets.case_csv.read_cases`."""
        from .case_csv import read_cases

        return read_cases(path)


class Source(Protocol):
    """A layout in which a data set comes out of its archive."""

    @property
    def id(self) -> str:
        """Its name in commands and tables, such as ``montgomery``."""
        ...

    @property
    def title(self) -> str:
        """A line for people."""
        ...

    def recognise(self, folder: Path) -> bool:
        """The folder has this layout, as far as a few names in it tell."""
        ...

    def read(self, folder: Path) -> CaseTable:
        """Every case of the folder; ReadError where it cannot be understood."""
        ...
