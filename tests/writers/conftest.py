"""Cases of computed chests, films and CT, with scores by the scoring of Hilum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hilum.case import Case, Disease
from hilum.geometry import UPRIGHT, PlaneGrid, PlaneOrientation, SpacingAt, VolumeGrid, VolumeOrientation
from hilum.image import LESIONS, LOBES, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import Finding, NotMeasured
from hilum.phantom import Lesion, Thorax, default_grid, thorax
from hilum.provenance import DicomUids, ModelRef, Source, Step
from hilum.scoring import measure_volumes, score, score_volume
from hilum.scoring.film_lesions import film_lesions
from hilum.segmentation.zones import ZONES

SOURCE = Source("film.dcm", "ab" * 32, DicomUids("1.2.3", "1.2.3.4", ("1.2.3.4.5",)))
LUNG_MODEL = ModelRef("lung-network", "1.0", "cd" * 32)
LESION_MODEL = ModelRef("lesion-network", "2.1", "ef" * 32)

DISEASED = Disease(0.93, 0.4)

AXIAL = VolumeOrientation()

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
            instances=film_lesions(lung_map, lesion_map),
        )

    return make


LESIONS_IN_CT = (
    Lesion("ground-glass", "right-lower", 180, seed=1),
    Lesion("consolidation", "left-lower", 90, seed=2),
    Lesion("effusion", "right", 120, seed=5),
)


@pytest.fixture(scope="session")
def chest_ct() -> Thorax:
    """A computed CT with a lesion of each kind, coarse."""
    return thorax(3, grid=default_grid(3, spacing_mm=(8, 6, 6)), lesions=LESIONS_IN_CT)


@pytest.fixture(scope="session")
def make_ct(chest_ct: Thorax) -> CaseMaker:
    """Cases of that CT by what was found, how it lies and what its numbers are."""

    def make(
        name: str = "scan-1",
        *,
        findings: tuple[Finding, ...] = (),
        with_lungs: bool = True,
        with_lesions: bool = True,
        with_lobes: bool = True,
        with_cross_check: bool = True,
        is_windowed: bool = False,
        orientation: VolumeOrientation = AXIAL,
        probability: Mapping[str, Any] | None = None,
    ) -> Case:
        grid = _turned(chest_ct.grid, orientation)
        image, lungs, lobes, lesions = (
            np.ascontiguousarray(orientation.from_axial(each.array))
            for each in (chest_ct.ct, chest_ct.lungs, chest_ct.lobes, chest_ct.lesions)
        )
        if is_windowed:
            image = np.clip((image + 1350.0) * 0.17, 0, 255).astype(np.uint8)
        quantity = Quantity.WINDOWED_CT if is_windowed else Quantity.HOUNSFIELD
        found = Step("segment-lungs", {"preset": "standard"}, (SOURCE,), LUNG_MODEL)
        drawn = Step("segment-lesions", {"preset": "standard"}, (SOURCE, found), LESION_MODEL)
        made = Case(
            name=name,
            image=Image(image, grid, quantity, SOURCE),
            lungs=LabelMap(lungs * np.uint8(with_lungs), grid, LUNGS, found),
            lesions=LabelMap(lesions * np.uint8(with_lungs and with_lesions), grid, LESIONS, drawn),
            disease=NotMeasured("it is a verdict on films"),
            scores={},
            findings=findings,
            provenance=Step("analyse", {"ct": {"preset": "standard"}}, (found, drawn)),
            lobes=LabelMap(lobes, grid, LOBES, SOURCE) if with_lobes else None,
            probability=probability or {},
        )
        check = made.lesions if with_cross_check and not is_windowed else None
        return replace(
            made,
            scores=score_volume(made.lungs, made.lesions, image=made.image, lobes=made.lobes),
            measures=measure_volumes(made.image, made.lungs, made.lesions, made.lobes, check),
        )

    return make


def _turned(axial: VolumeGrid, orientation: VolumeOrientation) -> VolumeGrid:
    """The grid whose axial form is ``axial``, if it lies like that."""
    back = np.argsort(orientation.axes)
    grid = axial
    for axis, flip in enumerate(orientation.flips):
        grid = grid.flipped(axis) if flip else grid
    affine = np.column_stack([grid.affine[:, back], grid.affine[:, 3]])
    shape = tuple(axial.shape[axis] for axis in back)
    return VolumeGrid((shape[0], shape[1], shape[2]), affine)


@pytest.fixture(scope="session")
def ct(make_ct: CaseMaker) -> Case:
    """One with lesions, lobes and a cross-check."""
    return make_ct()


@pytest.fixture(scope="session")
def case(make_case: CaseMaker) -> Case:
    """One with lesions in both lungs."""
    return make_case()
