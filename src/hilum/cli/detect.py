"""``hilum detect``: single lesions of films by a trained Mask R-CNN."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.options import chosen_settings, settings_sources
from hilum.cli.talk import TalkingCommand
from hilum.errors import Error, MissingExtra, SettingsError, WrongQuantity
from hilum.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from hilum.case import Case

SOME_FAILED = 3
"""Exit status when some films failed."""


@click.command("detect", cls=TalkingCommand)
@click.argument("run", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("films", nargs=-1, required=True, metavar="FILM...", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the results: one folder a film in it.")  # fmt: skip
@settings_sources
def command(run: Path, films: tuple[Path, ...], *, output: Path) -> None:
    """Analyse films, with the lesions that a trained Mask R-CNN finds.

    RUN is the folder of a training of such a recipe, with recipe.toml and weights.pt. Results are those of 'hilum
    analyse'; in result.json the instances are the detector's, and the overlay has boxes about them. Masks and scores
    stay those of the network of lesions. Needs the extra 'train'.
    """
    from dataclasses import replace

    from hilum.batch.local import require_writable
    from hilum.pipeline import analyse, open_networks
    from hilum.readers import find
    from hilum.writers import write_case

    settings = chosen_settings()
    detect = _detector(run)
    require_writable(output)
    networks, wanted = open_networks(settings, many=True), replace(settings.output, boxes=True)
    entries = list(find(films, settings.read))
    failed = 0
    for entry in entries:
        try:
            case = detect(analyse(entry.open(), settings=settings, networks=networks, name=entry.name))
            folder = write_case(case, output, wanted)
        except Error as error:
            failed += 1
            click.echo(f"{entry.name}: {error}", err=True)
        else:
            click.echo(f"{entry.name}: {counted(len(case.instances), 'lesion')}: {folder}")
    if failed:
        click.get_current_context().exit(1 if len(entries) == 1 else SOME_FAILED)


def _detector(run: Path) -> Callable[[Case], Case]:
    """What puts the lesions that a training's network finds into a case."""
    try:
        from hilum.training.instances.predict import open_detector, predict
        from hilum.training.library import InstanceRecipe, load
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum detect", "train") from error
    from hashlib import sha256

    from hilum import __version__
    from hilum.case import with_detected
    from hilum.geometry import PlaneGrid
    from hilum.provenance import ModelRef

    recipe, weights = load(run / "recipe.toml"), run / "weights.pt"
    if not isinstance(recipe, InstanceRecipe):
        raise SettingsError(f"'{run}' holds a training of {recipe.name}, which finds no single lesions.")
    network = open_detector(recipe, weights)
    model = ModelRef(recipe.name, __version__, sha256(weights.read_bytes()).hexdigest())

    def detect(case: Case) -> Case:
        if not isinstance(case.image.grid, PlaneGrid):
            raise WrongQuantity("It is a CT, and the detector takes films.")
        return with_detected(case, predict(network, recipe, case.image, case.lungs), model)

    return detect
