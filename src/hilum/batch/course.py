"""The page of one patient over time: the course of scores and volumes, changes, and what became of each place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.explore.page import render
from hilum.datasets.explore.plots import Plot, Step, course
from hilum.image import LabelMap
from hilum.scoring import DEFINITIONS
from hilum.writers.captions import caption
from hilum.writers.data_url import data_url

from .alignment.lesions import summary
from .alignment.places import CHANGES

if TYPE_CHECKING:
    from .alignment.lesions import LesionChange
    from .compare import Change
    from .followup import Aligned, FollowUp

VOLUMES: Mapping[str, Sequence[str]] = {
    "Volume of opacity": ("aligned-volume:opacity", "volume:opacity"),
    "Volume of the lungs": ("volume:lung",),
    "Effusion": ("volume:effusion",),
}
"""Plots of volumes: the first of these quantities that there is."""

MOST_SURE = 16
"""Most changes beyond their error that are listed; the table of changes has all."""

MOST_LESIONS = 30
"""Most single lesions that are listed for one later result; their table has all."""

DEPTH_MM = 25.0
"""Of a colour on the picture of changes, so that two thirds of it are seen."""

PICTURE_MM = 1.2
"""Side of a pixel of the picture of changes."""

_GROUND, _LUNG = 0.09, 0.13
"""Grey levels of the picture of changes: the ground, and how much lighter lung is."""


@dataclass(frozen=True, slots=True)
class AlignedView:
    """What the page shows of an aligned scan: its figures, a picture of the changes, its places."""

    title: str
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    picture: str
    rows: tuple[tuple[str, ...], ...]


def course_page(found: FollowUp) -> str:
    """The page, with its plots and pictures inside: it opens anywhere and fetches nothing."""
    return render(
        "course.html.j2",
        titles=found.titles,
        dates=[f"{each:%Y-%m-%d}" for each in found.dates],
        span_days=(found.dates[-1] - found.dates[0]).days if found.dates else None,
        plots=[plot for plot in _plots(found) if plot is not None],
        sure=[_row(each) for each in _surest(found.changes)],
        tables=[(head, [_row(each) for each in rows]) for head, rows in _tables(found.changes) if rows],
        aligned=[_view(each) for each in found.aligned],
        lesions=[_lesions(title, found.lesions) for title in found.titles[1:]] if not found.no_lesions else [],
        no_lesions=found.no_lesions,
        legend=[(label.name, "#{:02x}{:02x}{:02x}".format(*label.colour)) for label in CHANGES.values()],
    )


def _surest(changes: Sequence[Change]) -> list[Change]:
    """The changes beyond their error, the furthest beyond first; the cross-check and thirds by volume left out."""
    sure = [each for each in changes if each.verdict in ("more", "less") and each.change and _is_plain(each)]
    return sorted(sure, key=lambda each: -abs(each.of_error or math.inf))[:MOST_SURE]


def _is_plain(each: Change) -> bool:
    return "by-volume" not in each.region and "hounsfield" not in each.what


def _plots(found: FollowUp) -> Iterator[Plot | None]:
    by_key = {(each.what, each.region): each for each in found.changes}
    places, marks, across = _across(found)
    for name in DEFINITIONS:
        definition = DEFINITIONS[name]
        if (name, "whole") in by_key:
            unit = "%" if definition.unit == "%" else f"of {definition.range[1]:g}"
            steps = {"": _steps(by_key[name, "whole"], places)}
            yield course(definition.title, across, unit, steps, marks, most=definition.range[1])
    sides = {side: by_key["opacity-percent", side] for side in ("right", "left") if ("opacity-percent", side) in by_key}
    lines = {side: _steps(each, places) for side, each in sides.items()}
    yield course("Lung with opacity, by side", across, "%", lines, marks, most=100)
    for title, names in VOLUMES.items():
        name = next((name for name in names if (name, "both") in by_key), None)
        if name is not None:
            where = ", in the first scan's lungs" if name.startswith("aligned") else ""
            yield course(title + where, across, "ml", {"": _steps(by_key[name, "both"], places)}, marks)
    kinds = {
        kind: _steps(by_key[f"volume:{kind}", "both"], places)
        for kind in ("ground-glass", "consolidation")
        if (f"volume:{kind}", "both") in by_key
    }
    yield course("Volume by kind", across, "ml", kinds, marks)


def _across(found: FollowUp) -> tuple[list[float], list[tuple[str, float]], str]:
    """Where each result stands, the ticks, and the name of the axis: days, or one after the other."""
    if not found.dates:
        places = [float(number) for number in range(len(found.titles))]
        return places, [(f"{place + 1:g}", place) for place in places], "result, in their order"
    places = [float((each - found.dates[0]).days) for each in found.dates]
    marks: list[tuple[str, float]] = []
    least = (places[-1] - places[0]) / 6
    for place, each in zip(places, found.dates, strict=True):
        if not marks or place - marks[-1][1] >= max(least, 1):
            marks.append((f"{each:%Y-%m-%d}", place))
    return places, marks, "date"


def _steps(change: Change, places: Sequence[float]) -> list[Step]:
    spreads = change.spreads or (None,) * len(places)
    return [
        (place, value, spread)
        for place, value, spread in zip(places, change.values, spreads, strict=True)
        if value is not None
    ]


def _tables(changes: Sequence[Change]) -> Iterator[tuple[str, list[Change]]]:
    """The changes by what they are of; by-volume thirds are in the table of changes only."""
    whole = [each for each in changes if each.region in ("whole", "both")]
    parts = [
        each for each in changes if each.region not in ("whole", "both", "outside") and "by-volume" not in each.region
    ]
    yield "Whole lungs", whole
    yield "Sides, zones and lobes: scores", [each for each in parts if each.what in DEFINITIONS]
    yield "Sides, zones and lobes: volumes", [each for each in parts if each.what.partition(":")[0].endswith("volume")]


def _row(each: Change) -> tuple[str, ...]:
    """Cells of a table: what, where, the values, the change, its error, the change in errors, the verdict."""
    name, _, structure = each.what.partition(":")
    title = DEFINITIONS[name].title if name in DEFINITIONS else caption(name)
    return (
        f"{title}: {structure}" if structure else title,
        caption(each.region),
        *("–" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}" for value in each.values),
        "–" if each.change is None else f"{each.change:+.3g}" if abs(each.change) < 1000 else f"{each.change:+.0f}",
        "" if each.error is None else f"± {each.error:.3g}",
        "" if each.of_error is None else f"{each.of_error:+.2f}",
        each.unit,
        each.verdict,
    )


def _lesions(title: str, lesions: Sequence[LesionChange]) -> tuple[str, str, list[tuple[str, ...]], int]:
    """Title, numbers in words, rows of the largest, and how many are not listed."""
    own = [each for each in lesions if each.later == title]
    rows = [
        (
            each.fate,
            caption(each.region) if each.region else "outside the lungs",
            *(", ".join(map(str, numbers)) or "–" for numbers in (each.first, each.second)),
            *(f"{size:.3g}" for size in (each.first_size, each.later_size)),
            f"{each.change:+.3g}",
            "" if each.error is None else f"± {each.error:.3g}",
            each.unit,
            each.verdict,
        )
        for each in own[:MOST_LESIONS]
    ]
    return title, summary(own), rows, max(0, len(own) - MOST_LESIONS)


def _view(each: Aligned) -> AlignedView:
    quality = each.alignment.quality
    by = "densities" if each.alignment.uses_densities else "the surfaces of the lungs"
    return AlignedView(
        title=each.title,
        facts=(
            ("Alignment", f"{each.alignment.method}, by {by}"),
            ("Dice of the lungs", f"{quality.dice:.3f} (was {quality.dice_before:.3f})"),
            ("Surfaces apart", f"{quality.apart_mm:.1f} mm, 95 % within {quality.far_mm:.1f}"),
            ("There and back", f"{quality.trip_mm:.1f} mm off"),
            ("Lung moved by", f"{quality.moved_mm:.1f} mm"),
        ),
        warnings=quality.warnings,
        picture=_picture(each.placed.changes, each.placed.lungs),
        rows=tuple(
            (
                caption(place.structure),
                caption(place.region),
                f"{place.first_ml:.1f}",
                f"{place.later_ml:.1f}",
                f"{place.new_ml:.1f} ± {place.new_error_ml:.1f}",
                f"{place.resolved_ml:.1f} ± {place.resolved_error_ml:.1f}",
                f"{place.persisting_ml:.1f}",
            )
            for place in each.placed.places
            if place.first_ml or place.later_ml
        ),
    )


def _picture(changes: LabelMap, lungs: LabelMap) -> str:
    """What changed, seen from the front as a data address: the more of a colour, the more of it lies there."""
    from PIL import Image as Picture

    axial, within = changes.axial(), np.asarray(lungs.axial().array) > 0
    array, (slice_mm, row_mm, column_mm) = np.asarray(axial.array), axial.volume.spacing_mm
    canvas = np.repeat((_GROUND + _LUNG * _dense(within, row_mm))[..., None], 3, axis=2)
    for number, label in CHANGES.items():
        share = _dense(array == number, row_mm)[..., None]
        canvas = canvas * (1 - share) + share * np.array(label.colour) / 255
    rows, columns = (_room(np.asarray(within.any(axis=axes))) for axes in ((1, 2), (0, 1)))
    shown = np.rint(255 * canvas[rows, columns][::-1]).astype(np.uint8)
    size = (round(shown.shape[1] * column_mm / PICTURE_MM), round(shown.shape[0] * slice_mm / PICTURE_MM))
    return data_url(Picture.fromarray(shown).resize((max(size[0], 1), max(size[1], 1))), "PNG")


def _dense(mask: NDArray[np.bool_], row_mm: float) -> NDArray[np.float64]:
    """How dense a mask looks from the front, 0 to 1, (slices, columns)."""
    return 1 - np.exp(-np.count_nonzero(mask, axis=1) * row_mm / DEPTH_MM)


def _room(filled: NDArray[np.bool_]) -> slice:
    """The range of what is filled, with a little room."""
    places, room = np.flatnonzero(filled), len(filled) // 20
    return slice(max(0, int(places[0]) - room), int(places[-1]) + 1 + room)
