"""Folders of films with ``cases.csv``, as :mod:`hilum.datasets.films` reads them, as cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.films import TABLE, BrixiaReading, FilmCase, Layout, read_cases
from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.datasets.slices import rows_of
from hilum.errors import ReadError

from .layout import split_of

_SIDES = {1: "right-lung", 2: "left-lung"}
_LESIONS = {1: "ground-glass", 2: "consolidation", 3: "effusion", 4: "pneumothorax"}
_ZONES = "ABCDEF"


def films(root: Path, source: str, layout: Layout, licence: str) -> Iterator[DatasetCase]:
    """The films of a folder, as cases of a source.

    Parameters
    ----------
    root : with ``cases.csv``
    source : its id
    layout : that the table must have
    licence : the column that holds it

    Raises
    ------
    ReadError
        As :func:`hilum.datasets.films.read_cases` says, or the table has the other layout.
    """
    licences = [row[licence] for row in rows_of(root / TABLE, (licence,))]
    for film, text in zip(read_cases(root), licences, strict=True):
        if film.layout != layout:
            raise ReadError(f"{str(root / TABLE)!r} has the layout {film.layout!r}, not {layout!r}.", path=root)
        yield DatasetCase(
            source=source,
            case=film.case,
            patient=film.patient,
            modality="CXR",
            image=film.image,
            masks=_masks(film),
            scores=_scores(film),
            finding=film.finding,
            view=film.view,
            split=split_of(film.split, root / TABLE),
            licence=text,
            facts=_facts(film),
        )


def _masks(film: FilmCase) -> dict[MaskKind, Mask]:
    """The masks; of two of the lungs, the one that tells the sides apart."""
    found: dict[MaskKind, Mask] = {}
    if film.lungs is not None:
        found["lungs"] = Mask(film.lungs, _SIDES)
    elif film.lungs_union is not None:
        found["lungs"] = Mask(film.lungs_union, {1: "lungs"})
    if film.lesions is not None:
        found["lesions"] = Mask(film.lesions, _LESIONS)
    elif film.infection is not None:
        found["lesions"] = Mask(film.infection, {1: "infection"})
    if film.lung_fields is not None:
        found["lung-fields"] = Mask(film.lung_fields, _SIDES)
    return found


def _scores(film: FilmCase) -> dict[str, float]:
    single = {
        "six-zone-r": film.six_zone_r,
        "six-zone-d": film.six_zone_d,
        "geographic-extent": film.geographic_extent,
        "opacity": film.opacity,
    }
    found = {name: value for name, value in single.items() if value is not None}
    for name, reading in (("brixia-senior", film.brixia_senior), ("brixia-junior", film.brixia_junior)):
        found |= {} if reading is None else _brixia(name, reading)
    return found


def _brixia(name: str, reading: BrixiaReading) -> dict[str, float]:
    zones = {f"{name}.{letter}": zone for letter, zone in zip(_ZONES, reading.zones, strict=True)}
    return {name: reading.total, **zones}


def _facts(film: FilmCase) -> dict[str, str]:
    facts = {"collection": film.source}
    if film.is_poor_quality is not None:
        facts["poor quality"] = "yes" if film.is_poor_quality else "no"
    if film.aspect is not None:
        facts["aspect"] = f"{film.aspect:g}"
    return facts
