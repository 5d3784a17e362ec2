"""What the report of a CT says besides what every report says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image as Picture

from hilum.case import Case
from hilum.image import LOBES, Quantity
from hilum.measurement import NotMeasured
from hilum.provenance import sources
from hilum.scoring.measure import LesionInstance, Measure
from hilum.writers.captions import millimetres, number, region_caption
from hilum.writers.cuts import WINDOW_HU, Cutter, Plane
from hilum.writers.data_url import data_url

from .histogram import Histogram, density_histogram

AXIAL, CORONAL = 24, 12
"""How many cuts the light-boxes show at most: whole rows of four, three or two."""

CORONAL_PARTS = (0.1, 0.95)
"""The share of the lungs' depth, from the front, over which the coronal cuts are spread."""

TILE_PX = 400
"""Width of a cut in pixels."""

BAR_MM = 50.0
"""Length of the scale bars."""

MOST_INSTANCES = 8
"""How many single lesions are listed; ``result.json`` has them all."""

QUALITY = 85
"""JPEG quality of the cuts."""

_SIDES = ("right", "left")
_THIRDS = ("upper", "middle", "lower")

_COLUMNS = (
    ("volume", "lung", "Volume", "ml"),
    ("mean-hu", "lung", "Mean density", "HU"),
    ("volume", "ground-glass", "Ground-glass", "ml"),
    ("volume", "consolidation", "Consolidation", "ml"),
    ("share", "opacity", "Opacity", "%"),
)
"""Id, structure, title and unit of the measures of a region."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A cut of a light-box.

    Attributes
    ----------
    picture, overlay : data URLs, the second transparent but for what is drawn
    size : width and height in pixels
    edges : letters of the left and the right edge
    bar : length of the scale bar in per cent of the width
    words : for those who do not see it, and for the caption
    """

    picture: str
    overlay: str
    size: tuple[int, int]
    edges: tuple[str, str]
    bar: float
    words: str


@dataclass(frozen=True, slots=True)
class Number:
    """A cell of a table: the value as text, how far off it may be, and why there is none."""

    value: str
    uncertainty: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Third:
    """A third of a lung: its share of opacity, what of it is consolidation, and how strongly it is tinted, 0 to 1."""

    opacity: Number
    consolidation: Number
    tint: float


@dataclass(frozen=True, slots=True)
class VolumeView:
    """What the report of a CT shows besides what every report shows."""

    axial: tuple[Tile, ...]
    coronal: tuple[Tile, ...]
    window: str
    histogram: Histogram | NotMeasured
    thirds: Mapping[str, Mapping[str, Third]]
    lungs: Mapping[str, Number]
    columns: tuple[tuple[str, str], ...]
    regions: tuple[tuple[str, tuple[Number, ...]], ...]
    effusion: str
    cross_check: tuple[tuple[str, Number, Number], ...]
    instances: tuple[tuple[LesionInstance, str], ...]
    others: str


def volume_view(case: Case) -> VolumeView:
    """What the report of a CT says of its cuts, densities, regions and lesions."""
    cutter = Cutter(case)
    listed = case.measures.instances[:MOST_INSTANCES]
    low, high = WINDOW_HU
    return VolumeView(
        axial=tuple(_tiles(cutter, "axial", cutter.spread("axial", AXIAL))),
        coronal=tuple(_tiles(cutter, "coronal", cutter.spread("coronal", CORONAL, CORONAL_PARTS))),
        window=f"lung window, {_signed(low)} to {_signed(high)} HU"
        if case.image.quantity is Quantity.HOUNSFIELD
        else "as windowed in the input, which holds no Hounsfield units",
        histogram=density_histogram(case),
        thirds={third: {side: _third(case, f"{side}-{third}") for side in _SIDES} for third in _THIRDS},
        lungs={side: _cell(case, "share", side, "opacity") for side in _SIDES},
        columns=tuple((title, unit) for _, _, title, unit in _COLUMNS),
        regions=tuple(_regions(case)),
        effusion=_effusion(case),
        cross_check=tuple(_cross_check(case)),
        instances=tuple((each, _place(each)) for each in listed),
        others=_others(case),
    )


def volume_facts(case: Case) -> Iterator[tuple[str, str]]:
    """What the report says about the volume itself, each with its label."""
    grid = case.image.volume
    names = [source.name for source in sources(case.image.origin)]
    slices, rows, columns = grid.shape
    yield "Input", "none: a computed volume" if not names else names[0] if len(names) == 1 else f"{len(names)} files"
    yield "Voxels", f"{columns} × {rows} × {slices}"
    yield "Voxel size", " × ".join(f"{size:.3g}" for size in grid.spacing_mm[::-1]) + " mm"
    is_hu = case.image.quantity is Quantity.HOUNSFIELD
    yield "Values", "Hounsfield units" if is_hu else "windowed pictures, not Hounsfield units"


