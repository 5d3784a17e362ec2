"""Single lesions over time: which came, which went, which grew, on two films or two aligned CTs of one patient.

Lesions are the connected parts of the opacity, as ``result.json`` lists them. One of the later image is the same as one
of the first where they overlap by :data:`LEAST_OVERLAP` of the smaller one; so several may become one, or one several,
and then they are compared together. CTs overlap where their alignment lays them, or where it does when it is moved by
its own error. Films have no alignment: each lung is laid on the box of the first film's lung of that side, which knows
neither of another breath nor of a turned patient, and no error of a lesion's area is known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

from hilum.batch.compare import Verdict, verdict_of
from hilum.geometry import VolumeGrid
from hilum.image import LabelMap
from hilum.scoring.film_instances import LEAST_INSTANCE_SHARE, parts_of
from hilum.scoring.film_lesions import film_lesions
from hilum.scoring.instances import find_instances

from .align import Alignment
from .places import AT_ONCE, SHIFTS
from .scans import Scan, voxel_index, voxel_points

LEAST_OVERLAP = 0.1
"""Of the smaller of two lesions: from there on they are one and the same. No data chose it."""

Fate = Literal["new", "gone", "persists"]
"""Only later, only first, or at both times."""

Lesion = tuple[int, str, float, float | None]
"""Number in ``result.json``, where it lies, its size, and the half-width of the interval in which the size lies."""

Pairs = Mapping[tuple[int, int], float]
"""Share of the smaller one by which lesions overlap, by their places in the lists of both times."""

_OPACITY = (1, 2)


@dataclass(frozen=True, slots=True)
class LesionChange:
    """What became of a lesion, or of several that became one, or of one that became several.

    Attributes
    ----------
    later : title of the later result
    fate : whether it is new, gone, or persists
    region : lobe, side or zone of the largest of them; empty where it lies in neither lung
    first, second : their numbers in the first and in the later ``result.json``
    first_size, later_size : of all of them; in ml of the first scan, or in % of the film's own lungs
    unit : of the sizes
    error : half-width of the interval of the change; None if it is not known
    overlap : of the closest pair, as a share of the smaller one; 0 of what is new or gone
    """

    later: str
    fate: Fate
    region: str
    first: tuple[int, ...]
    second: tuple[int, ...]
    first_size: float
    later_size: float
    unit: str
    error: float | None
    overlap: float

    @property
    def change(self) -> float:
        """The later size less the first."""
        return self.later_size - self.first_size

    @property
    def verdict(self) -> Verdict:
        """Whether the change is beyond its error; empty where no error is known."""
        return verdict_of(self.change, self.error)


def lesions_of_films(
    first: tuple[LabelMap, LabelMap], second: tuple[LabelMap, LabelMap], later: str
) -> tuple[LesionChange, ...]:
    """Match the lesions of two films.

    Parameters
    ----------
    first, second : masks of lungs and of lesions, on the grid of their film
    later : title of the second result

    Raises
    ------
    GridMismatch
        Masks of a film do not lie on one grid.
    """
    one, other = _on_film(*first), _on_film(*second)
    overlaps: Counter[tuple[int, int]] = Counter()
    for side in (1, 2):
        box, box_there = _box(one.lungs == side), _box(other.lungs == side)
        if box is None or box_there is None:
            continue
        (top, left, high, wide), (row, column, rows, columns) = box, box_there
        down = row + ((np.arange(high) + 0.5) * rows / high).astype(np.intp)
        across = column + ((np.arange(wide) + 0.5) * columns / wide).astype(np.intp)
        here, there = (slice(top, top + high), slice(left, left + wide)), np.ix_(down, across)
        before = np.where(one.lungs[here] == side, one.numbered[here], 0)
        after = np.where(other.lungs[there] == side, other.numbered[there], 0)
        overlaps.update(_table(before.ravel(), after.ravel()))
    return tuple(_changes(one.lesions, other.lesions, _shares([overlaps]), later, "% of lungs"))


def lesions_of_scans(
    first: Scan, second: Scan, alignment: Alignment, error_mm: float, later: str
) -> tuple[LesionChange, ...]:
    """Match the lesions of two aligned CTs.

    Parameters
    ----------
    first, second : as they were aligned
    alignment : of the second onto the first
    error_mm : by which the alignment may be off
    later : title of the second result

    Returns
    -------
    Lesions of the later scan that come to lie outside the first scan's lungs are left out; of the others, what lies
    within.
    """
    before, lesions = _on_scan(first)
    after, others = _on_scan(second)
    grid = first.lungs.axial().volume
    voxels = np.flatnonzero(first.lungs.axial().array)
    tables: list[Counter[tuple[int, int]]] = [Counter() for _ in SHIFTS]
    for start in range(0, len(voxels), AT_ONCE):
        part = voxels[start : start + AT_ONCE]
        there = alignment.to_second(voxel_points(grid, part))
        for table, shift in zip(tables, SHIFTS, strict=True):
            index, inside = voxel_index(second.lungs.axial().volume, there + error_mm * shift)
            found = np.zeros(len(part), dtype=np.intp)
            found[inside] = after[tuple(index[inside].T)]
            table.update(_table(before.ravel()[part], found))
    placed = _placed(others, tables, grid.voxel_ml)
    return tuple(_changes(lesions, placed, _shares(tables), later, "ml"))


def summary(changes: Sequence[LesionChange]) -> str:
    """Numbers of lesions by fate, and of those that persist by verdict, as a phrase."""
    fates = Counter(each.fate for each in changes)
    verdicts = Counter(each.verdict for each in changes if each.fate == "persists" and each.verdict)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    persist = f"{fates['persists']} there at both times" + (f" ({told})" if told else "")
    return f"{fates['new']} new, {fates['gone']} gone, {persist}"


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """Lungs and the places of lesions at each pixel of an upright film, and the lesions, sized in % of the lungs."""

    lungs: NDArray[np.uint8]
    numbered: NDArray[np.intp]
    lesions: list[Lesion]


def _on_film(lungs: LabelMap, lesions: LabelMap) -> _Film:
    orientation = lungs.plane.orientation
    listed = [each for each in film_lesions(lungs, lesions) if each.structure == "opacity"]
    opacity = np.isin(np.asarray(lesions.array), _OPACITY)
    parts = sorted(parts_of(opacity, LEAST_INSTANCE_SHARE * opacity.size), key=_by_size_and_box)
    numbered = np.zeros(opacity.shape, dtype=np.intp)
    for place, part in enumerate(parts, start=1):
        numbered[part] = place
    whole = max(int(np.count_nonzero(lungs.array)), 1)
    found: list[Lesion] = [
        (each.number, each.zone if isinstance(each.zone, str) else "", 100 * each.pixels / whole, None)
        for each in listed
    ]
    return _Film(orientation.to_upright(np.asarray(lungs.array)), orientation.to_upright(numbered), found)


def _by_size_and_box(part: NDArray[np.bool_]) -> tuple[int, ...]:
    box = _box(part)
    return (-int(np.count_nonzero(part)), *(box or ()))


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """First row, first column, rows and columns of what is filled; None where nothing is."""
    if not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def _on_scan(scan: Scan) -> tuple[NDArray[np.uint32], list[Lesion]]:
    """The number of the lesion at each axial voxel, and the lesions, sized in ml, with the error of their outlines."""
    listed = [each for each in find_instances(scan.lungs, scan.lesions, scan.lobes) if each.structure == "opacity"]
    lungs, lesions = scan.lungs.axial(), np.asarray(scan.lesions.axial().array)
    sides = np.where(np.isin(lesions, _OPACITY), np.asarray(lungs.array), np.uint8(0))
    parts: NDArray[Any] = np.asarray(cc3d.connected_components(sides, connectivity=26))
    sizes = np.bincount(parts.ravel()) if parts.any() else np.zeros(1, dtype=np.intp)
    table = np.zeros(len(sizes), dtype=np.uint32)
    table[_largest(parts, sizes, len(listed), lungs.volume)] = np.arange(1, len(listed) + 1)
    numbered = table[parts]
    outlines = _exposed(numbered, len(listed)) * lungs.volume.voxel_ml / 3  # as of all volumes, see hilum.scoring
    return numbered, [
        (each.number, each.region, each.volume_ml, min(each.volume_ml, float(outline)))
        for each, outline in zip(listed, outlines, strict=True)
    ]


def _largest(parts: NDArray[Any], sizes: NDArray[np.intp], count: int, grid: VolumeGrid) -> NDArray[np.intp]:
    """Numbers of the largest parts in the order of the result: by size, then by their centres (x, y, z)."""
    places = np.flatnonzero(parts)
    owners = parts.ravel()[places]
    axes = np.unravel_index(places, parts.shape)
    sums = np.stack([np.bincount(owners, weights=axis, minlength=len(sizes)) for axis in axes], axis=-1)
    x, y, z = grid.position_mm(sums[1:] / np.maximum(sizes[1:, None], 1)).T
    return 1 + np.lexsort((z, y, x, -sizes[1:]))[:count]


def _exposed(numbered: NDArray[np.uint32], count: int) -> NDArray[np.intp]:
    """Faces of each lesion's voxels that something else lies at."""
    faces = np.zeros(count + 1, dtype=np.intp)
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        one, other = numbered[tuple(low)], numbered[tuple(high)]
        differs = one != other
        faces += np.bincount(one[differs], minlength=count + 1) + np.bincount(other[differs], minlength=count + 1)
    return faces[1:]


