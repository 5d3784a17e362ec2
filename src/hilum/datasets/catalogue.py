"""The catalogue: which public data sets there are, what they hold, on what terms, and how to come by them.

The facts stand in ``catalogue.toml``. What was looked up is in ``checked``; what is not in it is as others tell it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import files
from typing import Any

from hilum.errors import SettingsError
from hilum.registry import Registry, unknown

from .fetch import RemoteFile
from .schema import MODALITIES

LABELS: Mapping[str, str] = {
    "lesion": "outlines of disease",
    "lung": "outlines of the whole lungs",
    "lung-field": "outlines of the lungs up to the heart's border",
    "lobe": "which lobes",
    "score": "severity by readers",
    "box": "boxes round findings or lungs",
    "slice-finding": "a finding for each slice",
    "finding": "a finding for each image",
}
"""Kinds of labels, and what they are."""

CHECKABLE = ("home", "licence", "paper", "cases", "labels")
"""Facts of an entry that can be looked up."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One data set.

    Attributes
    ----------
    id, name : for commands, and for people
    modality : ``CXR``, ``CT`` or both
    cases : how many of what
    labels : out of :data:`LABELS`; empty if there are none
    format, size : of its files; empty where unknown
    licence, home, paper : empty where unknown
    how_to_get : a sentence or two
    remarks : what a user has to know before using it
    table : its number in the table of public COVID data sets of the report of covid_dl_ggo_cons; None if not there
    reader : id of the source that reads it, out of :data:`hilum.datasets.sources.SOURCES`; empty if there is none
    trained : systems that were trained or tested on it
    checked : which of its facts were looked up, out of :data:`CHECKABLE`
    files : what can be downloaded
    archive_doi, archive_files : a DOI whose archive has the files, and which of them; none named takes all
    """

    id: str
    name: str
    modality: tuple[str, ...]
    cases: str
    labels: tuple[str, ...]
    how_to_get: str
    format: str = ""
    size: str = ""
    licence: str = ""
    home: str = ""
    paper: str = ""
    remarks: str = ""
    table: int | None = None
    reader: str = ""
    trained: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    archive_doi: str = ""
    archive_files: tuple[str, ...] = ()

    @property
    def can_be_fetched(self) -> bool:
        """``hilum datasets fetch`` can download it."""
        return bool(self.files or self.archive_doi)

    def told(self, fact: str) -> str:
        """A fact of :data:`CHECKABLE` for people, with a word on whether it was looked up."""
        text = str(getattr(self, fact))
        if not text:
            return "unknown"
        return text if fact in self.checked else f"{text} (not checked)"

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "files"}
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        urls = [{"name": file.name, "url": file.url, "checksum": file.checksum} for file in self.files]
        return {**listed, "files": urls, "can_be_fetched": self.can_be_fetched}


@lru_cache(maxsize=1)
def catalogue() -> Registry[CatalogueEntry]:
    """Every data set, by its id, in the order of the file."""
    known: Registry[CatalogueEntry] = Registry("data set")
    text = files("hilum.datasets").joinpath("catalogue.toml").read_text(encoding="utf-8")
    for row in tomllib.loads(text)["dataset"]:
        entry = _entry(row)
        known.add(entry.id)(entry)
    return known


def find(modality: str = "", labels: Iterable[str] = (), *, readable: bool = False) -> tuple[CatalogueEntry, ...]:
    """The data sets of a modality that have all of some kinds of labels.

    Parameters
    ----------
    modality : ``CXR`` or ``CT``; empty takes both
    labels : out of :data:`LABELS`, with or without an s at the end
    readable : only those that Hilum has a reader for

    Raises
    ------
    SettingsError
        There is no such modality or kind of labels.
    """
    if modality and modality not in MODALITIES:
        raise SettingsError(unknown("modality", modality, MODALITIES))
    wanted = [_label(name) for name in labels]
    known = catalogue()
    return tuple(
        entry
        for entry in (known[name] for name in known)
        if (not modality or modality in entry.modality)
        and all(label in entry.labels for label in wanted)
        and (entry.reader or not readable)
    )


def _label(name: str) -> str:
    plain = name.casefold().removesuffix("s")
    if plain not in LABELS:
        raise SettingsError(unknown("kind of labels", name, LABELS))
    return plain


def _entry(row: Mapping[str, Any]) -> CatalogueEntry:
    """One table of the file; ValueError where it is not one, which only an edit of the file can bring about."""
    facts: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    facts["files"] = tuple(RemoteFile(**file) for file in row.get("files", ()))
    entry = CatalogueEntry(**facts)
    for given, allowed in ((entry.modality, MODALITIES), (entry.labels, LABELS), (entry.checked, CHECKABLE)):
        strange = [name for name in given if name not in allowed]
        if strange:
            raise ValueError(f"{entry.id}: {strange[0]!r} is not one of {', '.join(allowed)}")
    return entry
