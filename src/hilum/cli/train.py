"""``hilum train``: from a recipe and data to weights."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilum.cli.talk import QUIET, VERBOSE, TalkingCommand
from hilum.errors import MissingExtra
from hilum.settings import parse_value

if TYPE_CHECKING:
    from hilum.training.fit import Where
    from hilum.training.library import AnyRecipe

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
ANY = click.Path(exists=True, path_type=Path)

_OF_THE_LABORATORY = ("fold", "fold_file", "devices", "device", "workers", "save_every", "find_rate", "cost")
"""Options that recipes of the networks in the package do not have."""


def _list(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from hilum.training.library import listed

        lines = list(listed())
        width = max(len(name) for name, _ in lines)
        click.echo("\n".join(f"{name:{width}}  {about}" for name, about in lines))
        context.exit()


def hush(context: click.Context) -> None:
    """Keep what Lightning says of itself from the terminal, unless more talk is asked for."""
    if not context.meta.get(VERBOSE):
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def changes_of(assignments: tuple[str, ...]) -> dict[str, Any]:
    """Values by dotted key from ``KEY=VALUE``; UsageError where that is not said."""
    made: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--set {assignment!r} is not KEY=VALUE.")
        made[key.strip()] = parse_value(text.strip())
    return made


threads_option = click.option(
    "--threads", default=0, show_default=True, type=click.IntRange(min=0), help="Of torch; 0: its own choice."
)
save_every_option = click.option(
    "--save-every", default=100, show_default=True, type=click.IntRange(min=1), help="Steps between checkpoints."
)


@click.command("train", cls=TalkingCommand)
@click.argument("recipe")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="Name all recipes.")
@click.option(
    "--data",
    multiple=True,
    required=True,
    type=ANY,
    help="Table of cases, database or downloaded folder; for networks of the package, a folder of their films, slices "
    "or volumes. Repeat for several.",
)
@click.option("--others", multiple=True, type=FOLDER, help="Folder of pictures that are not films; repeatable.")
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the run."
)
@click.option("--start", type=FILE, help="Weights of the recipe that this one refines.")
@click.option(
    "--fold-file", type=ANY, help="The split, of any format that 'hilum datasets split' reads; else the stated one."
)
@click.option("--fold", type=click.IntRange(min=0), help="Of a split into folds, the one that is watched.")
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Another setting of the recipe; repeatable."
)
@click.option(
    "--devices", default=1, show_default=True, type=click.IntRange(min=1), help="Devices to divide batches by."
)
@click.option(
    "--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]), help="Their kind."
)
@threads_option
@click.option(
    "--workers", default=0, show_default=True, type=click.IntRange(min=0), help="Processes that prepare samples."
)
@save_every_option
@click.option("--cost", is_flag=True, help="Say what the training would cost, and do not train.")
@click.option("--find-rate", is_flag=True, help="Look for a learning rate, and do not train.")
@click.pass_context
def command(
    context: click.Context,
    *,
    recipe: str,
    data: tuple[Path, ...],
    output: Path,
    others: tuple[Path, ...],
    start: Path | None,
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Train the network of RECIPE; what was begun in OUTPUT goes on.

    RECIPE is the name of a shipped one or a TOML file. What the training will cost is said before it begins. The
    weights that did best on the validation cases are OUTPUT/weights.pt, figures are in OUTPUT/log-*/metrics.csv and for
    TensorBoard beside.
    """
    try:
        from hilum.training.fit import Where
        from hilum.training.library import Recipe, load
        from hilum.training.run import train
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum train", "train") from error
    chosen = load(recipe, changes_of(assignments))
    if isinstance(chosen, Recipe):
        given = [name for name in _OF_THE_LABORATORY if _is_given(context, name)]
        if given:
            raise click.UsageError(
                f"--{given[0].replace('_', '-')} does not go with recipes of the package's networks."
            )
        click.echo(str(train(chosen, data, output, others=others, start=start, threads=options["threads"])))
        return
    if others or start:
        raise click.UsageError("--others and --start belong to recipes for films of the package's networks.")
    where = Where(options["devices"], options["device"], options["threads"], options["save_every"], options["workers"])
    told = _in_laboratory(context, chosen, data, output, where=where, options=options)
    if told:
        click.echo(told)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _in_laboratory(
    context: click.Context,
    recipe: AnyRecipe,
    data: tuple[Path, ...],
    output: Path,
    *,
    where: Where,
    options: dict[str, Any],
) -> str:
    """What is printed of a training, its cost or its rate."""
    from hilum.training.any_run import begin

    hush(context)
    begun = begin(recipe, data, fold=options["fold"], fold_file=options["fold_file"], where=where)
    if options["find_rate"]:
        return begun.find_rate(output)
    is_first = os.environ.get("LOCAL_RANK", "0") == "0"  # of several devices, whose processes all come by here
    if options["cost"]:
        return str(begun.cost())
    if is_first and not context.meta.get(QUIET):
        click.echo(str(begun.cost()), err=True)
    weights = begun.train(output)
    return str(weights) if is_first else ""
