"""``hilum train``: from a recipe and data to weights."""

from __future__ import annotations

from pathlib import Path

import click

from hilum.cli.talk import TalkingCommand
from hilum.errors import MissingExtra

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("train", cls=TalkingCommand)
@click.argument("recipe")
@click.option(
    "--data", multiple=True, required=True, type=FOLDER, help="Folder of films, slices or volumes; repeatable."
)
@click.option("--others", multiple=True, type=FOLDER, help="Folder of pictures that are not films; repeatable.")
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the run."
)
@click.option("--start", type=FILE, help="Weights of the recipe that this one refines.")
@click.option(
    "--threads", default=0, show_default=True, type=click.IntRange(min=0), help="Of torch; 0: its own choice."
)
def command(
    recipe: str, data: tuple[Path, ...], others: tuple[Path, ...], output: Path, start: Path | None, threads: int
) -> None:
    """Train the network of RECIPE, a shipped recipe's name or a TOML file; resumes what was begun in OUTPUT."""
    try:
        from hilum.training import recipe as recipes
        from hilum.training import volume_recipe
        from hilum.training.run import train
        from hilum.training.volume_run import train as train_on_volumes
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum train", "train") from error
    if volume_recipe.is_one(recipe):
        if others or start:
            raise click.UsageError("--others and --start belong to recipes for films; this one is for volumes of CT.")
        weights = train_on_volumes(volume_recipe.load(recipe), data, output, threads=threads)
    else:
        weights = train(recipes.load(recipe), data, output, others=others, start=start, threads=threads)
    click.echo(str(weights))
