"""MedSeg 1 and 2 as HDF5, as copies on Kaggle hold them: one file a slice, a volume or a stack of slices.

Each ``*.h5`` holds ``image`` and ``mask``, and perhaps ``lung_mask``, of one shape: (rows, columns) or (slices, rows,
columns); ``mask`` as in MedSeg 1. No public code states the layout of these copies more closely: a file of other names
is refused by a message that lists what it holds. A stack becomes one case a slice, since nothing says how far apart
they are; all of a file count as one patient, which is the safe side when the cases are split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.datasets.stored import h5_names, h5_shape
from hilum.errors import ReadError

from .layout import Layout, named

ID = "medseg-h5"
_MASKS: tuple[tuple[MaskKind, str, dict[int, str]], ...] = (
    ("lungs", "lung_mask", {1: "lungs", 2: "lungs"}),
    ("lesions", "mask", {1: "ground-glass", 2: "consolidation", 3: "effusion"}),
)


def cases(root: Path) -> Iterator[DatasetCase]:
    """The slices of every file."""
    for path, _ in named(root, r".*\.h5"):
        shape = h5_shape(path, "image")
        names = h5_names(path)
        kinds = [each for each in _MASKS if each[1] in names]
        for _, name, _ in kinds:
            if h5_shape(path, name) != shape:
                raise ReadError(
                    f"{str(path)!r}: {name!r} has the shape {h5_shape(path, name)}, and 'image' {shape}.", path=path
                )
        if len(shape) not in (2, 3):
            raise ReadError(f"{str(path)!r}: 'image' has the shape {shape}; expected slices of one channel.", path=path)
        for index in range(shape[0]) if len(shape) == 3 else (None,):
            end = "" if index is None else f":{index}"
            yield _case(path, f"{path.stem}-{index:03d}" if index is not None else path.stem, end, kinds)


def _case(path: Path, name: str, end: str, kinds: list[tuple[MaskKind, str, dict[int, str]]]) -> DatasetCase:
    return DatasetCase(
        source=ID,
        case=name,
        patient=path.stem,
        modality="CT",
        image=path,
        masks={kind: Mask(path, labels, form=f"h5:{data}{end}") for kind, data, labels in kinds},
        finding="COVID-19",
        licence="CC0 1.0 (MedSeg)",
        form=f"h5:image{end}",
    )


SOURCE = Layout(ID, "MedSeg 1 and 2 as HDF5", (("*.h5",),), cases)
