"""``hilum evaluate thresholds``: from which ratio on a zone of the six-zone score counts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.options import chosen_settings, models_option, settings_sources
from hilum.cli.talk import TalkingCommand
from hilum.errors import ReadError
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.evaluation.sweep import ZoneTable

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
MEASURES = ("mae", "mse", "rmse", "r2", "kappa")


@click.command("thresholds", cls=TalkingCommand)
@click.argument("table", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", "folders", multiple=True, type=FOLDER, help="Scored films in place of TABLE; repeatable.")
@click.option(
    "--split",
    type=click.Choice(["train", "val"]),
    default="val",
    show_default=True,
    help="Films that the threshold is chosen on; those of a test are not for that.",
)
@click.option("--by", type=click.Choice(MEASURES), default="mae", show_default=True, help="Measure that decides.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for zones.csv, thresholds.csv and thresholds.html.",
)
@click.option("--card", type=FOLDER, help="Folder of the lesion network whose card takes the threshold.")
@models_option
@settings_sources
def command(
    *, table: Path | None, folders: tuple[Path, ...], split: str, by: str, output: Path | None, card: Path | None
) -> None:
    """Sweep the threshold of the six-zone score from 0 to 1 by 0.01.

    TABLE is a CSV file with the columns case, patient, split, reference and one for each zone, such as the zones.csv
    that a run with --data writes.
    """
    from hilum.evaluation.sweep import as_text, put_on_card, sweep, write_sweep
    from hilum.evaluation.sweep_plot import as_html
    from hilum.writers.whole import whole_file

    if (table is None) == (not folders):
        raise click.UsageError("Give either TABLE or --data.")
    zones = _zones(table, folders, split, output).of_split(split)
    result = sweep(zones)
    threshold = result.chosen[by]
    click.echo(as_text(result), nl=False)
    if output:
        write_sweep(result, output / "thresholds.csv")
        with whole_file(output / "thresholds.html") as unfinished:
            unfinished.write_text(as_html(result, f"{split}, by {by}", threshold), encoding="utf-8")
    if card:
        put_on_card(card, threshold)
        click.echo(f"six-zone = {threshold:.2f} is on the card in {card}")


def _zones(table: Path | None, folders: tuple[Path, ...], split: str, output: Path | None) -> ZoneTable:
    """The table as given, or made of scored films; in the latter case it is written if there is an output folder."""
    from tempfile import TemporaryDirectory

    from hilum.datasets.films import in_split, read_cases
    from hilum.evaluation.sweep import read_zones, write_zones
    from hilum.evaluation.zone_ratios import zone_rows
    from hilum.pipeline import open_networks

    if table is not None:
        return read_zones(table)
    cases = [film for folder in folders for film in in_split(read_cases(folder), split)]
    if not any(film.six_zone is not None and not film.is_poor_quality for film in cases):
        places = ", ".join(f"'{folder}'" for folder in folders)
        raise ReadError(
            f"Cannot choose a threshold on {places}: of {counted(len(cases), 'film')} in the split {split!r} none "
            "has a six-zone score by a reader. Give films whose cases.csv has numbers in the columns six_zone_score_R "
            "or six_zone_score_D and whose quality is not poor."
        )
    networks = open_networks(chosen_settings(), many=True).films
    with click.progressbar(cases, label="Looking at films", file=sys.stderr) as bar:
        rows = list(zone_rows(bar, networks))
    with TemporaryDirectory() as scratch:
        path = (output or Path(scratch)) / "zones.csv"
        write_zones(path, rows)
        return read_zones(path)
