"""``hilum report``: the page of a cohort."""

from __future__ import annotations

from pathlib import Path

import click

from hilum.cli.talk import TalkingCommand


@click.command("report", cls=TalkingCommand)
@click.argument("folder", metavar="OUT", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=12,
    show_default=True,
    help="How many of the most severe cases to show.",
)
def command(folder: Path, *, pictures: int) -> None:
    """Write one page about a cohort: scores, failures, groups. Findings, too, and pictures of the most severe cases.

    OUT is the folder of 'hilum batch' or 'hilum analyse'. The page, cohort.html in it, holds everything inside and
    fetches nothing. Columns that a list gave (date, site, sex, age, and those of --group) have a table each; with
    patient and date there is severity over time.
    """
    from hilum.batch.report import write_cohort_page

    click.echo(f"Report: {write_cohort_page(folder, pictures=pictures)}")
