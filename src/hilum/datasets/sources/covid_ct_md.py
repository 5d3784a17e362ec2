"""COVID-CT-MD: CT of 171 COVID-19, 60 pneumonia and 76 healthy patients.

Afshar et al. 2021, doi 10.1038/s41597-021-00900-3. Layout (github.com/ShahinSHH/COVID-CT-MD): ``COVID-19
subjects/P001/*.dcm``, ``CAP subjects``, ``Normal subjects``; beside them ``Index.csv`` (``Label Index``,
``Diagnosis``, ``Folder/ID``), ``Slice-level-labels.npy`` of shape (labelled patients, slices) and
``Lobe-level-labels.npy`` with the lobes LLL, LUL, RLL, RML, RUL as third axis, perhaps with ``-updated-1`` in the
name. The labels say on which slices something is to be seen, not where: they become scores, the numbers of such
slices. Their order within a patient is by slice location, from head to feet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.schema import DatasetCase
from hilum.datasets.slices import rows_of
from hilum.datasets.stored import saved_array
from hilum.datasets.volumes import LOBE_COLUMNS
from hilum.errors import ReadError

from .layout import Layout, natural

ID = "covid-ct-md"
_FOLDERS = (
    (r"covid-?19( subjects)?", "COVID-19"),
    (r"cap( subjects)?", "Community-acquired pneumonia"),
    (r"normal( subjects)?", "No finding"),
)


def cases(root: Path) -> Iterator[DatasetCase]:
    """The patients of every group, in the order of their names."""
    labels = _Labels(root)
    for pattern, finding in _FOLDERS:
        groups = [path for path in sorted(root.iterdir()) if path.is_dir() and re.fullmatch(pattern, path.name.lower())]
        for folder in (below for group in groups for below in group.iterdir() if below.is_dir()):
            files = tuple(sorted(folder.glob("*.dcm"), key=lambda at: natural(at.name)))
            if files:
                yield DatasetCase(
                    source=ID,
                    case=folder.name,
                    patient=folder.name,
                    modality="CT",
                    image=files,
                    scores=labels.scores(folder.name, is_healthy=finding == "No finding"),
                    finding=finding,
                    licence="research use, cite Afshar et al. 2021 (none stated)",
                )


class _Labels:
    """The labels of those patients that have any."""

    def __init__(self, root: Path) -> None:
        table = next((path for place in (root, root.parent) if (path := place / "Index.csv").is_file()), None)
        self._slices, self._lobes = self._loaded(table, "Slice", 2), self._loaded(table, "Lobe", 3)
        rows = rows_of(table, ("Label Index", "Folder/ID")) if table is not None else iter(())
        self._places = {row["Folder/ID"]: int(row["Label Index"]) for row in rows}

    @staticmethod
    def _loaded(table: Path | None, what: str, axes: int) -> NDArray[Any] | None:
        found = sorted(table.parent.glob(f"{what}-level-labels*.npy")) if table is not None else []
        if not found:
            return None
        path = found[0]  # "-updated-1" sorts before ".npy"
        array = saved_array(path)
        if array.ndim != axes:
            raise ReadError(f"The labels {str(path)!r} have the shape {array.shape}; expected {axes} axes.", path=path)
        return array

    def scores(self, name: str, *, is_healthy: bool) -> dict[str, float]:
        """Numbers of slices with infection, in all and by lobe; 0 for the healthy, nothing for the unlabelled."""
        lobes = [f"infected-slices.{lobe}" for lobe in LOBE_COLUMNS.values()]
        if is_healthy:
            return {"infected-slices": 0.0, **dict.fromkeys(lobes, 0.0)}
        place = self._places.get(name)
        found: dict[str, float] = {}
        if place is not None and self._slices is not None and place < len(self._slices):
            found["infected-slices"] = float(np.count_nonzero(self._slices[place]))
        if place is not None and self._lobes is not None and place < len(self._lobes):
            counts = np.count_nonzero(self._lobes[place], axis=0)
            found |= {lobe: float(count) for lobe, count in zip(lobes, counts, strict=True)}
        return found


SOURCE = Layout(
    ID,
    "COVID-CT-MD: 307 CT with slices and lobes labelled",
    tuple((f"{group} subjects/*/*.dcm",) for group in ("COVID-19", "CAP", "Cap", "Normal")),
    cases,
)
