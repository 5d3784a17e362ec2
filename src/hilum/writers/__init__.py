"""Results as files: masks, overlay, report, JSON, and the table of a run.

A case becomes a folder that appears when it is whole::

    <output>/<case>/result.json            always; the last to be written
                    lungs.png  lesions.png  lung-fields.png     of a film; and .nii.gz, .nrrd, as asked for
                    lungs.nii.gz  lesions.nii.gz  lobes.nii.gz  of a volume; and .nrrd, as asked for
                    measures.csv                                of a volume
                    overlay.png  report.html                    as asked for
                    seg-lungs.dcm  seg-lesions.dcm  sr.dcm  overlay.dcm  report.dcm     as asked for, of DICOM
                    probability-<name>.png or .nii.gz           as asked for
    <output>/results.csv                   a row a case
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.case import Case
from hilum.errors import WriteError
from hilum.geometry import PlaneGrid
from hilum.image import Image, Quantity
from hilum.settings import OutputSettings

from .limits import limits_of
from .masks import as_bytes, endings, write, write_straight
from .measures import TABLE, measures_table
from .png import encode_png
from .result_json import WrittenFile, encode_json, label_maps, result
from .whole import MARKER, whole_folder

if TYPE_CHECKING:
    from hilum.readers.dicom_source import DicomSource

__all__ = ["write", "write_case"]


def write_case(case: Case, output: Path, settings: OutputSettings, *, source: DicomSource | None = None) -> Path:
    """Write a case into a folder of its name, whole or not at all, and give back that folder.

    The result of an earlier run of the same case is replaced; a folder of that name that is no result is not.

    Parameters
    ----------
    case : of a film or a volume
    output : folder of the run, made if need be
    settings : what to write
    source : the DICOM headers of the image, which DICOM objects need

    Raises
    ------
    WriteError
        The folder could not be written; nothing new stands under its name. Or DICOM objects are asked for, and there
        is no source.
    SettingsError
        A mask format is not known.
    MissingExtra
        DICOM objects are asked for, and the extra ``dicom`` is not installed.
    ValueError
        The case's name cannot name a folder.
    """
    if case.name in {"", ".", ".."} or any(character in case.name for character in "/\\\0"):
        raise ValueError(f"a case cannot be named {case.name!r}: its name is also that of its folder")
    wanted = endings(settings.masks, case.image.grid)
    folder = output / case.name
    with whole_folder(folder) as unfinished:
        written = [
            *_write_masks(case, unfinished, wanted),
            *_write_measures(case, unfinished),
            *_write_probability(case, unfinished, settings),
            *_write_pictures(case, unfinished, settings),
            *_write_dicom(case, unfinished, settings, source),
        ]
        (unfinished / MARKER).write_bytes(encode_json(result(case, written)))
    return folder


def _write_masks(case: Case, folder: Path, wanted: Iterable[str]) -> Iterator[WrittenFile]:
    for content, labels in label_maps(case).items():
        for ending in wanted:
            path = folder / f"{content}{ending}"
            write_straight(labels, path)
            yield WrittenFile(path.name, content, on_grid=True)


def _write_measures(case: Case, folder: Path) -> Iterator[WrittenFile]:
    if case.measures.table:
        (folder / TABLE).write_bytes(measures_table(case.measures))
        yield WrittenFile(TABLE, "measures", on_grid=False)


def _write_probability(case: Case, folder: Path, settings: OutputSettings) -> Iterator[WrittenFile]:
    ending = ".png" if isinstance(case.image.grid, PlaneGrid) else ".nii.gz"
    for name, probability in case.probability.items() if settings.probability else ():
        path = folder / f"probability-{name}{ending}"
        shown = Image(as_bytes(probability), case.image.grid, Quantity.PROBABILITY, case.provenance)
        write_straight(shown, path)
        yield WrittenFile(path.name, "probability", on_grid=True)


def _write_pictures(case: Case, folder: Path, settings: OutputSettings) -> Iterator[WrittenFile]:
    """Overlay and report, from one drawing."""
    if not (settings.overlay or settings.report):
        return
    draw = _draw_film if isinstance(case.image.grid, PlaneGrid) else _draw_volume
    overlay, page = draw(case, settings)
    if overlay is not None:
        (folder / "overlay.png").write_bytes(encode_png(overlay, is_picture=True))
        yield WrittenFile("overlay.png", "overlay", on_grid=False)
    if page:
        (folder / "report.html").write_bytes(page.encode(errors="xmlcharrefreplace"))
        yield WrittenFile("report.html", "report", on_grid=False)


_Drawn = tuple[NDArray[np.uint8] | None, str]
"""An overlay and a page; None and empty for what was not asked for."""


def _draw_film(case: Case, settings: OutputSettings) -> _Drawn:
    from .display import display
    from .overlay import draw

    shown = display(case)
    overlay = draw(case, shown, boxes=settings.boxes)
    page = ""
    if settings.report:
        from .report import render_report

        page = render_report(case, shown.film, overlay, limits_of(case.provenance))
    return overlay if settings.overlay else None, page


def _draw_volume(case: Case, settings: OutputSettings) -> _Drawn:
    from .contact_sheet import render

    page = ""
    if settings.report:
        from .report import render_volume_report

        page = render_volume_report(case, limits_of(case.provenance))
    return render(case) if settings.overlay else None, page


def _write_dicom(
    case: Case, folder: Path, settings: OutputSettings, source: DicomSource | None
) -> Iterator[WrittenFile]:
    if not settings.dicom:
        return
    if source is None:
        raise WriteError(
            f"Cannot write DICOM results of the case {case.name!r}: they need the DICOM files that it was read from."
        )
    from .dicom import write_dicom

    written = write_dicom(
        case,
        source,
        folder,
        objects=settings.dicom,
        deidentify=settings.deidentify,
        segments=settings.dicom_segments,
    )
    yield from (WrittenFile(path.name, "dicom", on_grid=path.name.startswith("seg-")) for path in written)
