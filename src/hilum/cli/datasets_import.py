"""``hilum datasets import``: masks of films from the files of annotation tools."""

from __future__ import annotations

from pathlib import Path

import click

from hilum.cli.talk import TalkingCommand
from hilum.wording import counted


@click.command("import", cls=TalkingCommand)
@click.argument("annotations", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path),
              help="Folder for cases.csv and the masks.")  # fmt: skip
@click.option("--images", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of the pictures, where they do not lie beside the file.")  # fmt: skip
@click.option("--class", "classes", multiple=True, metavar="NAME=STRUCTURE",
              help="What a class stands for, such as 'opacity=infection'; '-' leaves it out. Without it a class is the "
              "structure of its name. Repeat for several.")  # fmt: skip
@click.option("--attribute", default="", help="The attribute of VIA's regions that holds the class.")
@click.option("--patient", default="", metavar="PATTERN",
              help="Finds the patient in the name of a picture, as its first group, such as '^(p[0-9]+)'; otherwise "
              "each picture is a patient.")  # fmt: skip
@click.option("--source", default="annotations", show_default=True, help="What the table calls the source.")
def command(
    annotations: Path,
    *,
    output: Path,
    images: Path | None,
    classes: tuple[str, ...],
    attribute: str,
    patient: str,
    source: str,
) -> None:
    """Make masks and a table of films from outlines of COCO or VIA.

    FILE is JSON: polygons and run lengths of COCO; regions, or a project, of VIA. Pictures stay where they are; one
    without outlines has empty masks.
    """
    from hilum.datasets.outlines.exchange import Reading, import_annotations

    named: dict[str, str] = {}
    for text in classes:
        name, equals, structure = text.rpartition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=STRUCTURE.", param_hint="--class")
        named[name] = structure
    reading = Reading(images, named, attribute, patient, source)
    table = import_annotations(annotations, output, reading)
    kinds = dict.fromkeys(kind for case in table for kind in case.masks)
    click.echo(f"{counted(len(table), 'film')} with masks of {', '.join(kinds) or 'nothing'}: {output / 'cases.csv'}")
