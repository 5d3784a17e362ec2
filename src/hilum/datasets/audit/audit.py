"""The whole audit: every case by itself, then pairs of cases, then the split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hilum.datasets.explore.examine import Examination
from hilum.datasets.schema import SPLITS
from hilum.measurement import Gravity

from .checks import check_case
from .defect import KINDS, Defect
from .duplicates import Pair, near_duplicates

_ORDER = (Gravity.ERROR, Gravity.WARNING, Gravity.NOTE)


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and what was found.

    Attributes
    ----------
    cases : how many were looked at
    patients : how many persons they belong to
    splits : cases by split
    defects : the gravest first, and within a kind in the order of the cases
    """

    cases: int
    patients: int
    splits: dict[str, int]
    defects: tuple[Defect, ...]

    def counts(self) -> dict[str, int]:
        """How many findings of each kind there are, of those kinds that there are."""
        found = Counter(defect.code for defect in self.defects)
        return {code: found[code] for code in ordered_kinds() if found[code]}

    def worst(self, gravity: Gravity) -> int:
        """How many findings are at least as grave."""
        reach = _ORDER[: _ORDER.index(gravity) + 1]
        return sum(defect.gravity in reach for defect in self.defects)


def ordered_kinds() -> tuple[str, ...]:
    """The codes of all kinds, the gravest first."""
    return tuple(sorted(KINDS, key=lambda code: _ORDER.index(KINDS[code][0])))


def audit(examinations: Iterable[Examination]) -> Audit:
    """Everything that is wrong with these cases, alone and together."""
    seen = tuple(examinations)
    found = [
        *(defect for each in seen for defect in check_case(each)),
        *_exact(seen),
        *_near(seen),
        *_patients(seen),
    ]
    kinds = ordered_kinds()
    return Audit(
        len(seen),
        len({each.case.person for each in seen}),
        {split: count for split in SPLITS if (count := sum(each.case.split == split for each in seen))},
        tuple(sorted(found, key=lambda defect: kinds.index(defect.code))),
    )


def _exact(seen: Sequence[Examination]) -> Iterator[Defect]:
    groups: dict[str, list[Examination]] = defaultdict(list)
    for each in seen:
        if each.digest and each.fingerprint is not None:
            groups[each.digest].append(each)
    for group in groups.values():
        if len(group) < 2:
            continue
        persons, splits = {each.case.person for each in group}, {each.case.split for each in group}
        is_across = len(persons) > 1 or len(splits) > 1
        where = "; ".join(f"{each.case.key}{_place(each)}" for each in group[:4])
        more = f" and {len(group) - 4} more" if len(group) > 4 else ""
        code = "exact-duplicate-across" if is_across else "exact-duplicate"
        yield _defect(code, group, f"Equal pixels: {where}{more}.")


def _near(seen: Sequence[Examination]) -> Iterator[Defect]:
    """Pairs across patients, the closest of each two patients; exact copies count once, and only for others."""
    once = _first_of_each(seen)
    fingerprints = [once[place].fingerprint for place in range(len(once))]
    closest: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in near_duplicates(fingerprints):
        a, b = once[pair.first].case, once[pair.second].case
        if a.person != b.person or (a.split != b.split and a.modality == "CXR"):
            closest[min(a.person, b.person), max(a.person, b.person)].append(pair)
    for pairs in closest.values():
        yield _pair(once, pairs)


def _pair(once: Sequence[Examination], pairs: Sequence[Pair]) -> Defect:
    best = max(pairs, key=lambda pair: pair.likeness)
    a, b = once[best.first], once[best.second]
    is_split = any(once[pair.first].case.split != once[pair.second].case.split for pair in pairs)
    how = f", {best.variant}" if best.variant else ""
    pair_word = "pair" if len(pairs) == 2 else "pairs"
    more = f"; {len(pairs) - 1} more {pair_word} of these patients" if len(pairs) > 1 else ""
    places = dict.fromkeys((best.first, best.second, *(place for pair in pairs for place in (pair.first, pair.second))))
    return _defect(
        "near-duplicate-in-splits" if is_split else "near-duplicate-across",
        [once[place] for place in places],
        f"Alike by {best.likeness:.2f}{how}: {a.case.key}{_place(a)} and {b.case.key}{_place(b)}{more}.",
    )


def _first_of_each(seen: Sequence[Examination]) -> tuple[Examination, ...]:
    first: dict[str, Examination] = {}
    for each in seen:
        if each.fingerprint is not None:
            first.setdefault(each.digest, each)
    return tuple(first.values())


def _place(seen: Examination) -> str:
    split = f", {seen.case.split}" if seen.case.split else ""
    patient = "" if seen.case.patient == seen.case.case else f"patient {seen.case.patient}"
    inside = f"{patient}{split}".removeprefix(", ")
    return f" ({inside})" if inside else ""


def _patients(seen: Sequence[Examination]) -> Iterator[Defect]:
    groups: dict[str, list[Examination]] = defaultdict(list)
    for each in seen:
        if each.case.split:
            groups[each.case.person].append(each)
    for person, group in groups.items():
        splits = Counter(each.case.split for each in group)
        if len(splits) > 1:
            counted = ", ".join(f"{count} in {split}" for split, count in splits.items())
            yield _defect("patient-in-splits", _mixed(group), f"Patient {person}: {counted}.")


def _defect(code: str, seen: Iterable[Examination], message: str) -> Defect:
    cases = [each.case for each in seen]
    return Defect(code, tuple(case.key for case in cases), message, tuple(case.split for case in cases))


def _mixed(group: Sequence[Examination]) -> list[Examination]:
    """One case of each part first, so that pictures of the first two show both."""
    first = {each.case.split: each for each in reversed(group)}
    chosen = [each for each in group if first[each.case.split] is each]
    return chosen + [each for each in group if first[each.case.split] is not each]
