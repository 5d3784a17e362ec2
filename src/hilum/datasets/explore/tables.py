"""A summary as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from hilum.provenance import Json
from hilum.wording import counted

from .examine import Examination
from .intensity import Range
from .summary import Spread, StructureSummary, Summary

SHOWN = 10
"""Most lines of a list in the text."""

CASE_COLUMNS = (
    *("source", "case", "patient", "split", "modality", "finding", "error", "slices", "rows", "columns"),
    *("slice_mm", "row_mm", "column_mm", "dtype", "lowest", "p5", "median", "p95", "highest"),
    *("lung_pixels", "lung_ml", "opacity_pixels", "opacity_ml", "burden", "outside_lungs", "memory_bytes"),
)
"""Columns of the table of cases; then come the pixels of each structure, as ``lesions.consolidation``."""


def as_text(summary: Summary) -> str:
    """The summary for a terminal."""
    return "\n".join(_lines(summary)) + "\n"


def case_rows(seen: Sequence[Examination]) -> Iterator[dict[str, str]]:
    """One row a case, in the columns of :func:`case_table`."""
    for each in seen:
        yield {name: _cell(value) for name, value in _case(each).items()}


def case_table(seen: Sequence[Examination]) -> str:
    """One row a case, as CSV."""
    structures = dict.fromkeys(
        f"{kind}.{name}" for each in seen for kind, mask in each.masks.items() for name in mask.structures
    )
    return _csv((*CASE_COLUMNS, *structures), case_rows(seen))


def structure_table(summary: Summary) -> str:
    """One row a structure, as CSV."""
    rows = [{name: _cell(value) for name, value in _structure(each).items()} for each in summary.structures]
    return _csv(tuple(rows[0]) if rows else ("mask", "structure"), rows)


def as_json(summary: Summary) -> dict[str, Json]:
    """The summary as JSON, whatever is not known as null."""
    return {
        "cases": summary.cases,
        "patients": summary.patients,
        "broken": summary.broken,
        "counts": {name: dict(values) for name, values in summary.counts.items()},
        "masks": dict(summary.masks),
        "shapes": dict(summary.shapes),
        "axes": {name: _spread(spread) for name, spread in summary.axes.items()},
        "structures": [{name: _known(value) for name, value in _structure(s).items()} for s in summary.structures],
        "burden": _spread(summary.burden),
        "memory_bytes": summary.memory_bytes,
        "largest_bytes": summary.largest_bytes,
        "outliers": [
            {
                "case": each.case,
                "measure": each.measure,
                "value": each.value,
                "median": each.median,
                "deviations": round(each.deviations, 2),
            }
            for each in summary.outliers
        ],
    }


def bytes_as_text(count: int) -> str:
    """Bytes in the unit that people would choose."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def number(value: float, digits: int = 3) -> str:
    """A number of some digits without an exponent, a dash for none."""
    if not math.isfinite(value):
        return "–"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{places}f}".rstrip("0").rstrip(".") if places else f"{value:,.0f}"


def _lines(summary: Summary) -> Iterator[str]:
    broken = f", {summary.broken} of them unreadable" if summary.broken else ""
    yield f"{counted(summary.cases, 'case')} of {counted(summary.patients, 'patient')}{broken}"
    for name, values in summary.counts.items():
        if list(values) != ["(none)"]:
            listed = [f"{value} {count}" for value, count in list(values.items())[:SHOWN]]
            yield f"  {name:<10}{', '.join(listed)}{', ...' if len(values) > SHOWN else ''}"
    yield f"  {'masks':<10}{', '.join(f'{kind} {count}' for kind, count in summary.masks.items()) or 'none'}"
    yield f"  {'shapes':<10}{', '.join(f'{shape} ({count})' for shape, count in list(summary.shapes.items())[:5])}"
    yield (
        f"  {'memory':<10}{bytes_as_text(summary.memory_bytes)} opened, the largest case "
        f"{bytes_as_text(summary.largest_bytes)}"
    )
    yield from _axis_lines(summary.axes)
    yield from _structure_lines(summary.structures)
    if math.isfinite(summary.burden.median):
        low, median, high = (f"{100 * value:.1f}" for value in _three(summary.burden))
        yield f"Burden, opacity over lungs: median {median} %, 5th to 95th percentile {low} to {high} %"
    yield from _outlier_lines(summary)


