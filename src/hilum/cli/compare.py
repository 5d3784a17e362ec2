"""``hilum compare``: one patient over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.talk import TalkingCommand

if TYPE_CHECKING:
    from hilum.batch.compare import Change


@click.command("compare", cls=TalkingCommand)
@click.argument("results", nargs=-1, required=True, metavar="A B...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the table there, too, as CSV."
)
def command(results: tuple[Path, ...], *, output: Path | None) -> None:
    """Tell what changed between results of one patient, by score, zone, lobe and class.

    A, B... are folders of cases (with result.json) in the order of time, all of films or all of CT; the change is that
    of the last against the first. A verdict (more, less, within error) is given only where the error of the measurement
    is known: from the networks' own test figures, and from the outlines of volumes. Whether the results are of one
    patient is not checked, and images are not registered. To compare networks, see 'hilum evaluate compare'.
    """
    from hilum.batch.compare import compare, write_changes

    changes = compare(results)
    titles = [path.resolve().name if path.is_dir() else path.resolve().parent.name for path in results]
    if output is not None:
        write_changes(changes, output, titles)
    click.echo("\n".join(_lines(changes, titles)))


def _lines(changes: Sequence[Change], titles: Sequence[str]) -> Iterator[str]:
    """The table for a terminal: columns of equal width."""
    rows = [("what", "region", *titles, "change", "error", "unit", "verdict")]
    for each in changes:
        numbers = [_short(value) for value in each.values]
        change = "–" if each.change is None else f"{each.change:+.3g}"
        error = "not known" if each.error is None else f"± {each.error:.3g}"
        rows.append((each.what, each.region, *numbers, change, error, each.unit, each.verdict))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
