"""``hilum datasets explore``: what is in data sets."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hilum.cli.talk import QUIET, TalkingCommand, progress


@click.command("explore", cls=TalkingCommand)
@click.argument("data", nargs=-1, required=True, metavar="DB|SOURCE...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for explore.html, cases, structures and summary. The page shows pictures of the data.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.option("--thumbnails", default=24, show_default=True, type=click.IntRange(0, 200), help="Pictures on the page.")
@click.pass_context
def command(
    context: click.Context, data: tuple[Path, ...], *, output: Path | None, is_json: bool, thumbnails: int
) -> None:
    """Tell shapes, spacings, intensities, classes and burden. Memory and cases that stand out are told, too.

    A folder gets explore.html (one page with plots and pictures inside), explore-cases.csv with a row a case,
    explore-structures.csv and explore.json.
    """
    from hilum.datasets.explore.examine import examine_all
    from hilum.datasets.explore.page import write_exploration
    from hilum.datasets.explore.summary import summarise
    from hilum.datasets.explore.tables import as_json, as_text
    from hilum.datasets.tables import open_tables

    table = open_tables(data)
    with progress(len(table)) as watch:
        seen = tuple(examine_all(table, lambda: watch.step("")))
    summary = summarise(seen)
    if output:
        write_exploration(summary, seen, output, thumbnails=thumbnails)
    click.echo(json.dumps(as_json(summary), indent=2) if is_json else as_text(summary), nl=is_json)
    if output and not context.meta.get(QUIET):
        click.echo(f"Written to {output}", err=True)
