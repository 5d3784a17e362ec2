"""``hilum project``: a film of a CT, with masks through the same rays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.options import chosen_settings, labels_named_by, setting, settings_sources
from hilum.cli.talk import TalkingCommand

if TYPE_CHECKING:
    from hilum.image import Image, LabelMap
    from hilum.readers.label_mapping import LabelMapping

ROLES = ("lungs", "lesions", "lobes")
"""Masks whose structures are known; any other is one structure."""


@click.command("project", cls=TalkingCommand)
@click.argument("scan", metavar="CT", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, metavar="FILM", type=click.Path(dir_okay=False, path_type=Path),
              help="The film: .png (16 bits), .nii.gz or .nrrd; all else is written beside it.")  # fmt: skip
@click.option("-m", "--mask", "masks", multiple=True, metavar="[NAME=]FILE",
              help="A mask of the CT: lungs, lesions or lobes, or any other name for what is not 0 in the file; the "
              "file's own name if none is given. Repeat for several.")  # fmt: skip
@click.option("--labels", default="hilum", show_default=True, metavar="NAME",
              help="Whose labels the masks have, as in 'hilum score'.")  # fmt: skip
@click.option("--find", multiple=True, type=click.Choice(["lungs", "lesions"]),
              help="Find them on the CT by Hilum's networks, and project them; repeat for both.")  # fmt: skip
@setting("project.method", "--method")
@setting("project.view", "--view")
@setting("project.geometry", "--geometry")
@setting("project.source_mm", "--source-mm")
@setting("project.gap_mm", "--gap-mm")
@setting("project.pitch_mm", "--pitch-mm")
@setting("project.energy_kev", "--energy-kev")
@setting("project.remove_table", "--remove-table/--keep-table")
@setting("project.seed", "--seed")
@settings_sources
def command(scan: Path, output: Path, masks: tuple[str, ...], labels: str, find: tuple[str, ...]) -> None:
    """Make a chest X-ray of a CT.

    Masks go through the same rays. Of each there is what a reader would outline on the film, its whole shadow, and a
    map of how far the rays run through each structure, in mm.
    """
    from hilum.projection import project
    from hilum.readers import read
    from hilum.readers.label_mapping import label_mapping
    from hilum.writers.projected import write_projection

    settings = chosen_settings()
    image = read(scan, settings.read, series=settings.ct.series)
    _require_ct(image, scan)
    maps = {name: _mask(name, file, image, label_mapping(labels)) for name, file in _named(masks).items()}
    maps |= _found(image, maps, find)
    try:
        made = project(image, maps, settings.project)
    except ValueError as error:
        raise click.UsageError(f"This film cannot be made: {error}.") from error
    zones = {} if settings.project.view == "LATERAL" else _zones(made.masks)
    for path in write_projection(made, output, zones):
        click.echo(path)


def _require_ct(image: Image, path: Path) -> None:
    """A film, or a CT in grey levels, cannot be projected; told with its name."""
    from hilum.errors import WrongQuantity
    from hilum.image import Quantity

    if image.quantity is not Quantity.HOUNSFIELD:
        raise WrongQuantity(
            f"Cannot project '{path}': a CT in Hounsfield units is wanted, and it holds {image.quantity.value} values."
        )


def _named(masks: tuple[str, ...]) -> dict[str, Path]:
    made: dict[str, Path] = {}
    for text in masks:
        named, equals, file = text.partition("=")
        path = Path(file if equals else text)
        name = named if equals else path.name.partition(".")[0]
        if not name.replace("-", "").isalnum() or not path.exists():
            raise click.BadParameter(
                f"{text!r} is not NAME=FILE, or FILE, with letters, digits and dashes in the name, and a file that is "
                "there.", param_hint="--mask",
            )  # fmt: skip
        if name in made:
            raise click.BadParameter(f"there are two masks of {name}: give each a name, as NAME=FILE.",
                                     param_hint="--mask")  # fmt: skip
        made[name] = path
    return made


def _mask(name: str, file: Path, image: Image, mapping: LabelMapping) -> LabelMap:
    """A mask on the voxels of the CT."""
    from hilum.image import Code, Label
    from hilum.readers import read_labels
    from hilum.readers.structures import read_structures

    settings = chosen_settings().read
    if name in ROLES:
        with labels_named_by("--labels totalsegmentator"):
            return read_structures(file, name, mapping, on=image.grid, settings=settings)
    label = Label(name, Code(name, "99HILUM", name), (230, 159, 0))
    return read_labels(file, {1: label}, {number: int(number > 0) for number in range(256)}, settings=settings)


def _found(image: Image, maps: dict[str, LabelMap], find: tuple[str, ...]) -> dict[str, LabelMap]:
    """What the networks find of what was asked for."""
    if not find:
        return {}
    from hilum.segmentation.either import segment_lesions, segment_lungs

    twice = [name for name in find if name in maps]
    if twice:
        raise click.UsageError(f"There is a mask of {twice[0]}, and --find asks for one.")
    lungs = maps["lungs"] if "lungs" in maps else segment_lungs(image).lungs
    made = {"lungs": lungs} if "lungs" in find else {}
    return made | ({"lesions": segment_lesions(image, lungs).lesions} if "lesions" in find else {})


def _zones(masks: Mapping[str, LabelMap]) -> dict[str, LabelMap]:
    """Six zones of the lungs' outlines, if there are lungs."""
    from hilum.image import Code, Label, LabelMap
    from hilum.provenance import Step
    from hilum.segmentation.zones import ZONES, zones

    if "lungs" not in masks:
        return {}
    lungs = masks["lungs"]
    names = {
        number: Label(name, Code(name, "99HILUM", name), (90 + 25 * number, 120, 255 - 30 * number))
        for number, name in enumerate(ZONES, 1)
    }
    return {"zones": LabelMap(zones(lungs.array), lungs.grid, names, Step("zones", {"rule": "area"}, (lungs.origin,)))}
