"""``hilum datasets harmonise``: any sources to one data base."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hilum.cli.talk import QUIET, TalkingCommand
from hilum.wording import counted, noun

if TYPE_CHECKING:
    from hilum.datasets.harmonise import HarmoniseSettings, Outcome

T = TypeVar("T", int, float)

SOME_FAILED = 3
"""Exit status where some cases could not be harmonised."""


def _numbers(
    kind: Callable[[str], T], count: int, example: str
) -> Callable[[click.Context, click.Parameter, str], tuple[T, ...] | None]:
    """Reads numbers with commas between them; ``none`` is None."""

    def read(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[T, ...] | None:
        if text == "none":
            return None
        try:
            found = tuple(kind(number) for number in text.split(","))
        except ValueError:
            found = ()
        if len(found) != count:
            raise click.BadParameter(f"expected {count} numbers, as in {example}")
        return found

    return read


@click.command("harmonise", cls=TalkingCommand)
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="The data base.")
@click.option("--form", type=click.Choice(["volumes", "slices"]), default="volumes", show_default=True, help="Of CT.")
@click.option(
    "--spacing",
    "spacing_mm",
    default="4.5,0.9,0.9",
    show_default=True,
    callback=_numbers(float, 3, "4.5,0.9,0.9"),
    help="Of CT between slices, rows and columns in mm; none keeps each case's own.",
)
@click.option(
    "--about",
    type=click.Choice(["lungs", "centre"]),
    default="lungs",
    show_default=True,
    help="What CT is cropped about: lungs and lesions, or its middle.",
)
@click.option(
    "--size",
    default="none",
    show_default=True,
    callback=_numbers(int, 3, "80,320,320"),
    help="Slices, rows and columns of the crop, which pads too; none: all of the lungs with a margin, or the whole.",
)
@click.option("--margin", "margin_mm", type=float, default=10.0, show_default=True, help="About the lungs, in mm.")
@click.option(
    "--masks",
    type=click.Choice(["nearest", "linear"]),
    default="nearest",
    show_default=True,
    help="Masks by the nearest voxel, or by the largest share of at least a half.",
)
@click.option(
    "--normalise",
    type=click.Choice(["none", "window", "percentile"]),
    help="CT as it is, or in 8 bits by a window or by percentiles inside the body.  [default: none; slices: window]",
)
@click.option(
    "--window",
    "window_hu",
    default="-1000,400",
    show_default=True,
    callback=_numbers(float, 2, "-1000,400"),
    help="Hounsfield units that become 0 and 255.",
)
@click.option(
    "--percentiles",
    default="1,99",
    show_default=True,
    callback=_numbers(float, 2, "1,99"),
    help="Percentiles that become 0 and 255.",
)
@click.option(
    "--labels",
    type=click.Choice(["keep", "merge"]),
    default="keep",
    show_default=True,
    help="Every class of disease, or lung and affected lung with effusion apart.",
)
@click.option(
    "--lungs",
    type=click.Choice(["auto", "network", "classical", "source"]),
    default="auto",
    show_default=True,
    help="How lungs are found that a source lacks; source: not at all.",
)
@click.option(
    "--slices",
    type=click.Choice(["diseased", "all"]),
    default="diseased",
    show_default=True,
    help="Which ones to write in the form of slices.",
)
@click.option("--film-size", "film_px", type=click.IntRange(1), help="Longer side of films in pixels.")
@click.option(
    "--format", "container", type=click.Choice(["nii.gz", "nrrd"]), default="nii.gz", show_default=True,
    help="Of volumes.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(0), default=0, help="Cases at once; 0 is one a core.")
@click.option("--json", "is_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def command(
    context: click.Context, sources: tuple[Path, ...], output: Path, workers: int, is_json: bool, **chosen: Any
) -> None:
    """Bring cases of SOURCES into one spacing, scale and numbering. The data base has a folder a case, cases.csv and
    manifest.json.

    A source is a table of cases, a data base, or a downloaded data set in its own layout. A run that was interrupted
    goes on where it stopped; the same command on the same files gives the same bytes.
    """
    from hilum.datasets.harmonise import HarmoniseSettings, harmonise
    from hilum.datasets.tables import open_tables

    chosen["normalise"] = chosen["normalise"] or ("none" if chosen["form"] == "volumes" else "window")
    settings = HarmoniseSettings(**chosen)
    table = open_tables(sources)
    is_hidden = is_json or context.meta.get(QUIET, False) or not sys.stderr.isatty()
    with click.progressbar(length=len(table), label="Harmonising", file=sys.stderr, hidden=is_hidden) as bar:

        def on_done(outcome: Outcome) -> None:
            bar.update(1)
            if outcome.message:
                click.echo(f"{outcome.case.key}: {outcome.message}", err=True)

        outcomes = harmonise(table, output, settings, workers=workers, on_done=on_done)
    counts = _counts(outcomes)
    click.echo(
        json.dumps({**counts, "settings": settings.as_json()})
        if is_json
        else _told(counts, output, _forms(outcomes, settings))
    )
    if counts["failed"]:
        context.exit(SOME_FAILED)


def _counts(outcomes: tuple[Outcome, ...]) -> dict[str, int]:
    done = [outcome for outcome in outcomes if outcome.record is not None]
    return {
        "cases": len(outcomes),
        "made": sum(outcome.is_new for outcome in done),
        "kept": sum(not outcome.is_new for outcome in done),
        "failed": len(outcomes) - len(done),
    }


def _forms(outcomes: tuple[Outcome, ...], settings: HarmoniseSettings) -> str:
    """What the cases became: CT what was asked for, films pictures in any form."""
    kinds = {outcome.case.modality for outcome in outcomes}
    return " and ".join(form for kind, form in (("CT", settings.form), ("CXR", "pictures")) if kind in kinds)


def _told(counts: dict[str, int], output: Path, forms: str) -> str:
    kept = f", {counts['kept']} {noun(counts['kept'], 'was', 'were')} there already" if counts["kept"] else ""
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    return f"{output}: {counts['made']} of {counted(counts['cases'], 'case')} made as {forms}{kept}{failed}"
