"""``hilum analyse``: the main job, from files to files."""

from __future__ import annotations

from pathlib import Path

import click

from hilum.cli.options import chosen_settings, chosen_slices, setting, settings_sources, slices_options
from hilum.cli.talk import TalkingCommand


@click.command("analyse", cls=TalkingCommand)
@click.argument("scans", nargs=-1, required=True, metavar="SCAN...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results: one folder a case in it, and results.csv.",
)
@setting("ct.series", "--series")
@setting("output.masks", "--mask-format")
@setting("output.overlay", "--overlay/--no-overlay")
@setting("output.report", "--report/--no-report")
@setting("output.probability", "--probability/--no-probability")
@setting("runtime.engine", "--engine")
@setting("runtime.precision", "--precision")
@setting("runtime.threads", "--threads")
@setting("runtime.workers", "--workers")
@settings_sources
@slices_options
@click.option("--json", "as_json", is_flag=True, help="Print the outcome of every case as JSON.")
def command(scans: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Find lungs and lesions on chest X-rays and chest CT, score, measure and report them.

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
    finish(run(entries, output, settings), as_json=as_json)
