"""``hilum datasets read``: from downloaded folders to one table of cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.talk import TalkingCommand

if TYPE_CHECKING:
    from hilum.datasets.schema import CaseTable


@click.command("read", cls=TalkingCommand)
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the table goes, as CSV.")
@click.option("--source", default="", help="Id of the layout of the folders, where it is not seen from them.")
@click.option(
    "--split",
    "split_path",
    type=click.Path(exists=True, path_type=Path),
    help="Fill the column 'split' from this split.",
)
@click.option("--fold", type=click.IntRange(0), help="Of a split into folds, the one to hold out.")
@click.option("--json", "is_json", is_flag=True, help="Print what was read as JSON.")
def command(
    folders: tuple[Path, ...],
    *,
    output: Path | None,
    source: str,
    split_path: Path | None,
    fold: int | None,
    is_json: bool,
) -> None:
    """Read FOLDERS of data sets, or tables of cases, into one table.

    A folder is what the archive of a data set was unpacked to; 'hilum datasets list --readable' names the data sets
    that Hilum has a reader for.
    """
    from hilum.datasets.split import read_split
    from hilum.datasets.tables import open_tables

    table = open_tables(folders, source)
    if split_path:
        table = read_split(split_path).matched(table).applied(table, fold)
    if output:
        table.write_csv(output)
    told = _told(table)
    click.echo(json.dumps(told, indent=2) if is_json else "\n".join(_lines(told)))


def _told(table: CaseTable) -> dict[str, dict[str, int]]:
    """How many cases there are of each kind."""
    masks = {kind: 0 for case in table for kind in case.masks}
    for case in table:
        for kind in case.masks:
            masks[kind] += 1
    return {
        "cases": table.counts(lambda case: case.source),
        "patients": {"all": len({case.person for case in table})},
        "modality": table.counts(lambda case: case.modality),
        "masks": dict(masks),
        "scored": {"all": sum(bool(case.scores) for case in table)},
        "split": table.counts(lambda case: case.split or "none"),
    }


def _lines(told: dict[str, dict[str, int]]) -> list[str]:
    return [
        f"{name:10}{', '.join(f'{what} {count}' for what, count in counts.items()) or 'none'}"
        for name, counts in told.items()
    ]
