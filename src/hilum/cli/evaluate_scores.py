"""``hilum evaluate scores``: anyone's scores against those that readers gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from hilum.cli.evaluate_masks import SOME_MISSING, cases_of, named, split_option, truth_option
from hilum.cli.talk import QUIET, TalkingCommand

if TYPE_CHECKING:
    from hilum.evaluation.systems import Estimates


class _Given(TypedDict):
    """The options."""

    truths: tuple[Path, ...]
    systems: tuple[str, ...]
    score: str
    column: str
    conversions: tuple[str, ...]
    threshold: float | None
    split: str
    leave_out_poor: bool
    round_up: bool
    output: Path | None
    is_json: bool


@click.command("scores", cls=TalkingCommand)
@truth_option
@click.option(
    "--predictions",
    "systems",
    multiple=True,
    required=True,
    metavar="[NAME=]CSV",
    help="A table with a row a case, such as the results.csv of 'hilum analyse'; repeat for several.",
)
@click.option("--score", default="six-zone", show_default=True, help="six-zone, brixia or geographic-extent.")
@click.option("--column", default="", help="Of the tables; without it, the one named like the score.")
@click.option(
    "--convert",
    "conversions",
    multiple=True,
    metavar="NAME=RULE",
    help="How the numbers of a system become the score: bs-net, covid-net-s or two-stage, as published.",
)
@click.option("--threshold", type=click.FloatRange(0.0, 1.0), help="Of the rule two-stage.")
@split_option
@click.option("--leave-out-poor", is_flag=True, help="Leave out cases that a reader called poor.")
@click.option("--round-up", is_flag=True, help="Round the mean of readers up to a whole number.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the scores of every case, the figures and the limits of agreement.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON in place of tables.")
@click.pass_context
def command(context: click.Context, **given: Unpack[_Given]) -> None:
    """Judge anyone's scores: errors and agreement with readers.

    Diseased and healthy cases stand apart, and so do readers against each other.

    A score that is missing counts as the end of the scale that is farther from the truth, and is listed; then the
    exit status is 3.
    """
    from hilum.evaluation.score_results import as_json, as_markdown, missing_of, write_score_results
    from hilum.evaluation.scores import evaluate_scores, readings_of

    cases = cases_of(given["truths"], given["split"])
    readings, left_out = readings_of(
        cases, given["score"], leave_out_poor=given["leave_out_poor"], round_up=given["round_up"]
    )
    results = evaluate_scores(readings, _estimates(given), given["score"], n_left_out=left_out)
    output = given["output"]
    if output:
        write_score_results(results, output)
        if not context.meta.get(QUIET):
            click.echo(f"Written to {output}", err=True)
    told = json.dumps(as_json(results), indent=2) + "\n" if given["is_json"] else as_markdown(results)
    click.echo(told, nl=False)
    if missing_of(results):
        context.exit(SOME_MISSING)


def _estimates(given: _Given) -> list[Estimates]:
    from hilum.errors import SettingsError
    from hilum.evaluation.systems import read_estimates
    from hilum.registry import unknown

    places = dict(named(text) for text in given["systems"])
    if len(places) < len(given["systems"]):
        raise SettingsError("Two tables have one name: give them as NAME=CSV.")
    rules = {name: rule for name, _, rule in (text.partition("=") for text in given["conversions"])}
    for name in rules:
        if name not in places:
            raise SettingsError(unknown("table to convert", name, places))
    column = given["column"] or given["score"]
    return [
        read_estimates(name, path, column, conversion=rules.get(name, ""), threshold=given["threshold"])
        for name, path in places.items()
    ]
