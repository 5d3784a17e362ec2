"""``hilum crossval``: the same recipe on every fold of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hilum.cli.talk import TalkingCommand
from hilum.cli.train import ANY, changes_of, hush, save_every_option, threads_option
from hilum.errors import MissingExtra

SOME_FAILED = 3
"""Exit status when folds are not finished."""


@click.command("crossval", cls=TalkingCommand)
@click.argument("recipe")
@click.option("--data", multiple=True, required=True, type=ANY, help="Table of cases, database or folder; repeatable.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(min=2), help="How many, by patient.")
@click.option("--leave-one-out", is_flag=True, help="As many folds as there are patients.")
@click.option("--only", multiple=True, type=click.IntRange(min=0), help="Run this fold only; repeat for several.")
@click.option("--seed", default=0, show_default=True, type=int, help="Of the folds: another seed, other folds.")
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder for each fold."
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Another setting of the recipe.")
@click.option("--ray", default="", metavar="ADDRESS", help="Run folds at once on a Ray cluster; 'local' starts one.")
@click.option("--gpus", default=0.0, show_default=True, type=float, help="Of the cluster, for each fold.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@threads_option
@save_every_option
@click.pass_context
def command(
    context: click.Context,
    *,
    recipe: str,
    data: tuple[Path, ...],
    output: Path,
    only: tuple[int, ...],
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Train RECIPE once for each fold of the data, by patient. Each training is judged on the fold that was held out.

    Cases that are stated to be for a test take no part. Finished folds are taken as they are, a broken one is gone on
    with. The tables are OUTPUT/cv_results.detailed.csv (a row a case), cv_results.folds.csv and cv_results.final.csv.
    """
    try:
        from hilum.training.crossval import plan_folds, run_folds
        from hilum.training.fit import Where
        from hilum.training.library import load
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum crossval", "train") from error
    hush(context)
    where = Where(1, options["device"], options["threads"], options["save_every"])
    jobs = plan_folds(
        load(recipe, changes_of(assignments)),
        data,
        output,
        folds=None if options["leave_one_out"] else options["folds"],
        seed=options["seed"],
        where=where,
    )
    strange = [number for number in only if number >= len(jobs)]
    if strange:
        raise click.UsageError(f"There is no fold {strange[0]}: they are numbered 0 to {len(jobs) - 1}.")
    wanted = [job for job in jobs if not only or job.fold in only]
    failed = 0
    for job, outcome in run_folds(wanted, ray=options["ray"], gpus=options["gpus"]):
        if isinstance(outcome, Exception):
            failed += 1
            click.echo(f"fold {job.fold} is not finished: {type(outcome).__name__}: {outcome}", err=True)
        else:
            click.echo(f"fold {job.fold} is finished", err=True)
    _give(output, len(jobs))
    if failed:
        context.exit(SOME_FAILED)


def _give(output: Path, folds: int) -> None:
    """Write and print the tables of all folds that are finished, whoever ran them."""
    from hilum.training.crossval_tables import as_text, read_result, write_tables

    results = [found for number in range(folds) if (found := read_result(output / f"fold-{number}")) is not None]
    if results:
        click.echo(f"{len(results)} of {folds} folds are finished\n{as_text(write_tables(results, output))}", nl=False)
