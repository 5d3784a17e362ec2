"""What an operator does from outside, while a node runs or not."""

from __future__ import annotations

from pathlib import Path

from hilum.errors import ReadError
from hilum.registry import unknown

from .outbox import deliveries
from .queue import AGAIN
from .study import load


def _folders(spool: Path) -> dict[str, Path]:
    studies = spool / "studies"
    if not studies.is_dir():
        raise ReadError(f"There is no spool in '{spool}'. Name the node's own with --spool or --settings.", path=spool)
    return {folder.name: folder for folder in sorted(studies.iterdir()) if folder.is_dir()}


def ask_again(spool: Path, study: str) -> None:
    """Have a study worked on once more, and its results sent that were put aside.

    Parameters
    ----------
    spool : folder of the node's queue
    study : its id, as the log and the list name it

    Raises
    ------
    ReadError
        There is no such spool or study.
    """
    folders = _folders(spool)
    if study not in folders:
        raise ReadError(f"{unknown('study', study, folders)} 'hilum node --list' names them.", path=spool)
    (spool / AGAIN / study).touch()


def table(spool: Path) -> str:
    """The studies of a spool, one a line: id, state, round, code, and what was not delivered.

    Raises
    ------
    ReadError
        There is no spool.
    """
    lines = ["study                     state      round  waiting  dead  code"]
    for name, folder in _folders(spool).items():
        study = load(folder)
        if study is None:
            continue
        states = [item.state for item in deliveries(folder)]
        lines.append(
            f"{name:<24}  {study.state:<9}  {study.round:>5}  {states.count('waiting'):>7}  {states.count('dead'):>4}"
            f"  {study.code}".rstrip()
        )
    return "\n".join(lines)
