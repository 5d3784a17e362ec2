"""``hilum compare``: one patient over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hilum.cli.options import chosen_settings, settings_sources
from hilum.cli.talk import TalkingCommand

if TYPE_CHECKING:
    from hilum.batch.compare import Change
    from hilum.batch.followup import Aligned, FollowUp


MOST_LESIONS = 12
"""Of one later result on the terminal, the largest."""


@click.command("compare", cls=TalkingCommand)
@click.argument("results", nargs=-1, required=True, metavar="A B...", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the table there, too, as CSV.")  # fmt: skip
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path),
              help="Write a page with plots of the course there, tables as CSV, and maps of what changed.")  # fmt: skip
@click.option("--dates", metavar="DATE,DATE...", default="",
              help="One a result, as 2020-03-31; otherwise those that the cohort's list had.")  # fmt: skip
@click.option("--align", "method", type=click.Choice(["none", "rigid", "deformable"]), default="none",
              show_default=True, help="Lay the lungs of CTs on the first one's, turned and moved, or as another breath "
              "deforms them, and compare place by place (extra 'ct').")  # fmt: skip
@click.option("--image", "images", multiple=True, metavar="CT", type=click.Path(exists=True, path_type=Path),
              help="The CT of each result, in their order, to align by density, which is surer inside the lungs than "
              "their masks.")  # fmt: skip
@settings_sources
def command(
    results: tuple[Path, ...],
    *,
    output: Path | None,
    folder: Path | None,
    dates: str,
    method: Literal["none", "rigid", "deformable"],
    images: tuple[Path, ...],
) -> None:
    """Tell what changed between results of one patient.

    A, B... are folders of cases (with result.json) in the order of time, all of films or all of CT; the change is that
    of the last against the first, by score, zone, lobe and class. A verdict (more, less, within error) is given only
    where the error of the measurement is known: from the networks' own test figures, from the outlines of volumes, and
    from the alignment. Whether the results are of one patient is not checked. To compare networks, see 'hilum evaluate
    compare'.
    """
    from hilum.batch.compare import write_changes
    from hilum.batch.followup import follow_up, write_follow_up

    if images and method == "none":
        raise click.UsageError("--image takes an alignment: add --align rigid or --align deformable.")
    found = follow_up(
        results,
        dates=[text for text in dates.split(",") if text],
        method=None if method == "none" else method,
        images=images,
        settings=chosen_settings().read,
    )
    if output is not None:
        write_changes(found.changes, output, found.titles)
    click.echo("\n".join(_lines(found.changes, found.titles)))
    for each in found.aligned:
        click.echo("\n".join(_aligned(each)))
    click.echo("\n".join(_lesions(found)))
    if folder is not None:
        click.echo(f"Page: {write_follow_up(found, folder)[-1]}")


def _lines(changes: Sequence[Change], titles: Sequence[str]) -> Iterator[str]:
    """The table for a terminal: columns of equal width."""
    rows = [("what", "region", *titles, "change", "error", "of error", "unit", "verdict")]
    for each in changes:
        numbers = [_short(value) for value in each.values]
        change = "–" if each.change is None else f"{each.change:+.3g}"
        share = "" if each.of_error is None else f"{each.of_error:+.2f}"
        rows.append((each.what, each.region, *numbers, change, _error(each.error), share, each.unit, each.verdict))
    yield from _table(rows)


def _lesions(found: FollowUp) -> Iterator[str]:
    """What became of single lesions, the largest of each later result; or why that is not told."""
    from hilum.batch.alignment.lesions import summary

    if found.no_lesions:
        yield found.no_lesions
        return
    for title in found.titles[1:]:
        lesions = [each for each in found.lesions if each.later == title]
        yield f"{title}, lesion by lesion: {summary(lesions)}"
        if not lesions:
            continue
        rows = [("  fate", "where", "numbers", found.titles[0], title, "change", "error", "unit", "verdict")]
        for each in lesions[:MOST_LESIONS]:
            numbers = f"{_numbers(each.first)} > {_numbers(each.second)}"
            sizes = (_short(each.first_size), _short(each.later_size), f"{each.change:+.3g}", _error(each.error))
            rows.append((f"  {each.fate}", each.region or "outside", numbers, *sizes, each.unit, each.verdict))
        yield from _table(rows)
        if len(lesions) > MOST_LESIONS:
            yield f"  and {len(lesions) - MOST_LESIONS} smaller ones (--folder writes all)"


def _numbers(numbers: Sequence[int]) -> str:
    return "+".join(map(str, numbers)) or "–"


def _error(error: float | None) -> str:
    return "not known" if error is None else f"± {error:.3g}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _aligned(each: Aligned) -> Iterator[str]:
    """How an alignment went, and what became of the opacity."""
    quality = each.alignment.quality
    yield (
        f"{each.title}, {each.alignment.method} alignment: Dice of the lungs {quality.dice:.3f} (was "
        f"{quality.dice_before:.3f}), surfaces {quality.apart_mm:.1f} mm apart, {quality.trip_mm:.1f} mm off there and "
        "back"
    )
    for text in quality.warnings:
        yield f"Warning: {text}"
    whole = each.placed.places[0]
    yield (
        f"  opacity: {whole.new_ml:.1f} ml new (± {whole.new_error_ml:.1f}), {whole.resolved_ml:.1f} ml resolved (± "
        f"{whole.resolved_error_ml:.1f}), {whole.persisting_ml:.1f} ml persisting"
    )


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
