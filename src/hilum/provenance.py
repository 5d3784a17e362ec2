"""What made what from what: a small acyclic graph that hangs off each artefact.

There is no clock, host name or path in it: two runs on the same input give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A value that JSON can hold."""


@dataclass(frozen=True, slots=True)
class DicomUids:
    """The identifiers that tie a result to its study: study, series and SOP instance UIDs."""

    study: str
    series: str
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which network made something: its name, version and the SHA-256 of its weights."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file (or array) that we were given.

    Attributes
    ----------
    name : file name without folders
    sha256 : of the bytes as they were read
    uids : for DICOM
    """

    name: str
    sha256: str
    uids: DicomUids | None = None

    def as_json(self) -> dict[str, Json]:
        """A JSON object; keys are stable."""
        made: dict[str, Json] = {"name": self.name, "sha256": self.sha256}
        if self.uids is not None:
            made["dicom"] = {
                "study": self.uids.study,
                "series": self.uids.series,
                "instances": list(self.uids.instances),
            }
        return made


@dataclass(frozen=True, slots=True)
class Step:
    """Something that we made.

    Attributes
    ----------
    operation : such as ``segment-lungs``
    settings : all of them, resolved; not only the ones that were passed
    inputs : what it was made from
    model : the network that made it, if one did
    """

    operation: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    inputs: tuple[Source | Step, ...] = ()
    model: ModelRef | None = None

    def as_json(self) -> dict[str, Json]:
        """A JSON object; keys are stable."""
        made: dict[str, Json] = {
            "operation": self.operation,
            "settings": dict(self.settings),
            "inputs": [item.as_json() for item in self.inputs],
        }
        if self.model is not None:
            made["model"] = {"name": self.model.name, "version": self.model.version, "sha256": self.model.sha256}
        return made


Origin = Source | Step
"""Where an artefact comes from."""


def digest(origin: Origin) -> str:
    """SHA-256 of an artefact's whole history, as 64 hexadecimal digits.

    File names that are not Unicode, which Python holds as lone surrogates, count with these.
    """
    canonical = json.dumps(origin.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


def walk(origin: Origin) -> Iterator[Origin]:
    """Every node of the history once, inputs before what was made from them."""
    seen: set[str] = set()

    def visit(node: Origin) -> Iterator[Origin]:
        key = digest(node)
        if key in seen:
            return
        seen.add(key)
        if isinstance(node, Step):
            for item in node.inputs:
                yield from visit(item)
        yield node

    return visit(origin)


def sources(origin: Origin) -> tuple[Source, ...]:
    """The files at the root of the history."""
    return tuple(node for node in walk(origin) if isinstance(node, Source))


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
