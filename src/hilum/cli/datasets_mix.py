"""``hilum datasets mix``: real films, and films projected from CT, in one set."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from hilum.cli.talk import QUIET, TalkingCommand


@click.command("mix", cls=TalkingCommand)
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="The set.")
@click.option(
    "--share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of projected films among all."
)
@click.option("--count", type=click.IntRange(0), default=0, help="Of all films; 0 for as many as there are real ones.")
@click.option(
    "--size", "size_px", type=click.IntRange(32), default=512, show_default=True, help="Longer side of films in pixels."
)
@click.option(
    "--match/--no-match", default=True, show_default=True, help="Bring projected films to the manner of real ones."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of every choice.")
@click.option("--json", "is_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def command(context: click.Context, sources: tuple[Path, ...], output: Path, is_json: bool, **chosen: Any) -> None:
    """Mix the films of SOURCES with films projected from their CT.

    A source is a table of cases, a data base, or a downloaded data set. The set is a data base itself: films, masks and
    cases.csv, in which the fact 'origin' tells real from projected.
    """
    from hilum.datasets.mix import MixSettings, mix
    from hilum.datasets.tables import open_tables

    settings = MixSettings(**chosen)
    table = open_tables(sources)
    total = settings.count or sum(case.modality == "CXR" for case in table)
    is_hidden = is_json or context.meta.get(QUIET, False) or not sys.stderr.isatty()
    with click.progressbar(length=total, label="Mixing", file=sys.stderr, hidden=is_hidden) as bar:
        made = mix(table, output, settings, on_done=lambda _: bar.update(1))
    counts = made.table.counts(lambda case: case.facts["origin"])
    apart = {"told_apart": made.told_apart, "told_apart_unmatched": made.told_apart_unmatched}
    if is_json:
        click.echo(json.dumps({**counts, **apart}))
        return
    click.echo(f"{output}: {' and '.join(f'{number} {origin}' for origin, number in counts.items())} films")
    if made.told_apart is not None:
        click.echo(
            "A linear judge of grey levels, noise, margins and shape tells them apart with an area of "
            f"{made.told_apart:.2f} ({made.told_apart_unmatched:.2f} before matching; 0.5 is chance)"
        )
