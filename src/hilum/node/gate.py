"""Which images of a study are analysed, by the readers' own rules, and why the rest is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.readers import Entry, find
from hilum.readers.dicom_header import FILMS, read_header
from hilum.readers.spots import Spot
from hilum.settings import Settings


@dataclass(frozen=True, slots=True)
class Refusal:
    """An image that is not analysed.

    Attributes
    ----------
    name : of the case that it would have been
    code : why, such as ``other-modality``
    message : the same as a sentence
    """

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The images of a study: those that are to be analysed, and those that are not."""

    entries: tuple[Entry, ...]
    refusals: tuple[Refusal, ...]


def choose(files: Sequence[Path], settings: Settings) -> Choice:
    """The images among the files of one study; of several series of a CT the best by the rules of ``hilum series``.

    Parameters
    ----------
    files : of one study
    settings : ``node.modalities`` are wanted

    Raises
    ------
    ReadError
        The files cannot be read.
    """
    wanted = {each.upper() for each in settings.node.modalities}
    entries: list[Entry] = []
    refusals: list[Refusal] = []
    for entry in find(files, settings.read):
        modality = _modality(entry, settings)
        if modality in wanted:
            entries.append(entry)
        else:
            refusals.append(_refusal(entry.name, modality, wanted))
    return Choice(tuple(entries), tuple(refusals))


def _modality(entry: Entry, settings: Settings) -> str:
    """A CT by its SOP class, anything else by what it says; empty if it says nothing."""
    if entry.study is not None:
        first = entry.study.taken.first
        return "CT" if first.is_ct else first.modality
    header = read_header(Spot(entry.path, entry.member, "", (entry.path.name,)), settings.read)
    if header is None:
        return ""
    return header.modality if header.is_film else f"{header.modality} picture".strip()


def _refusal(name: str, modality: str, wanted: set[str]) -> Refusal:
    if not modality:
        return Refusal(name, "no-modality", "Its header cannot be read, or does not say of what modality it is.")
    if modality.endswith("picture"):
        message = f"It is a picture ({modality}), and films say that they are one ({', '.join(sorted(FILMS))})."
        return Refusal(name, "not-a-film", message)
    message = f"It is of modality {modality}, and this node is set to analyse {', '.join(sorted(wanted))}."
    return Refusal(name, "other-modality", message)
