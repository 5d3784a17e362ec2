"""Cases of computed chests: two ellipses, a lesion, and scores by the scoring of Hilum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from hilum.case import Case, Disease
from hilum.geometry import UPRIGHT, PlaneGrid, PlaneOrientation, SpacingAt
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import Finding, NotMeasured
from hilum.provenance import DicomUids, ModelRef, Source, Step
from hilum.scoring import score
from hilum.segmentation.zones import ZONES

SOURCE = Source("film.dcm", "ab" * 32, DicomUids("1.2.3", "1.2.3.4", ("1.2.3.4.5",)))
LUNG_MODEL = ModelRef("lung-network", "1.0", "cd" * 32)
LESION_MODEL = ModelRef("lesion-network", "2.1", "ef" * 32)

DISEASED = Disease(0.93, 0.4)

CaseMaker = Callable[..., Case]


def chest(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Lungs 1 and 2, and lesions 1 and 2 in them, upright."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] / np.array(shape)[:, None, None]
    lungs = np.zeros(shape, dtype=np.uint8)
    for number, centre in ((1, 0.29), (2, 0.71)):
        lungs[((rows - 0.48) / 0.36) ** 2 + ((columns - centre) / 0.17) ** 2 < 1] = number
    lesions = np.zeros(shape, dtype=np.uint8)
    lesions[((rows - 0.68) / 0.15) ** 2 + ((columns - 0.27) / 0.12) ** 2 < 1] = 1
    lesions[((rows - 0.62) / 0.06) ** 2 + ((columns - 0.72) / 0.07) ** 2 < 1] = 2
    return lungs, np.where(lungs > 0, lesions, 0).astype(np.uint8)


@pytest.fixture(scope="session")
def make_case() -> CaseMaker:
    """Cases by shape, type, orientation and what was found."""

    def make(
        name: str = "case-1",
        *,
        shape: tuple[int, int] = (110, 130),
        dtype: Any = np.uint8,
        orientation: PlaneOrientation = UPRIGHT,
        spacing_mm: tuple[float, float] | None = None,
        lungs: tuple[int, ...] = (1, 2),
        with_lesions: bool = True,
        disease: Disease | NotMeasured = DISEASED,
        findings: tuple[Finding, ...] = (),
        probability: Mapping[str, Any] | None = None,
        with_fields: bool = False,
    ) -> Case:
        outlines, lesions = chest(shape)
        outlines = np.where(np.isin(outlines, lungs), outlines, 0).astype(np.uint8)
        lesions = np.where((outlines > 0) & with_lesions, lesions, 0).astype(np.uint8)
        pixels = np.linspace(20, 230, shape[0] * shape[1]).reshape(shape) - 60.0 * (outlines > 0)
        if np.dtype(dtype) == np.uint16:
            pixels = pixels * 250
        made = [np.ascontiguousarray(orientation.from_upright(each)) for each in (pixels, outlines, lesions)]
        at = SpacingAt.UNKNOWN if spacing_mm is None else SpacingAt.DETECTOR
        grid = PlaneGrid(made[0].shape, spacing_mm, at, orientation)
        found = Step("segment-lungs", {"engine": "none"}, (SOURCE,), LUNG_MODEL)
        drawn = Step("segment-lesions", {"thresholds": {"opacity": 0.41}}, (SOURCE, found), LESION_MODEL)
        lung_map = LabelMap(made[1], grid, LUNGS, found)
        lesion_map = LabelMap(made[2], grid, LESIONS, drawn)
        return Case(
            name=name,
            image=Image(made[0].astype(dtype), grid, Quantity.RADIOGRAPH, SOURCE, "PA"),
            lungs=lung_map,
            lesions=lesion_map,
            disease=disease,
            scores=score(lung_map, lesion_map, brixia=dict.fromkeys(ZONES, 1.4)),
            findings=findings,
            provenance=Step("analyse", {"output": {"masks": ["png"]}}, (found, drawn)),
            lung_fields=lung_map if with_fields else None,
            probability=probability or {},
        )

    return make


@pytest.fixture(scope="session")
def case(make_case: CaseMaker) -> Case:
    """One with lesions in both lungs."""
    return make_case()
