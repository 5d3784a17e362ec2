"""``hilum analyse``: the main job, from files to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.options import (
    chosen_settings,
    chosen_slices,
    labels_named_by,
    models_option,
    setting,
    settings_sources,
    slices_options,
)
from hilum.cli.talk import TalkingCommand
from hilum.settings import Settings

if TYPE_CHECKING:
    from hilum.image import Image, LabelMap


@click.command("analyse", cls=TalkingCommand)
@click.argument("scans", nargs=-1, required=True, metavar="SCAN...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results: one folder a case in it, and results.csv.",
)
@models_option
@setting("ct.preset", "--preset")
@setting("ct.lungs", "--lungs")
@setting("ct.lesions", "--lesions")
@setting("ct.series", "--series")
@click.option(
    "--lobes",
    type=click.Path(exists=True, path_type=Path),
    help="Mask of the five lobes of the one CT, for the scores of lobes: a file, or a folder of one file a structure.",
)
@click.option(
    "--lobe-labels",
    default="hilum",
    show_default=True,
    metavar="NAME",
    help="Whose labels the lobes have: hilum, lungmask, slicer-lcta, totalsegmentator, or a TOML file like theirs.",
)
@setting("output.masks", "--mask-format")
@setting("output.overlay", "--overlay/--no-overlay")
@setting("output.boxes", "--boxes/--no-boxes")
@setting("output.report", "--report/--no-report")
@setting("output.probability", "--probability/--no-probability")
@setting("output.dicom", "--dicom")
@setting("output.deidentify", "--deidentify/--no-deidentify")
@setting("runtime.engine", "--engine")
@setting("runtime.precision", "--precision")
@setting("runtime.threads", "--threads")
@setting("runtime.workers", "--workers")
@settings_sources
@slices_options
@click.option("--json", "as_json", is_flag=True, help="Print the outcome of every case as JSON.")
def command(scans: tuple[Path, ...], output: Path, lobes: Path | None, lobe_labels: str, as_json: bool) -> None:
    """Find lungs and lesions on chest X-rays and CT, and score them. Masks, measures and a report of each are written.

    SCAN is a film (DICOM, PNG, JPEG, TIFF, BMP), a CT (DICOM series, NIfTI, NRRD, MetaImage), a folder of either, or a
    zip file; there may be several. The DICOM files of one CT study are one case; 'hilum series' tells what is there.
    Films are worked on side by side, volumes one after the other.
    """
    from hilum.cli.run import finish, not_results, run
    from hilum.readers import find

    settings = chosen_settings()
    entries = chosen_slices(scans, settings.read) or not_results(
        find(scans, settings.read, series=settings.ct.series), scans
    )
    given = None if lobes is None else _lobes(lobes, lobe_labels, settings)
    finish(run(entries, output, settings, lobes=given), as_json=as_json)


def _lobes(path: Path, labels: str, settings: Settings) -> Callable[[Image], LabelMap]:
    """What reads the lobes onto the grid of an image."""
    from hilum.readers.label_mapping import label_mapping
    from hilum.readers.structures import read_structures

    mapping = label_mapping(labels)
    other = "totalsegmentator" if labels != "totalsegmentator" else "lungmask"

    def lobes(image: Image) -> LabelMap:
        with labels_named_by(f"--lobe-labels {other}"):
            return read_structures(path, "lobes", mapping, on=image.grid, settings=settings.read)

    return lobes
