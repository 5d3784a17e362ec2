"""``hilum datasets fetch``: download a data set, when asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hilum.cli.talk import QUIET, TalkingCommand


@click.command("fetch", cls=TalkingCommand)
@click.argument("name")
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where it goes."
)
@click.option("--unpack/--keep-packed", default=True, show_default=True, help="Unpack zip files beside themselves.")
@click.pass_context
def command(context: click.Context, name: str, folder: Path, *, unpack: bool) -> None:
    """Download the data set NAME; its terms are told first.

    What broke off goes on where it was when the command is run again. Only public files can be downloaded; of other
    data sets the command tells where they are.
    """
    from hilum.datasets import fetch
    from hilum.datasets.catalogue import catalogue

    entry = catalogue()[name]
    is_quiet = context.meta.get(QUIET, False)
    if not is_quiet:
        click.echo(f"{entry.name}\nLicence: {entry.told('licence')}\nCite: {entry.paper or entry.home}", err=True)
    progress = _tell if sys.stderr.isatty() and not is_quiet else None
    paths = fetch.fetch(entry, folder, progress=progress)
    if progress:
        click.echo("\r\x1b[K", err=True, nl=False)
    folders = fetch.unpack(paths) if unpack else ()
    for path in (*paths, *folders):
        click.echo(str(path))


def _tell(name: str, done: int, total: int) -> None:
    share = f" {100 * done // total} % of {total / 1e6:,.0f} MB" if total else f" {done / 1e6:,.0f} MB"
    click.echo(f"\r\x1b[K{name}{share}", err=True, nl=False)
