"""The page of an exploration, and its folder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hilum
from hilum.writers.templates import template_environment
from hilum.writers.whole import whole_file

from .examine import Examination
from .plots import Plot, bars, densities, scatter
from .summary import Summary
from .tables import as_json, as_text, bytes_as_text, case_table, number, structure_table
from .thumbnail import chosen, thumbnail

if TYPE_CHECKING:
    import jinja2

OUTLIERS = 40
"""Most outliers on the page; the table of cases has every number."""


FEW = 3
"""Fewer cases than this make no line of intensities."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A small picture and what is said under it."""

    picture: str
    case: str
    words: str


def write_exploration(summary: Summary, seen: Sequence[Examination], folder: Path, *, thumbnails: int = 24) -> None:
    """Write the page, the tables of cases and structures, and the summary as JSON into a folder.

    Raises
    ------
    WriteError
        A file could not be written.
    """
    for name, text in (
        ("explore.html", render_exploration(summary, seen, thumbnails=thumbnails)),
        ("explore-cases.csv", case_table(seen)),
        ("explore-structures.csv", structure_table(summary)),
        ("explore.json", json.dumps(as_json(summary), indent=2, ensure_ascii=False) + "\n"),
    ):
        with whole_file(folder / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def render_exploration(summary: Summary, seen: Sequence[Examination], *, thumbnails: int = 24) -> str:
    """The page, with its plots and pictures inside: it opens anywhere and fetches nothing."""
    standing_out = [outlier.case for outlier in summary.outliers]
    return render(
        "explore.html.j2",
        summary=summary,
        text=as_text(summary),
        plots=[plot for plot in _plots(summary, seen) if plot is not None],
        shown=[_shown(each) for each in chosen(seen, standing_out, thumbnails)],
        outliers=summary.outliers[:OUTLIERS],
        measures=_measures(summary),
        few=FEW,
    )


def render(name: str, **values: Any) -> str:
    """A page of this package or of the audit, filled."""
    return _environment().get_template(name).render(version=hilum.__version__, **values)


def _shown(seen: Examination) -> Shown:
    size = " × ".join(map(str, seen.shape))
    burden = "" if seen.burden is None else f", burden {100 * seen.burden:.0f} %"
    return Shown(thumbnail(seen.case), seen.case.key, f"{size}{burden}")


def _measures(summary: Summary) -> list[tuple[str, str, float]]:
    """Heads, names and factors of what is known of any structure."""
    known = (
        ("% of the image", "share", 100.0),
        ("Volume, ml", "volume_ml", 1.0),
        ("Median HU", "hounsfield", 1.0),
        ("HU of its pixels", "range_hu", 1.0),
        ("Median grey level", "grey", 1.0),
        ("Grey of its pixels", "range_grey", 1.0),
    )
    return [each for each in known if any(math.isfinite(getattr(s, each[1]).median) for s in summary.structures)]


def _plots(summary: Summary, seen: Sequence[Examination]) -> Iterator[Plot | None]:
    read = [each for each in seen if not each.error]
    planes = [(float(each.shape[-1]), float(each.shape[-2])) for each in read]
    yield scatter("Sizes of images", "columns", "rows", planes)
    yield bars("Slices of volumes", "slices", [float(each.shape[0]) for each in read if len(each.shape) == 3])
    spacing = [each.spacing_mm for each in read if each.spacing_mm]
    yield bars("Distance of pixels", "mm", [each[-1] for each in spacing])
    yield bars("Distance of slices", "mm", [each[0] for each in spacing if len(each) == 3])
    for is_hounsfield, whole in ((True, summary.image_hu), (False, summary.image_grey)):
        series = {"whole image": whole}
        for each in summary.structures:
            if each.present < FEW:
                continue
            series[each.structure] = each.histogram_hu if is_hounsfield else each.histogram_grey
        unit = "Hounsfield units" if is_hounsfield else "grey levels"
        yield densities(f"Intensity by structure, {unit}", series, is_hounsfield=is_hounsfield)
    yield bars("Burden", "opacity over lungs, %", [100 * each.burden for each in read if each.burden is not None])
    volumes = [
        each.opacity_pixels * each.voxel_ml for each in read if each.opacity_pixels is not None and each.voxel_ml
    ]
    yield bars("Volume of opacity", "ml", volumes)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return template_environment(_text, filters={"number": number, "bytes": bytes_as_text})


@lru_cache(maxsize=8)
def _text(name: str) -> str:
    place = "hilum.writers.report" if name == "report.css" else "hilum.datasets.explore"
    return (files(place) / name).read_text(encoding="utf-8")