def _tiles(cutter: Cutter, plane: Plane, places: Sequence[int]) -> Iterator[Tile]:
    scale = cutter.frames[plane].size_mm[0] / TILE_PX
    for place in places:
        cut = cutter.cut(plane, place, scale)
        yield Tile(
            picture=data_url(Picture.fromarray(cut.picture), "JPEG", quality=QUALITY),
            overlay=data_url(cut.overlay, "PNG", compress_level=6),
            size=(cut.picture.shape[1], cut.picture.shape[0]),
            edges=cut.edges,
            bar=round(100 * BAR_MM / cutter.frames[plane].size_mm[0], 2),
            words=f"{cut.place}, {_signed(round(cut.at_mm))} mm",
        )


def _signed(value: float) -> str:
    """A whole number with a minus sign that is one."""
    return f"{round(value)}".replace("-", "−")


def _find(case: Case, id: str, region: str, structure: str, method: str = "masks") -> Measure | None:  # noqa: A002
    wanted = (id, region, structure, method)
    return next((row for row in case.measures.table if (row.id, row.region, row.structure, row.method) == wanted), None)


def _cell(case: Case, id: str, region: str, structure: str, method: str = "masks") -> Number:  # noqa: A002
    row = _find(case, id, region, structure, method)
    if row is None:
        return Number("–", reason="it is not part of this result")
    if isinstance(row.value, NotMeasured):
        return Number("–", reason=row.value.reason)
    value = _value(row.value, row.unit)
    if row.uncertainty is None or value.startswith("<"):
        return Number(value)
    return Number(value, _value(row.uncertainty, row.unit))


def _value(value: float, unit: str) -> str:
    """A number of a table, whose column has the unit: no more places than mean something."""
    if unit == "%":
        return number(value, "%").removesuffix(" %")
    if unit == "ml" and 0 < value < 9.95:
        return f"{value:.1f}"
    return _signed(value)


def _third(case: Case, region: str) -> Third:
    row = _find(case, "share", region, "opacity")
    share = 0.0 if row is None or isinstance(row.value, NotMeasured) else row.value
    return Third(
        opacity=_cell(case, "share", region, "opacity"),
        consolidation=_cell(case, "share", region, "consolidation"),
        tint=round(0.62 * share / 100.0, 3),
    )


def _regions(case: Case) -> Iterator[tuple[str, tuple[Number, ...]]]:
    """Rows of the table of measures: both lungs, each, and the lobes if they were given."""
    lobes = () if case.lobes is None else tuple(label.name for label in LOBES.values())
    for region in ("both", *_SIDES, *lobes):
        cells = (_cell(case, id_, region, structure) for id_, structure, _, _ in _COLUMNS)
        yield region_caption(region), tuple(cells)


def _effusion(case: Case) -> str:
    """What of effusion was found, in a sentence; empty if it was not looked for."""
    found: list[str] = []
    for side in _SIDES:
        row = _find(case, "volume", side, "effusion")
        if row is None or isinstance(row.value, NotMeasured):
            return ""
        found.append(f"{_value(row.value, 'ml')} ml on the {side}")
    return f"Pleural effusion: {' and '.join(found)}; it counts neither as opacity nor for any score."


def _cross_check(case: Case) -> Iterator[tuple[str, Number, Number]]:
    """Opacity by the network and by bands of Hounsfield units; nothing if there is no second method."""
    if _find(case, "share", "both", "opacity", "hounsfield-bands") is None:
        return
    for region in ("both", *_SIDES):
        for structure in ("opacity", "consolidation") if region == "both" else ("opacity",):
            ours, theirs = (_cell(case, "share", region, structure, way) for way in ("masks", "hounsfield-bands"))
            yield f"{region_caption(region)}, {structure}", ours, theirs


def _place(instance: LesionInstance) -> str:
    """Where a lesion's centre lies, in the patient's directions from the scan's origin."""
    letters = (("L", "R"), ("P", "A"), ("H", "F"))
    return ", ".join(
        f"{toward if value >= 0 else away} {millimetres(abs(value))}"
        for (toward, away), value in zip(letters, instance.centroid_mm, strict=True)
    )


def _others(case: Case) -> str:
    """What of the single lesions is not listed."""
    rest = case.measures.instances[MOST_INSTANCES:]
    if not rest:
        return ""
    return f"And {len(rest)} smaller, {sum(each.volume_ml for each in rest):.1f} ml together."
