"""``hilum datasets audit``: what is wrong with data sets."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hilum.cli.talk import QUIET, TalkingCommand, progress

DEFECTS = 3
"""Exit status where something was found that is at least as grave as ``--fail-on``."""


@click.command("audit", cls=TalkingCommand)
@click.argument("data", nargs=-1, required=True, metavar="DB|SOURCE...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for audit.html, audit.csv and audit.json. The page shows pictures of the data.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    default="warning",
    show_default=True,
    help="The least grave finding for which the exit status is 3.",
)
@click.pass_context
def command(
    context: click.Context, data: tuple[Path, ...], *, output: Path | None, is_json: bool, fail_on: str
) -> None:
    """Look for copies, leaks between splits, broken files and masks. Suspicious units and empty masks are told of, too.

    Several tables, databases or folders are audited together, so that copies are found across them. The exit status
    is 0 where nothing is wrong and 3 where something is.
    """
    from hilum.datasets.audit.audit import audit
    from hilum.datasets.audit.report import as_json, as_text, write_audit
    from hilum.datasets.explore.examine import examine_all
    from hilum.datasets.tables import open_tables
    from hilum.measurement import Gravity

    table = open_tables(data)
    with progress(len(table)) as watch:
        seen = tuple(examine_all(table, lambda: watch.step("")))
    found = audit(seen)
    if output:
        write_audit(found, seen, output)
    click.echo(json.dumps(as_json(found), indent=2) if is_json else as_text(found))
    if output and not context.meta.get(QUIET):
        click.echo(f"Written to {output}", err=True)
    if fail_on != "never" and found.worst(Gravity(fail_on)):
        context.exit(DEFECTS)
