"""Tables of films from the files of annotation tools, and such files from tables."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.drawn import read_json
from hilum.datasets.open import MASK_LABELS, open_mask
from hilum.datasets.schema import MASK_KINDS, STRUCTURES, CaseTable, DatasetCase, Mask, MaskKind
from hilum.datasets.tables import TABLE
from hilum.errors import ReadError, UnsupportedFormat, WriteError
from hilum.provenance import Json
from hilum.scoring.film_instances import parts_of
from hilum.writers.png import encode_png
from hilum.writers.result_json import encode_json
from hilum.writers.whole import whole_file

from .coco import coco_of, is_coco, read_coco
from .drawing import Drawing
from .via import is_via, read_via, via_of

Form = Literal["coco-polygons", "coco-runs", "via"]
"""What is written."""

LEFT_OUT = "-"
"""In place of a structure: the class is left out."""

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_WHOLE = ("lungs", "lung-fields", "lobes")


@dataclass(frozen=True, slots=True)
class Reading:
    """How the file of an annotation tool is read.

    Attributes
    ----------
    images : folder of the pictures; None takes that of the file
    classes : by the tool's name, the structure out of :data:`~hilum.datasets.schema.STRUCTURES`, or :data:`LEFT_OUT`;
        a class that is not named is a structure of its own name
    attribute : of VIA's regions, that holds the class; empty takes the only one
    patient : finds the patient in a file's name, as its first group; empty takes each picture for a patient
    source : of the table
    """

    images: Path | None = None
    classes: Mapping[str, str] = field(default_factory=dict[str, str])
    attribute: str = ""
    patient: str = ""
    source: str = "annotations"


def import_annotations(path: Path, folder: Path, reading: Reading) -> CaseTable:
    """Make masks of the outlines of a COCO or VIA file, and a table of films beside them.

    A picture without outlines has empty masks: somebody looked, and drew nothing.

    Parameters
    ----------
    path : the file
    folder : for ``cases.csv`` and ``masks/``; made if need be
    reading : how it is read

    Raises
    ------
    UnsupportedFormat
        The file is of neither tool.
    ReadError
        It cannot be understood; a class stands for nothing known; a picture is not there, or of another size.
    WriteError
        The folder cannot be written to.
    """
    drawings = _drawings(path, reading)
    named = _structures(drawings, reading, path)
    drawn = set(named.values())
    kinds: list[MaskKind] = [kind for kind in MASK_KINDS if kind in map(_kind_of, drawn)]
    names = _names(drawings)
    cases: list[DatasetCase] = []
    for drawing, name in zip(drawings, names, strict=True):
        image = (reading.images or path.parent) / drawing.file
        maps = _maps(drawing, _shape(drawing, image, path), kinds, named, path)
        masks: dict[MaskKind, Mask] = {
            kind: _written(maps[kind], folder / "masks" / f"{name}-{kind}.png", kind, drawn) for kind in kinds
        }
        patient = _patient(drawing.file, reading.patient) or name
        cases.append(DatasetCase(reading.source, name, patient, "CXR", image, masks))
    table = CaseTable.of(cases)
    table.write_csv(folder / TABLE)
    return table


def export_annotations(table: CaseTable, path: Path, kind: MaskKind, form: Form) -> int:
    """Write the masks of pictures as the file of an annotation tool, and give back how many objects it has.

    Each connected part of a lesion (8 neighbours) is an object; a lung or lobe is one, in however many parts.

    Parameters
    ----------
    table : of films, or slices of CT, that are stored upright as pictures; those without such a mask are left out
    path : of the file; pictures are named relative to its folder
    kind : of the masks
    form : of the file

    Raises
    ------
    UnsupportedFormat
        An image is not stored upright as one picture, so that outlines would not lie on it.
    ReadError
        A file cannot be read, or no case has such a mask.
    WriteError
        The file cannot be written.
    """
    chosen = [case for case in table if kind in case.masks]
    if not chosen:
        raise ReadError(f"No case has a mask of {kind}: there is nothing to export.")
    pictures = [_picture(case, kind, path.absolute().parent) for case in chosen]
    if form == "via":
        sizes = {file: image.stat().st_size for (file, _, _), image in pictures}
        made: dict[str, Json] = via_of((each for each, _ in pictures), sizes)
    else:
        made = coco_of((each for each, _ in pictures), as_runs=form == "coco-runs")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"Cannot write {str(path)!r}: {error.strerror or error}.", path=path) from error
    with whole_file(path) as unfinished:
        unfinished.write_bytes(encode_json(made))
    return sum(len(objects) for (_, _, objects), _ in pictures)


def _drawings(path: Path, reading: Reading) -> list[Drawing]:
    data = read_json(path)
    if is_coco(data):
        return read_coco(data, path)
    if is_via(data):
        return read_via(data, path, reading.attribute)
    raise UnsupportedFormat(
        f"{str(path)!r} is neither of COCO (images, annotations, categories) nor of VIA (filename and regions by "
        "picture). Export the annotations as one of these.",
        path=path,
    )


def _structures(drawings: Sequence[Drawing], reading: Reading, path: Path) -> dict[str, str]:
    """The structure of each class that is drawn, or named; without those that are left out."""
    drawn = dict.fromkeys(outline.name for drawing in drawings for outline in drawing.outlines)
    if strange := [name for name in reading.classes if name not in drawn]:
        raise ReadError(
            f"There is no class {strange[0]!r} in {str(path)!r}; it has {', '.join(drawn) or 'none'}.", path=path
        )
    made: dict[str, str] = {}
    for name in drawn:
        structure = reading.classes.get(name, re.sub(r"[ _]+", "-", name.strip().casefold()))
        if structure == LEFT_OUT:
            continue
        if structure not in STRUCTURES:
            raise ReadError(
                f"The class {name!r} of {str(path)!r} stands for nothing known. Say for what with --class "
                f"'{name}=STRUCTURE', one of {', '.join(sorted(STRUCTURES))}; '{name}={LEFT_OUT}' leaves it out.",
                path=path,
            )
        made[name] = structure
    return made


def _kind_of(structure: str) -> MaskKind:
    """What masks of a structure show; what is to be ignored is so in lesions."""
    order: tuple[MaskKind, ...] = ("lesions", "lungs", "lung-fields", "lobes")
    return next(kind for kind in order if structure in _names_of(kind))


def _names_of(kind: MaskKind) -> dict[str, int]:
    return {label.name: number for number, label in MASK_LABELS[kind].items()}


def _names(drawings: Sequence[Drawing]) -> list[str]:
    """A name for each case: the file's, with its folders where there are several of that name."""
    stems = Counter(Path(drawing.file).stem for drawing in drawings)
    made: list[str] = []
    for drawing in drawings:
        file = Path(drawing.file)
        made.append(file.stem if stems[file.stem] == 1 else re.sub(r"[\\/]+", "-", str(file.with_suffix(""))))
    return made


