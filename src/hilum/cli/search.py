"""``hilum search``: the best settings of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilum.cli.talk import TalkingCommand
from hilum.cli.train import ANY, hush, threads_option
from hilum.errors import MissingExtra
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.training.search import TrialOutcome
    from hilum.training.search_space import SearchSpace

NONE_COMPLETE = 3
"""Exit status when no trial is complete."""


def _list(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from hilum.training.search_space import names

        click.echo("\n".join(names()))
        context.exit()


@click.command("search", cls=TalkingCommand)
@click.argument("space")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="Name all spaces.")
@click.option("--data", multiple=True, required=True, type=ANY, help="Table of cases, database or folder; repeatable.")
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the search."
)
@click.option("--trials", type=click.IntRange(min=1), help="How many in all, if not those of the space.")
@click.option("--fold-file", type=ANY, help="The split, of any format that 'hilum datasets split' reads.")
@click.option("--fold", type=click.IntRange(min=0), help="Of a split into folds, the one that is watched.")
@click.option("--ray", default="", metavar="ADDRESS", help="Run trials at once on a Ray cluster; 'local' starts one.")
@click.option("--gpus", default=0.0, show_default=True, type=float, help="Of the cluster, for each trial.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@threads_option
@click.pass_context
def command(
    context: click.Context, *, space: str, data: tuple[Path, ...], output: Path, trials: int | None, **options: Any
) -> None:
    """Search SPACE for settings of a recipe that do best in validation.

    SPACE is the name of a shipped one or a TOML file. Trials that have ended are kept; run the command again to go on.
    The trials are in OUTPUT/trials.csv, with the reasons of those that failed; the recipe of the best one is
    OUTPUT/best.toml.
    """
    try:
        from hilum.training.fit import Where
        from hilum.training.search import outcomes, plan_trials, run_trials, write_outcomes
        from hilum.training.search_space import load_space
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum search", "train") from error
    hush(context)
    chosen = load_space(space)
    jobs = plan_trials(
        chosen,
        data,
        output,
        fold=options["fold"],
        fold_file=options["fold_file"],
        where=Where(1, options["device"], options["threads"], pictures=0),
        total=trials,
    )
    for outcome in run_trials(jobs, ray=options["ray"], gpus=options["gpus"]):
        click.echo(_line(outcome), err=True)
        write_outcomes(chosen, outcomes(chosen, output), output)
    found = outcomes(chosen, output)
    write_outcomes(chosen, found, output)
    if not _give(chosen, found, output):
        context.exit(NONE_COMPLETE)


def _line(outcome: TrialOutcome | Exception) -> str:
    if isinstance(outcome, Exception):
        return f"a worker was lost: {outcome}"
    told = outcome.reason or ("" if outcome.value is None else f"{outcome.value:.4f}")
    return f"trial {outcome.number}: {outcome.state} {told}".rstrip()


def _give(space: SearchSpace, found: list[TrialOutcome], output: Path) -> bool:
    """Print how many trials ended how, and the best; whether there is one."""
    from hilum.training.search import BEST, best_of

    counts = {state: sum(each.state == state for each in found) for state in ("complete", "pruned", "fail")}
    ends = f"{counts['complete']} complete, {counts['pruned']} pruned, {counts['fail']} failed"
    click.echo(f"{counted(len(found), 'trial')}: {ends}")
    best = best_of(space, found)
    if best is None:
        return False
    click.echo(f"best: trial {best.number}, {space.watch} = {best.value:.4f}; its recipe is {output / BEST}")
    return True
