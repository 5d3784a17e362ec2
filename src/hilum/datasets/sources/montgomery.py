"""Montgomery County: 138 films with the lung field of either side.

Jaeger et al. 2014, doi 10.3978/j.issn.2223-4292.2014.11.20. Layout ``MontgomerySet``: ``CXR_png/MCUCXR_0001_0.png``,
``ManualMask/leftMask`` and ``rightMask`` with the same names, ``ClinicalReadings/MCUCXR_0001_0.txt``. The masks' names
are sides of the picture: ``leftMask`` is the lung at the picture's left edge, which is the patient's right lung (seen
by users of the set under the films' own side markers). They end at the heart's border: lung fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.errors import ReadError

from .layout import WHITE, Layout, named
from .nlm import LICENCE, NAME, finding_of, reading

ID = "montgomery"
_SIDES = {"leftMask": "right-lung", "rightMask": "left-lung"}


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films, in the order of their numbers."""
    for image, found in named(root / "CXR_png", rf"{NAME}\.png"):
        yield DatasetCase(
            source=ID,
            case=f"{found[1]}_{found[2]}",
            patient=found[1],
            modality="CXR",
            image=image,
            masks=_masks(root, image.name),
            finding=finding_of(found[2]),
            view="PA",
            licence=LICENCE,
            facts=reading(root / "ClinicalReadings" / f"{image.stem}.txt"),
        )


def _masks(root: Path, name: str) -> dict[MaskKind, Mask]:
    """The masks of both sides; none where the set came without them, ReadError for one alone."""
    paths = [(root / "ManualMask" / side / name, {1: lung}) for side, lung in _SIDES.items()]
    missing = [path for path, _ in paths if not path.is_file()]
    if len(missing) == 1:
        raise ReadError(
            f"{str(missing[0])!r} is not there, and the mask of the other side is. Unpack the archive again.",
            path=missing[0],
        )
    if missing:
        return {}
    first, second = (Mask(path, labels, above=WHITE) for path, labels in paths)
    return {"lung-fields": Mask(first.path, first.labels, above=WHITE, beside=(second,))}


SOURCE = Layout(
    ID,
    "Montgomery County: 138 films with the lung fields of both sides",
    (("CXR_png/MCUCXR_*", "ManualMask/leftMask"), ("CXR_png/MCUCXR_*",)),
    cases,
)
