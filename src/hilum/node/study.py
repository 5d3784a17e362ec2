"""A study's state: one small file in its folder, replaced at once; and what becomes of its images."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from .disk import read_json, write_json

State = Literal["receiving", "ready", "working", "done", "refused", "failed"]

STATES: tuple[State, ...] = get_args(State)

ENDED = ("done", "refused", "failed")
"""States in which a study stays until something arrives for it, or the operator asks for it."""

STATE_FILE = "state.json"


@dataclass(frozen=True, slots=True)
class Study:
    """What the node knows of a study.

    Attributes
    ----------
    id : of the node's own, by which the log names it
    state : where it is on its way
    study_uid : DICOM's identifier, for the operator; never in the log
    changed : when it came into this state, seconds since the epoch
    arrived : when its last object came
    round : 1, and one more for each time it was opened again
    tries : of this round
    not_before : when it may be tried again
    objects : names of the files of the round
    has_more : objects arrived while it was in work
    result_bytes, object_bytes : sizes of its results and objects when it ended
    code : why it was refused or failed, such as ``not-a-film``; of a study that is done, what was left out of it
    message : the same as a sentence, for the operator; never in the log
    """

    id: str
    state: State
    study_uid: str = ""
    changed: float = 0.0
    arrived: float = 0.0
    round: int = 1
    tries: int = 0
    not_before: float = 0.0
    objects: tuple[str, ...] = ()
    has_more: bool = False
    result_bytes: int = 0
    object_bytes: int = 0
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one image: ``done``, ``refused`` or ``failed``, with its code and sentence.

    Attributes
    ----------
    name : of the case that it is, or would have been
    status : ``refused`` says something about the image, ``failed`` about Hilum
    code : why it was refused or failed, such as ``other-modality``; empty if it is done
    message : the same as a sentence
    """

    name: str
    status: Literal["done", "refused", "failed"]
    code: str = ""
    message: str = ""


def short_id(uid: str) -> str:
    """The node's own name for a DICOM identifier: 24 hexadecimal digits."""
    return hashlib.sha256(uid.encode()).hexdigest()[:24]


def save(folder: Path, study: Study) -> None:
    """Write a study's state into its folder, at once."""
    write_json(folder / STATE_FILE, asdict(study))


def load(folder: Path) -> Study | None:
    """A study by its folder; None if the state is not there or cannot be understood."""
    found: dict[str, Any] = read_json(folder / STATE_FILE)
    if found.get("state") not in STATES:
        return None
    known = {field.name for field in fields(Study)}
    values = {key: value for key, value in found.items() if key in known}
    values["id"], values["objects"] = folder.name, tuple(values.get("objects", ()))
    return Study(**values)
