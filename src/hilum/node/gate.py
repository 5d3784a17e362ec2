"""Which images of a study are analysed, by the readers' own rules, and why the rest is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hilum.readers import Entry, find
from hilum.readers.dicom_header import FILMS, read_header
from hilum.readers.spots import Spot
from hilum.settings import Settings

from .study import Outcome


def choose(files: Sequence[Path], settings: Settings) -> tuple[list[Entry], list[Outcome]]:
    """The images of one study that are to be analysed, and what becomes of those that are not.

    Of several series of a CT the best is taken, by the rules of ``hilum series``.

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
    refusals: list[Outcome] = []
    for entry in find(files, settings.read):
        modality = _modality(entry, settings)
        if modality in wanted:
            entries.append(entry)
        else:
            refusals.append(Outcome(entry.name, "refused", *_why_refused(modality, wanted)))
    return entries, refusals


def _modality(entry: Entry, settings: Settings) -> str:
    """A CT by its SOP class, anything else by what it says; empty if it says nothing."""
    if entry.study is not None:
        first = entry.study.taken.first
        return "CT" if first.is_ct else first.modality
    header = read_header(Spot(entry.path, entry.member, "", (entry.path.name,)), settings.read)
    if header is None:
        return ""
    return header.modality if header.is_film else f"{header.modality} picture".strip()


def _why_refused(modality: str, wanted: set[str]) -> tuple[str, str]:
    """A code and a sentence."""
    if not modality:
        return "no-modality", "Its header cannot be read, or does not say of what modality it is."
    if modality.endswith("picture"):
        told = f"It is a picture ({modality}), and films say that they are one ({', '.join(sorted(FILMS))})."
        return "not-a-film", told
    told = f"It is of modality {modality}, and this node is set to analyse {', '.join(sorted(wanted))}."
    return "other-modality", told
