"""From tables of cases and a split to the cases of a training and those that it is watched on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.datasets.schema import CaseTable, DatasetCase
from hilum.datasets.split import Split, read_split
from hilum.datasets.tables import open_tables
from hilum.errors import SettingsError
from hilum.wording import counted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The cases of a training.

    Attributes
    ----------
    train, val : what is trained on, and what it is watched on
    """

    train: tuple[DatasetCase, ...]
    val: tuple[DatasetCase, ...]


def parts_of(data: Sequence[Path], *, fold: int | None = None, fold_file: Path | None = None) -> Parts:
    """The cases of all that is named, by part.

    Parameters
    ----------
    data : tables of cases, databases that Hilum made, or downloaded folders that it reads
    fold : of a split into folds, the one that is watched
    fold_file : the split; None takes the one that the tables state

    Raises
    ------
    SettingsError
        Nobody states a split, it has folds and none was named, it divides a patient, or one of its parts is empty.
    ReadError
        A table or the split cannot be read.
    """
    table = open_tables(data)
    return of_table(table, fold=fold, fold_file=fold_file)


def of_table(table: CaseTable, *, fold: int | None = None, fold_file: Path | None = None) -> Parts:
    """The same, of a table.

    Raises
    ------
    SettingsError
        There is a fold without a file of folds, a patient is in more than one part, or a part has no cases.
    """
    if fold is not None and fold_file is None:
        raise SettingsError("--fold needs --fold-file, which 'hilum datasets split --folds K -o FILE' writes.")
    split = read_split(fold_file).matched(table) if fold_file else _stated(table)
    divided = split.divided(table)
    if divided:
        raise SettingsError(
            f"The split has {counted(len(divided), 'patient')} in more than one part, such as {divided[0].person}: its "
            "figures would not hold. 'hilum datasets split' makes one by patient."
        )
    cases = split.applied(table, fold)
    parts = Parts(tuple(c for c in cases if c.split == "train"), tuple(c for c in cases if c.split == "val"))
    for name in ("train", "val"):
        if not getattr(parts, name):
            raise SettingsError(f"The split has no cases in {name}.")
    return parts


def _stated(table: CaseTable) -> Split:
    try:
        return Split.stated(table)
    except SettingsError as error:
        raise SettingsError(f"{error} Make one with 'hilum datasets split', and give it with --fold-file.") from error