def _axis_lines(axes: Mapping[str, Spread]) -> Iterator[str]:
    if axes:
        yield f"{'Axis':<28}{'lowest':>9}{'median':>9}{'highest':>9}"
    for name, each in axes.items():
        yield f"  {name:<26}{number(each.lowest):>9}{number(each.median):>9}{number(each.highest):>9}"


_MEASURES = (("% of image", "share", 100.0), ("ml", "volume_ml", 1.0), ("HU", "hounsfield", 1.0), ("grey", "grey", 1.0))


def _structure_lines(structures: Sequence[StructureSummary]) -> Iterator[str]:
    if not structures:
        return
    known = [each for each in _MEASURES if any(math.isfinite(getattr(s, each[1]).median) for s in structures)]
    yield f"{'Structure':<28}{'in cases':>12}" + "".join(f"{head:>12}" for head, _, _ in known)
    for each in structures:
        values = "".join(f"{number(factor * getattr(each, name).median):>12}" for _, name, factor in known)
        yield f"  {f'{each.mask}: {each.structure}':<26}{f'{each.present}/{each.cases}':>12}{values}"
    yield "  (medians over the cases in which it is present)"


def _outlier_lines(summary: Summary) -> Iterator[str]:
    if not summary.outliers:
        return
    count = len(summary.outliers)
    yield f"{count} {'case stands' if count == 1 else 'cases stand'} out of their source"
    for each in summary.outliers[:SHOWN]:
        yield f"  {each.case}: {each.measure} {number(each.value)}, median {number(each.median)}"
    if len(summary.outliers) > SHOWN:
        yield f"  and {len(summary.outliers) - SHOWN} more"


def _three(spread: Spread) -> tuple[float, float, float]:
    return spread.p5, spread.median, spread.p95


def _case(seen: Examination) -> dict[str, str | float | None]:
    case, shape, spacing = seen.case, seen.shape, seen.spacing_mm or ()
    reached = seen.range or Range(*[float("nan")] * 5)
    milli = seen.voxel_ml
    return {
        **{name: str(getattr(case, name)) for name in ("source", "case", "patient", "split", "modality", "finding")},
        "error": seen.error,
        **dict(zip(("columns", "rows", "slices"), shape[::-1], strict=False)),
        **dict(zip(("column_mm", "row_mm", "slice_mm"), spacing[::-1], strict=False)),
        "dtype": seen.dtype,
        **{each.name: getattr(reached, each.name) for each in fields(Range)},
        "lung_pixels": seen.lung_pixels,
        "lung_ml": None if milli is None or seen.lung_pixels is None else seen.lung_pixels * milli,
        "opacity_pixels": seen.opacity_pixels,
        "opacity_ml": None if milli is None or seen.opacity_pixels is None else seen.opacity_pixels * milli,
        "burden": seen.burden,
        "outside_lungs": seen.outside,
        "memory_bytes": seen.memory_bytes,
        **{f"{kind}.{name}": facts.pixels for kind, m in seen.masks.items() for name, facts in m.structures.items()},
    }


def _structure(each: StructureSummary) -> dict[str, str | float]:
    made: dict[str, str | float] = {
        "mask": each.mask,
        "structure": each.structure,
        "cases": each.cases,
        "present": each.present,
        "pixels": each.pixels,
    }
    for name, spread in (
        ("share", each.share),
        ("ml", each.volume_ml),
        ("hu", each.hounsfield),
        ("grey", each.grey),
        ("hu_inside", each.range_hu),
        ("grey_inside", each.range_grey),
    ):
        made |= {f"{name}_{part.name}": getattr(spread, part.name) for part in fields(Spread)}
    return made


def _spread(spread: Spread) -> Json:
    return {part.name: _known(getattr(spread, part.name)) for part in fields(Spread)}


def _known(value: str | float | None) -> Json:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: str | float | None) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _csv(columns: Sequence[str], rows: Iterator[dict[str, str]] | Sequence[dict[str, str]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
