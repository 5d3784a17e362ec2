"""One patient over time: changes, the lungs of CTs laid on one another, and what is written about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from hilum.errors import ReadError
from hilum.geometry import PlaneGrid, PlaneOrientation
from hilum.image import LESIONS, LOBES, LUNGS, Label, LabelMap
from hilum.provenance import Json
from hilum.readers import read
from hilum.readers.masks import read_labels
from hilum.settings import ReadSettings
from hilum.wording import counted
from hilum.writers import write
from hilum.writers.csv_file import write_csv
from hilum.writers.result_json import encode_json, rounded
from hilum.writers.tables import safe_cell
from hilum.writers.whole import whole_file

from .alignment import Alignment, Scan, align
from .alignment.lesions import LesionChange, lesions_of_films, lesions_of_scans
from .alignment.places import Place, Placed, compare_places
from .alignment.registration import Method
from .compare import Change, compare, result_of, write_changes
from .dates import dates_of

CHANGES, PLACES, SUMMARY, PAGE = "changes.csv", "changes-by-place.csv", "alignment.json", "course.html"
LESION_CHANGES = "changes-by-lesion.csv"
"""Names of the files of a comparison."""

_CONTENTS: dict[str, dict[int, Label]] = {"lungs": dict(LUNGS), "lesions": dict(LESIONS), "lobes": dict(LOBES)}


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """A later scan, laid on the first.

    Attributes
    ----------
    title : of the later result
    alignment : of it onto the first
    placed : what became of the lesions, place by place
    """

    title: str
    alignment: Alignment
    placed: Placed


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """One patient over time.

    Attributes
    ----------
    titles : of the results, in the order of time
    dates : of the results; empty where they are not known
    changes : of every quantity; the last against the first
    aligned : every later scan, where scans were aligned
    lesions : what became of single lesions, every later result against the first; of CT where scans were aligned
    no_lesions : why lesions were not compared, a sentence; empty if they were
    """

    titles: tuple[str, ...]
    dates: tuple[date, ...]
    changes: tuple[Change, ...]
    aligned: tuple[Aligned, ...] = field(default_factory=tuple[Aligned, ...])
    lesions: tuple[LesionChange, ...] = ()
    no_lesions: str = ""


def follow_up(
    results: Sequence[Path],
    *,
    dates: Sequence[str] = (),
    method: Method | None = None,
    images: Sequence[Path] = (),
    settings: ReadSettings | None = None,
) -> FollowUp:
    """Compare results of one patient; whether they are of one is not checked.

    Parameters
    ----------
    results : folders of cases, in the order of time
    dates : one a result, as 2020-03-31; empty takes those of the cohort's table
    method : by which CTs are aligned; None leaves them as they are
    images : the CTs that the results are of, in the same order, to align by density; empty aligns by the masks of lungs
    settings : of reading them

    Raises
    ------
    ReadError
        As of :func:`~hilum.batch.compare.compare` and :func:`~hilum.batch.dates.dates_of`; or films are to be aligned,
        masks are missing, or there are not as many images as results.
    AlignmentError
        Two scans cannot be laid on one another.
    MissingExtra
        They are to be, and SimpleITK is not installed.
    """
    changes = compare(results)
    titles = _titles(results)
    when = dates_of(results, dates)
    settings = settings or ReadSettings()
    if method is None:
        lesions, why = _of_films(results, titles, settings)
        return FollowUp(titles, when, changes, lesions=lesions, no_lesions=why)
    if images and len(images) != len(results):
        there = f"{counted(len(results), 'result')} and {counted(len(images), 'image')}"
        raise ReadError(f"There are {there}: give one image for each, or none.")
    places: list[Path | None] = [*images] or [None] * len(results)
    first = scan_of(results[0], places[0], settings)
    aligned: list[Aligned] = []
    single: list[LesionChange] = []
    for title, folder, image in zip(titles[1:], results[1:], places[1:], strict=True):
        later = scan_of(folder, image, settings)
        laid = align(first, later, method)
        aligned.append(Aligned(title, laid, compare_places(first, later, laid)))
        single += lesions_of_scans(first, later, laid, aligned[-1].placed.error_mm, title)
    return FollowUp(titles, when, (*changes, *_at_places(aligned, changes)), tuple(aligned), tuple(single))


def scan_of(folder: Path, image: Path | None, settings: ReadSettings) -> Scan:
    """The masks of a result of CT, and its CT.

    Raises
    ------
    ReadError
        It is of a film, or masks are missing or cannot be read.
    """
    result = result_of(folder)
    if result["modality"] != "ct":
        raise ReadError("Films are not aligned: their lungs lie on one another only by chance. Leave out --align.")
    paths = _masks_of(folder, result)
    masks = {name: read_labels(paths[name], _CONTENTS[name], settings=settings) for name in _CONTENTS if name in paths}
    ct = None if image is None else read(image, settings)
    return Scan(masks["lungs"], masks["lesions"], masks.get("lobes"), ct)


def film_of(folder: Path, settings: ReadSettings) -> tuple[LabelMap, LabelMap]:
    """The masks of lungs and lesions of a result of a film, on its grid.

    Raises
    ------
    ReadError
        They are not there, or cannot be read.
    """
    result = result_of(folder)
    paths = _masks_of(folder, result)
    made: list[LabelMap] = []
    for name in ("lungs", "lesions"):
        mask = read_labels(paths[name], _CONTENTS[name], settings=settings)
        made.append(_on_film(mask, result["image"]["grid"], paths[name]))
    if not made[0].array.any():
        raise ReadError(f"The mask of '{folder}' shows no lungs.", path=folder)
    return made[0], made[1]


def _masks_of(folder: Path, result: Mapping[str, Any]) -> dict[str, Path]:
    """The files on the grid of a result's image, by what they hold; ReadError unless lungs and lesions are there."""
    folder = folder if folder.is_dir() else folder.parent
    paths = {each["content"]: folder / each["name"] for each in result.get("files", ()) if each["on_grid"]}
    for name in ("lungs", "lesions"):
        if name not in paths or not paths[name].is_file():
            raise ReadError(f"'{folder}' has no mask of the {name}: analyse the image again.", path=folder)
    return paths


