"""Patients to parts: stratified, deterministic, and never off by a whole patient.

Patients are put in an order that a hash of the seed and the patient's name decides, stratum after stratum, and dealt
along it by the algorithm that Tijdeman gave for the chairman assignment problem [1]_. It keeps every part within one
patient of its share after every patient dealt, so of the whole as well, and within two of its share of each stratum;
equal folds come out within one of each other. Nothing depends on the order of the table, on the machine or on the
version of a library.

References
----------
.. [1] R. Tijdeman, The chairman assignment problem, Discrete Mathematics 32 (1980) 323-330,
   doi:10.1016/0012-365X(80)90269-1
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from hilum.datasets.schema import CaseTable, DatasetCase
from hilum.errors import SettingsError
from hilum.registry import unknown
from hilum.wording import counted

from .parts import FOLD, Split
from .severity import severity_band

Stratum = Callable[[Sequence[DatasetCase]], str]
"""From all cases of a patient to the stratum that the patient is in."""


def _highest(value: Callable[[DatasetCase], str]) -> Stratum:
    return lambda cases: max(map(value, cases))


STRATA: Mapping[str, Stratum] = MappingProxyType(
    {
        "source": _highest(lambda case: f"{case.source} {case.facts.get('collection', '')}"),
        "modality": _highest(lambda case: case.modality),
        "severity": _highest(severity_band),
        "finding": _highest(lambda case: case.finding.casefold()),
        "view": _highest(lambda case: case.view),
        "masks": _highest(lambda case: "+".join(sorted(case.masks))),
        "cases": lambda cases: f"{len(cases).bit_length():02}",
    }
)
"""What patients can be stratified by. A patient has the highest value of all its cases; ``source`` knows the
collections within a source, and ``cases`` is how many there are: 1, 2 to 3, 4 to 7, and so on."""

DEFAULT_STRATA = ("source", "severity")
"""By what they are unless somebody says otherwise."""

SHARES: Mapping[str, Fraction] = MappingProxyType(
    {"train": Fraction(8, 10), "val": Fraction(1, 10), "test": Fraction(1, 10)}
)
"""Shares of the patients, unless somebody says otherwise."""


def split_fractions(
    table: CaseTable,
    shares: Mapping[str, Fraction] = SHARES,
    *,
    seed: int = 0,
    strata: Sequence[str] = DEFAULT_STRATA,
) -> Split:
    """Split by patient into parts of given shares.

    Parameters
    ----------
    table : the cases
    shares : name of a part to its share of the patients; not below 0, 1 in all
    seed : another one gives another split
    strata : names out of :data:`STRATA`

    Returns
    -------
    A split whose parts hold the keys of the cases in the order of the table.

    Raises
    ------
    SettingsError
        The shares are not shares, or there is no stratum of such a name.

    Examples
    --------
    >>> from pathlib import Path
    >>> cases = [DatasetCase("films", f"{n}", f"{n // 2}", "CXR", Path(f"{n}.png")) for n in range(20)]
    >>> {part: len(keys) for part, keys in split_fractions(CaseTable.of(cases)).parts.items()}
    {'train': 16, 'val': 2, 'test': 2}
    """
    if not shares or any(share < 0 for share in shares.values()) or sum(shares.values()) != 1:
        told = ", ".join(f"{name} {float(share):g}" for name, share in shares.items())
        raise SettingsError(f"The shares of the parts have to be 1 in all and none below 0; found {told or 'none'}.")
    made = {"seed": seed, "stratified_by": list(strata), "shares": {name: str(share) for name, share in shares.items()}}
    part_of = _deal(_ordered(table, seed, strata), shares)
    return _split(table, part_of, list(shares), made)


def split_folds(table: CaseTable, folds: int, *, seed: int = 0, strata: Sequence[str] = DEFAULT_STRATA) -> Split:
    """Split by patient into folds of equal size, named ``fold-0`` and so on.

    Raises
    ------
    SettingsError
        There are fewer than two folds, or fewer patients than folds, or no stratum of such a name.
    """
    people = _ordered(table, seed, strata)
    if not 2 <= folds <= len(people):
        raise SettingsError(
            f"{counted(len(people), 'patient')} cannot be split into {folds} folds; choose 2 to {max(2, len(people))}."
        )
    names = [f"{FOLD}{number}" for number in range(folds)]
    made = {"seed": seed, "stratified_by": list(strata), "folds": folds}
    return _split(table, _deal(people, dict.fromkeys(names, Fraction(1, folds))), names, made)


def _split(table: CaseTable, part_of: Mapping[str, str], names: Sequence[str], made: Mapping[str, object]) -> Split:
    parts: dict[str, list[str]] = {name: [] for name in names}
    for case in table:
        parts[part_of[case.person]].append(case.key)
    return Split({name: tuple(keys) for name, keys in parts.items()}, made)


def _ordered(table: CaseTable, seed: int, strata: Sequence[str]) -> list[str]:
    """All patients, those of one stratum together, in an order that the seed decides."""
    strange = [name for name in strata if name not in STRATA]
    if strange:
        raise SettingsError(unknown("stratum", strange[0], STRATA))
    cases_of: defaultdict[str, list[DatasetCase]] = defaultdict(list)
    for case in table:
        cases_of[case.person].append(case)
    stratum_of = {person: [STRATA[name](cases) for name in strata] for person, cases in cases_of.items()}
    return sorted(stratum_of, key=lambda person: (_hash(seed, *stratum_of[person]), _hash(seed, person)))


def _hash(seed: int, *texts: str) -> str:
    return hashlib.sha256("\n".join((str(seed), *texts)).encode()).hexdigest()


def _deal(people: Sequence[str], shares: Mapping[str, Fraction]) -> dict[str, str]:
    """The part of each patient: after t of them, every part has its share of t to within one.

    Of the parts that may take the next patient without getting too far ahead, the one takes it that would be the
    first to fall too far behind.
    """
    taking = {name: share for name, share in shares.items() if share > 0}
    slack = 1 - Fraction(1, 2 * len(taking) - 2) if len(taking) > 1 else Fraction(0)
    taken = dict.fromkeys(taking, 0)
    part_of: dict[str, str] = {}
    for number, person in enumerate(people, start=1):
        ready = [name for name, share in taking.items() if share * number - taken[name] >= 1 - slack] or list(taking)
        part = min(ready, key=lambda name: (taken[name] + slack) / taking[name])
        taken[part] += 1
        part_of[person] = part
    return part_of
