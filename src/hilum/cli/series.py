"""``hilum series``: which DICOM series there are, which would be analysed, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.options import chosen_settings, settings_sources
from hilum.cli.talk import TalkingCommand
from hilum.provenance import Json
from hilum.wording import counted, noun

if TYPE_CHECKING:
    from hilum.measurement import Finding
    from hilum.readers.entries import Survey
    from hilum.readers.series import Series, Study


@click.command("series", cls=TalkingCommand)
@click.argument("scans", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(exists=True, path_type=Path))
@settings_sources
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(scans: tuple[Path, ...], as_json: bool) -> None:
    """List the DICOM series of folders, and which would be analysed. FOLDER may be a zip file or a file, too.

    The best series of each study is taken: a CT of the chest, whole, axial, original, thin, with a kernel for soft
    tissue, of most slices, in this order. 'hilum analyse --series UID' takes another one.
    """
    from hilum.readers.entries import survey

    found = survey(scans, chosen_settings().read)
    click.echo(json.dumps(_as_json(found), indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: Survey) -> Iterator[str]:
    for study in found.studies:
        yield f"Study {study.uid or '(no UID)'} in {study.spot.place}"
        for series, reason in zip(study.series, study.reasons, strict=True):
            yield from (f"  {line}" for line in _describe(series, reason, is_taken=_is_taken(study, series)))
        if study.passed_over:
            rest = len(study.passed_over)
            yield f"    and {counted(rest, 'file')} that {noun(rest, 'is', 'are')} no volume"
    if found.films:
        yield f"{counted(len(found.films), 'file')} besides, analysed each by itself"
    if not found.studies:
        yield "No DICOM series of a volume was found."


def _describe(series: Series, reason: str, *, is_taken: bool) -> Iterator[str]:
    """A series on four lines, the one that is taken with a star, and a line for each thing that is odd about it."""
    number = "" if series.first.number is None else f" {series.first.number}"
    yield f"{'*' if is_taken else ' '} Series{number}: {series.first.description or '(no description)'}"
    yield f"    {', '.join(_facts(series))}"
    yield f"    {'taken' if is_taken else 'not taken'}: {reason}"
    yield f"    UID {series.uid or '(none)'}"
    yield from (f"    {finding.gravity.value}: {finding.message}" for finding in _findings(series))


def _facts(series: Series) -> Iterator[str]:
    yield series.first.modality or "no modality"
    yield counted(len(series.stack.slices), "slice")
    if series.stack.lattice is not None:
        _, rows, columns = series.stack.lattice.grid.shape
        yield f"{series.stack.plane}, {columns}x{rows}, {series.slice_mm:.3g} mm apart"
    if series.image_type:
        yield "/".join(series.image_type[:3]).lower()
    if series.kernel:
        yield f"kernel {series.kernel}"


def _findings(series: Series) -> tuple[Finding, ...]:
    """What is odd about the slices; nothing where they make no volume, which the reason tells."""
    stack = series.stack
    return () if stack.lattice is None else (*stack.findings, *stack.lattice.findings)


def _is_taken(study: Study, series: Series) -> bool:
    return series is study.taken and not series.refusal


def _as_json(found: Survey) -> dict[str, Json]:
    return {
        "studies": [_study_as_json(study) for study in found.studies],
        "files": [spot.place.replace("'", "") for spot in found.films],
    }


def _study_as_json(study: Study) -> dict[str, Json]:
    pairs = zip(study.series, study.reasons, strict=True)
    return {
        "uid": study.uid,
        "place": str(study.spot.path),
        "series": [_series_as_json(each, reason, is_taken=_is_taken(study, each)) for each, reason in pairs],
        "passed_over": len(study.passed_over),
    }


def _series_as_json(series: Series, reason: str, *, is_taken: bool) -> dict[str, Json]:
    lattice = series.stack.lattice
    return {
        "uid": series.uid,
        "number": series.first.number,
        "description": series.first.description,
        "modality": series.first.modality,
        "files": len(series.headers),
        "slices": len(series.stack.slices),
        "shape": None if lattice is None else list(lattice.grid.shape),
        "slice_mm": None if lattice is None else round(series.slice_mm, 6),
        "plane": series.stack.plane or None,
        "image_type": list(series.image_type),
        "kernel": series.kernel,
        "is_taken": is_taken,
        "reason": reason,
        "findings": [finding.code for finding in _findings(series)],
    }
