"""What has to be sent of a study, where to, and what became of that: one file in the study's folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .disk import read_json, write_json
from .queue import RESULTS

DELIVERIES = "deliveries.json"

_LOCK = threading.Lock()
"""Held while a record is changed: the delivery of one round may still run while the work on the next one plans its."""

SendState = Literal["waiting", "sent", "dead"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One object on its way to one destination.

    Attributes
    ----------
    instance_uid : of the object
    destination : address, as in ``node.deliver``
    path : of its file, below the study's folder
    state : ``dead`` was refused too often, and waits for the operator
    tries : how often it was refused
    not_before : when it may be sent again, seconds since the epoch
    reason : of the last refusal
    """

    instance_uid: str
    destination: str
    path: str
    state: SendState = "waiting"
    tries: int = 0
    not_before: float = 0.0
    reason: str = ""


def plan(folder: Path, destinations: Sequence[str]) -> None:
    """Note that the results of a study have to be sent; what was sent before under the same identifier stays sent.

    Parameters
    ----------
    folder : of the study
    destinations : addresses
    """
    with _LOCK:
        made = {(each.instance_uid, each.destination): each for each in deliveries(folder) if each.state == "sent"}
        for uid, path in _results(folder):
            for destination in destinations:
                made.setdefault((uid, destination), Delivery(uid, destination, path))
        _record(folder, list(made.values()))


def _results(folder: Path) -> Iterator[tuple[str, str]]:
    """Identifiers and paths of the DICOM objects among the results of a study."""
    import pydicom

    for path in sorted((folder / RESULTS).glob("*/*.dcm")):
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
        yield str(header.SOPInstanceUID), path.relative_to(folder).as_posix()


def deliveries(folder: Path) -> list[Delivery]:
    """The deliveries of a study; none if there is no record."""
    items: list[dict[str, Any]] = read_json(folder / DELIVERIES).get("deliveries", [])
    return [Delivery(**item) for item in items]


def update(folder: Path, item: Delivery) -> None:
    """Note what became of a delivery; one that a new round has dropped stays dropped."""
    with _LOCK:
        items = deliveries(folder)
        for place, each in enumerate(items):
            if (each.instance_uid, each.destination) == (item.instance_uid, item.destination):
                items[place] = item
                _record(folder, items)


def _record(folder: Path, items: Sequence[Delivery]) -> None:
    write_json(folder / DELIVERIES, {"deliveries": [asdict(item) for item in items]})


def settled(item: Delivery, *, reason: str, wait: float, now: float, most: int) -> Delivery:
    """A delivery after a try: sent if there is no reason against it, waiting for another one, or dead."""
    if not reason:
        return replace(item, state="sent", reason="")
    tries = item.tries + 1
    state: SendState = "dead" if tries >= most else "waiting"
    return replace(item, state=state, tries=tries, not_before=now + wait, reason=reason)