def _patient(file: str, pattern: str) -> str:
    if not pattern:
        return ""
    found = re.search(pattern, file)
    if found is None or not found.groups() or not found[1]:
        raise ReadError(f"There is no patient in {file!r} by the pattern {pattern!r}: it needs a group that is found.")
    return found[1]


def _shape(drawing: Drawing, image: Path, path: Path) -> tuple[int, int]:
    """Rows and columns of a picture, which has to be there and as large as the tool says."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(image) as opened:
            shape = (opened.height, opened.width)
    except (OSError, UnidentifiedImageError) as error:
        raise ReadError(
            f"{str(path)!r} speaks of the picture {str(image)!r}, which cannot be opened ({error}). Name the folder of "
            "the pictures with --images.",
            path=image,
        ) from error
    if drawing.shape not in (None, shape):
        raise ReadError(
            f"{str(path)!r} says that {str(image)!r} has {drawing.shape} rows and columns, and it has {shape}.",
            path=image,
        )
    return shape


def _maps(
    drawing: Drawing, shape: tuple[int, int], kinds: Sequence[MaskKind], named: Mapping[str, str], path: Path
) -> dict[MaskKind, NDArray[np.uint8]]:
    """The outlines of a picture as a map for each kind of mask, later ones over earlier ones."""
    made: dict[MaskKind, NDArray[np.uint8]] = {kind: np.zeros(shape, dtype=np.uint8) for kind in kinds}
    for outline in drawing.outlines:
        if outline.name in named:
            kind = _kind_of(named[outline.name])
            try:
                made[kind][outline.mask(shape)] = _names_of(kind)[named[outline.name]]
            except ValueError as error:
                raise ReadError(f"Cannot read {str(path)!r}: {error}, on {drawing.file!r}.", path=path) from error
    return made


def _written(array: NDArray[np.uint8], path: Path, kind: MaskKind, drawn: Collection[str]) -> Mask:
    """A mask as a file; it holds the structures that were drawn anywhere: nobody looked for others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(encode_png(array, is_picture=False))
    return Mask(path, {number: name for name, number in _names_of(kind).items() if name in drawn})


_Objects = tuple[str, tuple[int, int], list[tuple[str, NDArray[np.bool_]]]]


def _picture(case: DatasetCase, kind: MaskKind, folder: Path) -> tuple[_Objects, Path]:
    """The name of a picture's file, its size and objects; and where it is."""
    image = case.image
    if case.turn != "none" or case.form or not isinstance(image, Path) or image.suffix.lower() not in _PICTURES:
        raise _not_a_picture(case)
    mask = open_mask(case, kind)
    array = np.asarray(mask.array if case.modality == "CXR" else mask.array[0])
    objects = [
        (mask.labels[number].name, part)
        for number in np.unique(array[array > 0]).tolist()
        for part in _objects(array == number, kind)
    ]
    rows, columns = array.shape
    return (Path(os.path.relpath(image.absolute(), folder)).as_posix(), (rows, columns), objects), image


def _objects(mask: NDArray[np.bool_], kind: MaskKind) -> Iterator[NDArray[np.bool_]]:
    if kind in _WHOLE:
        yield mask
    else:
        yield from parts_of(mask)


def _not_a_picture(case: DatasetCase) -> UnsupportedFormat:
    form = " --form slices" if case.modality == "CT" else ""
    return UnsupportedFormat(
        f"The image of {case.key!r} is not stored upright as one picture, on which outlines could lie. Make pictures "
        f"of the table first, and export those: hilum datasets harmonise DB{form} -o pictures",
        path=case.files[0],
    )