def _table(before: NDArray[Any], after: NDArray[np.intp]) -> Counter[tuple[int, int]]:
    """How often each pair of numbers meets, of which one at least is a lesion."""
    base = int(after.max(initial=0)) + 1
    code, count = np.unique(before.astype(np.int64) * base + after, return_counts=True)
    return Counter({divmod(c, base): n for c, n in zip(code.tolist(), count.tolist(), strict=True) if c})


def _sums(table: Counter[tuple[int, int]], which: int) -> Counter[int]:
    made: Counter[int] = Counter()
    for pair, count in table.items():
        made[pair[which]] += count
    return made


def _shares(tables: Iterable[Counter[tuple[int, int]]]) -> dict[tuple[int, int], float]:
    """By pairs of lesions the largest share of the smaller one that overlaps, of all ways to lay them on each other."""
    made: dict[tuple[int, int], float] = defaultdict(float)
    for table in tables:
        first, second = _sums(table, 0), _sums(table, 1)
        for (one, other), count in table.items():
            if one and other:
                made[one, other] = max(made[one, other], count / min(first[one], second[other]))
    return {pair: share for pair, share in made.items() if share >= LEAST_OVERLAP}


def _placed(others: Sequence[Lesion], tables: Sequence[Counter[tuple[int, int]]], voxel_ml: float) -> list[Lesion]:
    """Later lesions with their size in the first scan, and the error that alignment and outline give it."""
    sums = [_sums(table, 1) for table in tables]
    made: list[Lesion] = []
    for place, (number, region, volume, error) in enumerate(others, start=1):
        sizes = [each[place] * voxel_ml for each in sums]
        moved = max(abs(size - sizes[0]) for size in sizes)
        outline = 0.0 if error is None or not volume else error * sizes[0] / volume
        made.append((number, region, sizes[0], moved + outline))
    return made


