"""``hilum datasets export``: masks of pictures for annotation tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.talk import TalkingCommand
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.datasets.outlines.exchange import Form
    from hilum.datasets.schema import MaskKind


@click.command("export", cls=TalkingCommand)
@click.argument("tables", nargs=-1, required=True, metavar="DB...", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Where the annotations go, as JSON.")  # fmt: skip
@click.option("--kind", type=click.Choice(["lungs", "lesions", "lung-fields", "lobes"]), default="lesions",
              show_default=True, help="Which masks.")  # fmt: skip
@click.option("--as", "form", type=click.Choice(["coco-polygons", "coco-runs", "via"]), default="coco-polygons",
              show_default=True, help="For which tool. COCO's polygons have no holes: objects with holes are run "
              "lengths there.")  # fmt: skip
def command(tables: tuple[Path, ...], *, output: Path, kind: MaskKind, form: Form) -> None:
    """Write masks of films as outlines for COCO or VIA.

    DB is a table of cases, a folder that holds one, or a downloaded data set. Slices of CT that are pictures count as
    films; 'hilum datasets harmonise --form slices' makes such. Each connected part of a lesion is an object. Outlines
    run along the edges of pixels: read back, they give the same masks.
    """
    from hilum.datasets.outlines.exchange import export_annotations
    from hilum.datasets.tables import open_tables

    count = export_annotations(open_tables(tables), output, kind, form)
    click.echo(f"{counted(count, 'object')}: {output}")
