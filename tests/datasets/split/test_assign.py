"""Splits by patient: nobody on two sides, the same every time, never off by a whole patient."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.datasets.schema import CaseTable, DatasetCase
from hilum.datasets.split import split_folds, split_fractions
from hilum.datasets.split.severity import severity_band
from hilum.errors import SettingsError


def made(source: str, patient: int, scores: list[float]) -> list[DatasetCase]:
    return [
        DatasetCase(source, f"{patient}-{number}", str(patient), "CXR", Path("x.png"), scores={"brixia": score})
        for number, score in enumerate(scores)
    ]


PATIENTS = st.tuples(
    st.sampled_from("abc"), st.integers(0, 10**6), st.lists(st.sampled_from([0.0, 3, 9, 18]), min_size=1, max_size=4)
)
TABLES = st.lists(PATIENTS, min_size=2, max_size=40, unique_by=lambda row: row[:2]).map(
    lambda rows: CaseTable.of(case for row in rows for case in made(*row))
)
SEEDS = st.integers(0, 2**64)


@st.composite
def shares(draw: st.DrawFn) -> dict[str, Fraction]:
    weights = draw(st.lists(st.integers(0, 20), min_size=1, max_size=5).filter(any))
    return {f"part{number}": Fraction(weight, sum(weights)) for number, weight in enumerate(weights)}


def people(table: CaseTable, keys: tuple[str, ...]) -> set[str]:
    return {case.person for case in table if case.key in set(keys)}


def strata(table: CaseTable) -> dict[tuple[str, str], set[str]]:
    worst: dict[str, tuple[str, str]] = {}
    for case in table:
        worst[case.person] = max(worst.get(case.person, ("", "")), (case.source, severity_band(case)))
    grouped = defaultdict(set)
    for person, stratum in worst.items():
        grouped[stratum].add(person)
    return grouped


@settings(max_examples=30, deadline=None)
@given(TABLES, shares(), SEEDS)
def test_every_case_is_in_one_part_and_no_patient_in_two(table: CaseTable, wanted: dict, seed: int) -> None:
    split = split_fractions(table, wanted, seed=seed)
    assert sorted(key for keys in split.parts.values() for key in keys) == sorted(case.key for case in table)
    assert split.divided(table) == ()
    seen = [person for keys in split.parts.values() for person in people(table, keys)]
    assert len(seen) == len(set(seen))


@settings(max_examples=30, deadline=None)
@given(TABLES, shares(), SEEDS)
def test_parts_are_within_one_patient_of_their_share(table: CaseTable, wanted: dict, seed: int) -> None:
    split = split_fractions(table, wanted, seed=seed)
    total = len({case.person for case in table})
    for name, share in wanted.items():
        assert abs(len(people(table, split.parts[name])) - share * total) < 1


@settings(max_examples=30, deadline=None)
@given(TABLES, shares(), SEEDS)
def test_strata_are_within_two_patients_of_their_share(table: CaseTable, wanted: dict, seed: int) -> None:
    split = split_fractions(table, wanted, seed=seed)
    for name, share in wanted.items():
        inside = people(table, split.parts[name])
        assert all(abs(len(inside & members) - share * len(members)) < 2 for members in strata(table).values())


@settings(max_examples=30, deadline=None)
@given(TABLES, SEEDS, st.data())
def test_folds_differ_by_one_patient_at_most_as_a_whole_and_in_each_stratum(
    table: CaseTable, seed: int, data: st.DataObject
) -> None:
    total = len({case.person for case in table})
    folds = data.draw(st.integers(2, min(total, 6)))
    split = split_folds(table, folds, seed=seed)
    assert list(split.parts) == [f"fold-{number}" for number in range(folds)]
    held_out = [people(table, keys) for keys in split.parts.values()]
    assert sum(map(len, held_out)) == total
    for members in [set.union(*held_out), *strata(table).values()]:
        sizes = [len(fold & members) for fold in held_out]
        assert max(sizes) - min(sizes) <= 1


@settings(max_examples=30, deadline=None)
@given(TABLES, shares(), SEEDS, st.randoms())
def test_the_order_of_the_table_does_not_matter(table: CaseTable, wanted: dict, seed: int, shuffler) -> None:
    mixed = list(table.cases)
    shuffler.shuffle(mixed)
    one, two = (split_fractions(each, wanted, seed=seed) for each in (table, CaseTable.of(mixed)))
    assert {name: set(keys) for name, keys in one.parts.items()} == {
        name: set(keys) for name, keys in two.parts.items()
    }


def many() -> CaseTable:
    return CaseTable.of(case for patient in range(100) for case in made("a", patient, [3.0, 9.0]))


def test_a_seed_gives_the_same_split_for_ever() -> None:
    split = split_fractions(many(), seed=7)
    assert sorted({key.split("-")[0] for key in split.parts["test"]}) == [
        "a/23", "a/38", "a/39", "a/45", "a/67", "a/68", "a/69", "a/82", "a/96", "a/99",
    ]  # fmt: skip
    assert split.made == {
        "seed": 7,
        "stratified_by": ["source", "severity"],
        "shares": {"train": "4/5", "val": "1/10", "test": "1/10"},
    }


def test_another_seed_gives_another_split() -> None:
    assert split_fractions(many(), seed=1).parts != split_fractions(many(), seed=2).parts


def test_a_patient_counts_with_the_worst_of_its_cases() -> None:
    mild = [case for patient in range(10) for case in made("a", patient, [3.0])]
    worse = [case for patient in range(10, 20) for case in made("a", patient, [3.0, 18.0])]
    split = split_folds(CaseTable.of(mild + worse), 2)
    severe = [
        sum(int(key[2:].split("-")[0]) >= 10 for key in keys if key.endswith("-0")) for keys in split.parts.values()
    ]
    assert severe == [5, 5]


@pytest.mark.parametrize(
    ("scores", "finding", "band"),
    [
        ({}, "", "0 unknown"),
        ({}, "No Finding", "1 none"),
        ({"brixia": 0}, "", "1 none"),
        ({"brixia-senior": 6}, "", "2 mild"),
        ({"brixia-senior": 7}, "", "3 moderate"),
        ({"six-zone-r": 6, "six-zone-d": 5}, "", "4 severe"),
        ({"brixia-senior.A": 3}, "", "0 unknown"),
        ({"sharpness": 3}, "COVID-19", "0 unknown"),
    ],
)
def test_bands_of_severity(scores: dict[str, float], finding: str, band: str) -> None:
    case = DatasetCase("a", "1", "1", "CXR", Path("x.png"), scores=scores, finding=finding)
    assert severity_band(case) == band


def test_what_cannot_be_split_is_told() -> None:
    table = CaseTable.of(made("a", 1, [0.0, 0.0]))
    with pytest.raises(SettingsError, match="1 patient cannot be split into 2 folds"):
        split_folds(table, 2)
    with pytest.raises(SettingsError, match="1 in all"):
        split_fractions(table, {"train": Fraction(1, 2)})
    with pytest.raises(SettingsError, match="none below 0"):
        split_fractions(table, {"train": Fraction(3, 2), "test": Fraction(-1, 2)})
    with pytest.raises(SettingsError, match="Did you mean 'severity'"):
        split_fractions(table, strata=("severty",))


def test_an_empty_table_has_empty_parts() -> None:
    assert set(split_fractions(CaseTable(())).parts.values()) == {()}


def test_nothing_to_stratify_by() -> None:
    split = split_fractions(many(), strata=())
    assert [len(keys) for keys in split.parts.values()] == [160, 20, 20]


def test_collections_of_a_source_and_numbers_of_cases_are_strata() -> None:
    from dataclasses import replace

    from hilum.datasets.split import STRATA

    (case, *_) = one = made("a", 1, [0.0] * 5)
    assert STRATA["source"](one) == "a "
    assert STRATA["source"]([replace(case, facts={"collection": "inner"})]) == "a inner"
    assert [STRATA["cases"](one[:number]) for number in (1, 2, 3, 4)] == ["01", "02", "02", "03"]


def test_patients_of_many_cases_are_shared_out_if_asked_for() -> None:
    table = CaseTable.of(case for patient in range(20) for case in made("a", patient, [0.0] * (1 + 31 * (patient < 4))))
    split = split_folds(table, 4, strata=("cases",))
    assert [len(keys) for keys in split.parts.values()] == [36] * 4
