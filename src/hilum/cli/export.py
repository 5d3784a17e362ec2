"""``hilum export``: a training's weights as a network for the catalogue."""

from __future__ import annotations

from pathlib import Path

import click

from hilum.cli.talk import TalkingCommand
from hilum.cli.train import FILE, FOLDER, changes_of
from hilum.errors import MissingExtra


@click.command("export", cls=TalkingCommand)
@click.argument("recipe")
@click.argument("weights", type=FILE)
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the network."
)
@click.option(
    "--data",
    multiple=True,
    type=FOLDER,
    help="What it was trained on; thresholds are chosen on its validation split. Repeatable; not for recipes of the "
    "laboratory, whose thresholds are one half until others are chosen.",
)
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Another setting of the recipe; repeatable."
)
@click.option("--steps", type=click.IntRange(min=1), help="Steps that the weights have seen, if not the recipe's.")
def command(
    recipe: str,
    weights: Path,
    output: Path,
    data: tuple[Path, ...],
    assignments: tuple[str, ...],
    steps: int | None,
) -> None:
    """Export WEIGHTS of RECIPE as ONNX with a card. Thresholds are chosen on the validation split of the data.

    A training of the laboratory writes its recipe beside the weights: RUN/recipe.toml RUN/weights.pt.
    """
    try:
        from hilum.training.export import export
        from hilum.training.instances.export import export as export_of_instances
        from hilum.training.lab.export import export as export_of_laboratory
        from hilum.training.library import FilmRecipe, InstanceRecipe, VolumeRecipe, load
        from hilum.training.thresholds import PROVISIONAL, choose
        from hilum.training.volume_export import export as export_of_volumes
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum export", "train") from error
    chosen = load(recipe, changes_of(assignments))
    if isinstance(chosen, InstanceRecipe):
        click.echo(str(export_of_instances(chosen, weights, output)))
        return
    if isinstance(chosen, VolumeRecipe):
        export_of_volumes(chosen, weights, output, steps=steps)
        return
    if isinstance(chosen, FilmRecipe):
        export_of_laboratory(chosen, weights, output, steps=steps)
        return
    if not data:
        raise click.UsageError("--data is needed: thresholds are chosen on it.")
    films = data if chosen.task.startswith("cxr-") else ()
    export(chosen, weights, output, thresholds=PROVISIONAL[chosen.task], data=films, steps=steps)
    for name, value in choose(output, data).items():
        click.echo(f"{name} = {value}")