def _on_film(mask: LabelMap, told: Mapping[str, Any], path: Path) -> LabelMap:
    """A mask, which may have been written as a volume of one slice, on the grid that a film's result tells."""
    array = mask.array[0] if mask.array.ndim > 2 and len(mask.array) == 1 else mask.array
    shape = (told["rows"], told["columns"])
    if array.shape != shape:
        raise ReadError(f"'{path}' has {array.shape} pixels, and its film {shape}: analyse it again.", path=path)
    lies = PlaneOrientation(told["column_direction"], told["row_direction"])
    return replace(mask, array=array, grid=PlaneGrid(shape, orientation=lies))


def _of_films(
    results: Sequence[Path], titles: Sequence[str], settings: ReadSettings
) -> tuple[tuple[LesionChange, ...], str]:
    """What became of the lesions of films, or why that is not told."""
    if result_of(results[0])["modality"] != "cxr":
        return (), "Single lesions of CT are compared where scans are aligned (--align)."
    try:
        first = film_of(results[0], settings)
        made = [
            each
            for title, folder in zip(titles[1:], results[1:], strict=True)
            for each in lesions_of_films(first, film_of(folder, settings), title)
        ]
    except ReadError as error:
        return (), f"Single lesions were not compared. {error}"
    return tuple(made), ""


