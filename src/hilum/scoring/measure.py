"""What is measured on a CT besides scores: volumes, densities, and each lesion by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from .regions import Measured


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of one region.

    Attributes
    ----------
    id : stable, such as ``volume``; the documentation of :mod:`hilum.scoring.volumes` lists them
    region : ``both``, ``right``, ``left``, a zone such as ``right-upper``, or a lobe such as ``left-lower-lobe``
    structure : ``lung``, ``ground-glass``, ``consolidation``, ``effusion``, ``opacity``, or a band of Hounsfield units
    value : the number, or why there is none
    unit : ``ml``, ``HU``, ``%`` or empty
    uncertainty : half the width of the interval in which the value lies, in the same unit; None if not known
    method : ``masks``, or ``hounsfield-bands`` for the cross-check without a network
    """

    id: str
    region: str
    structure: str
    value: Measured
    unit: str
    uncertainty: float | None = None
    method: str = "masks"


@dataclass(frozen=True, slots=True)
class LesionInstance:
    """One connected lesion of a volume.

    Attributes
    ----------
    number : 1 for the largest
    structure : ``opacity`` (ground-glass and consolidation together) or ``effusion``
    volume_ml : of the whole of it
    consolidation_ml : of the consolidation in it
    centroid_mm : LPS position of its centre of mass
    region : ``right`` or ``left``; with lobes, the lobe that holds most of it
    """

    number: int
    structure: str
    volume_ml: float
    consolidation_ml: float
    centroid_mm: tuple[float, float, float]
    region: str


@dataclass(frozen=True, slots=True)
class Measures:
    """All measures of a CT.

    Attributes
    ----------
    table : one row a number, regions within measures
    instances : the largest first
    """

    table: tuple[Measure, ...] = ()
    instances: tuple[LesionInstance, ...] = field(default_factory=tuple[LesionInstance, ...])

    def find(self, id: str, region: str, structure: str, method: str = "masks") -> Measured:  # noqa: A002
        """The value of one row; KeyError if there is none."""
        for row in self.table:
            if (row.id, row.region, row.structure, row.method) == (id, region, structure, method):
                return row.value
        raise KeyError(f"no measure {id} of {structure} in {region} by {method}")
