"""``hilum evaluate compare``: one page about any number of runs."""

from __future__ import annotations

from pathlib import Path

import click

from hilum.cli.talk import QUIET, TalkingCommand


@click.command("compare", cls=TalkingCommand)
@click.argument(
    "folders", nargs=-1, required=True, metavar="RUN...", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The page, as HTML."
)
@click.option(
    "--figures", type=click.Path(file_okay=False, path_type=Path), help="Folder for the plots as files for papers."
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["png", "svg", "pdf"]),
    default=("png",),
    show_default=True,
    help="Of those files, PNG at 300 dpi; repeat for several.",
)
@click.pass_context
def command(
    context: click.Context, folders: tuple[Path, ...], *, output: Path, figures: Path | None, formats: tuple[str, ...]
) -> None:
    """Put runs side by side on one page: tables, plots, pictures.

    RUN is a folder that 'hilum evaluate masks', 'scores' or 'thresholds' wrote, the folder of a training, or that of
    the benchmark of the nine networks. The page holds everything inside and fetches nothing. Needs the extra 'lab'.
    """
    from hilum.evaluation.compare import runs_of, write_comparison

    write_comparison(runs_of(folders), output, figures=figures, formats=[f".{name}" for name in formats])
    if not context.meta.get(QUIET):
        click.echo(f"Written to {output}", err=True)