def _changes(
    first: Sequence[Lesion], second: Sequence[Lesion], pairs: Pairs, later: str, unit: str
) -> Iterator[LesionChange]:
    """What became of each group of lesions that are the same, the largest first; what has no size is left out."""
    groups = [
        ([first[place - 1] for place in sorted(ours)], [second[place - 1] for place in sorted(theirs)], overlap)
        for ours, theirs, overlap in _groups(len(first), len(second), pairs)
    ]
    made = [
        LesionChange(
            later=later,
            fate="persists" if ours and theirs else "gone" if ours else "new",
            region=max((*ours, *theirs), key=lambda lesion: lesion[2])[1],
            first=tuple(lesion[0] for lesion in ours),
            second=tuple(lesion[0] for lesion in theirs),
            first_size=sum(lesion[2] for lesion in ours),
            later_size=sum(lesion[2] for lesion in theirs),
            unit=unit,
            error=_sum_of(lesion[3] for lesion in (*ours, *theirs)),
            overlap=overlap,
        )
        for ours, theirs, overlap in groups
    ]
    yield from sorted(
        (each for each in made if each.first_size or each.later_size),
        key=lambda each: (-max(each.first_size, each.later_size), each.first, each.second),
    )


def _sum_of(errors: Iterable[float | None]) -> float | None:
    known = list(errors)
    return None if None in known else sum(error for error in known if error is not None)


def _groups(ours: int, theirs: int, pairs: Pairs) -> Iterator[tuple[list[int], list[int], float]]:
    """Lesions of both times that hang together, and the closest overlap among them."""
    root = {(0, place): (0, place) for place in range(1, ours + 1)}
    root |= {(1, place): (1, place) for place in range(1, theirs + 1)}

    def top(node: tuple[int, int]) -> tuple[int, int]:
        while root[node] != node:
            node = root[node]
        return node

    for one, other in pairs:
        root[top((1, other))] = top((0, one))
    members: dict[tuple[int, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for node in root:
        members[top(node)][node[0]].append(node[1])
    closest: dict[tuple[int, int], float] = defaultdict(float)
    for (one, _), share in pairs.items():
        closest[top((0, one))] = max(closest[top((0, one))], share)
    for head, (mine, others) in members.items():
        yield mine, others, closest[head]