def write_follow_up(found: FollowUp, folder: Path) -> tuple[Path, ...]:
    """Write tables, maps of changes and the page into a folder, and give back their paths.

    Raises
    ------
    WriteError
        A file cannot be written.
    """
    from .course import course_page

    written = [folder / CHANGES]
    write_changes(found.changes, written[0], found.titles)
    if not found.no_lesions:
        written.append(folder / LESION_CHANGES)
        _write_lesions(found.lesions, written[-1])
    if found.aligned:
        written += [folder / PLACES, folder / SUMMARY]
        _write_places(found.aligned, folder / PLACES)
        with whole_file(folder / SUMMARY) as unfinished:
            unfinished.write_bytes(encode_json({each.title: _summary(each) for each in found.aligned}))
        for number, each in enumerate(found.aligned, start=2):
            name = f"change-{number}-{re.sub(r'[^A-Za-z0-9._-]+', '-', each.title)}.nii.gz"
            written.append(write(each.placed.changes, folder / name))
    with whole_file(folder / PAGE) as unfinished:
        unfinished.write_text(course_page(found), encoding="utf-8", errors="xmlcharrefreplace")
    return (*written, folder / PAGE)


def _titles(results: Sequence[Path]) -> tuple[str, ...]:
    """Names of the folders; where two are the same, with those of the folders that they lie in."""
    folders = [path.resolve() if path.is_dir() else path.resolve().parent for path in results]
    names = [folder.name for folder in folders]
    if len(set(names)) == len(names):
        return tuple(names)
    return tuple(f"{folder.parent.name}/{folder.name}" for folder in folders)


def _at_places(aligned: Sequence[Aligned], changes: Sequence[Change]) -> Iterator[Change]:
    """The volumes of lesions in the first scan's lungs and breath, over all dates.

    The error of a change is that of the alignment, and that of both volumes at their outlines.
    """
    outlines = {(each.what, each.region): each for each in changes}
    for rows in zip(*(each.placed.places for each in aligned), strict=True):
        last = rows[-1]
        values = (last.first_ml, *(row.later_ml for row in rows))
        outline = outlines.get((f"volume:{last.structure}", last.region))
        error = None if outline is None or outline.error is None else outline.error + last.change_error_ml
        moved = (0.0, *(row.change_error_ml for row in rows))
        spreads = () if outline is None else tuple(map(_plus, outline.spreads, moved))
        yield Change(f"aligned-volume:{last.structure}", last.region, "ml", values, error, spreads)


def _plus(spread: float | None, further: float) -> float | None:
    return None if spread is None else spread + further


def _write_places(aligned: Sequence[Aligned], path: Path) -> None:
    names = (
        *("first_ml", "later_ml", "new_ml", "resolved_ml", "persisting_ml"),
        *("new_error_ml", "resolved_error_ml", "change_error_ml"),
    )

    def row(title: str, each: Place) -> tuple[str, ...]:
        numbers: list[Any] = [getattr(each, name) for name in names]
        return safe_cell(title), each.structure, each.region, *(f"{number:.6g}" for number in numbers)

    rows = (row(each.title, place) for each in aligned for place in each.placed.places)
    write_csv(path, ("later", "structure", "region", *names), rows, errors="backslashreplace")


def _write_lesions(lesions: Sequence[LesionChange], path: Path) -> None:
    def row(each: LesionChange) -> tuple[str, ...]:
        numbers = (each.first_size, each.later_size, each.change, each.error, each.overlap)
        return (
            *(safe_cell(each.later), each.fate, each.region),
            *(" ".join(map(str, told)) for told in (each.first, each.second)),
            *("" if number is None else f"{number:.6g}" for number in numbers),
            *(each.unit, each.verdict),
        )

    heads = ("later", "fate", "region", "first", "second", "first_size", "later_size", "change", "error", "overlap")
    write_csv(path, (*heads, "unit", "verdict"), map(row, lesions), errors="backslashreplace")


def _summary(each: Aligned) -> Json:
    quality = each.alignment.quality
    return {
        "method": each.alignment.method,
        "by": "density" if each.alignment.uses_densities else "surface of the lungs",
        "dice_of_lungs_before": rounded(quality.dice_before),
        "dice_of_lungs": rounded(quality.dice),
        "surfaces_apart_mm": rounded(quality.apart_mm),
        "surfaces_apart_95_mm": rounded(quality.far_mm),
        "there_and_back_mm": rounded(quality.trip_mm),
        "folded_share": rounded(quality.folded),
        "moved_mm": rounded(quality.moved_mm),
        "error_mm": rounded(each.placed.error_mm),
        "warnings": list(quality.warnings),
    }
