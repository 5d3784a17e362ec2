"""Tables of cases: round trip, relative paths, and what a bad cell is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.datasets.case_csv import is_case_table
from hilum.datasets.schema import MASK_KINDS, SPLITS, STRUCTURES, TURNS, CaseTable, DatasetCase, Mask
from hilum.errors import ReadError

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0/\\.", exclude_categories=("Cs", "Cc")), min_size=1
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=("Cs",)))


def paths(folder: Path):
    return NAMES.map(lambda name: folder / "data" / name)


def masks(folder: Path, depth: int = 1):
    return st.builds(
        Mask,
        paths(folder),
        st.dictionaries(st.integers(1, 255), st.sampled_from(sorted(STRUCTURES))),
        turn=st.sampled_from(TURNS),
        above=st.none() | st.integers(0, 254),
        form=NAMES | st.just(""),
        beside=st.lists(masks(folder, depth - 1), max_size=1).map(tuple) if depth else st.just(()),
    )


def cases(folder: Path):
    return st.builds(
        DatasetCase,
        source=NAMES,
        case=NAMES,
        patient=NAMES,
        modality=st.sampled_from(("CXR", "CT")),
        image=paths(folder) | st.lists(paths(folder), min_size=1, max_size=3).map(tuple),
        masks=st.dictionaries(st.sampled_from(MASK_KINDS), masks(folder), max_size=2),
        scores=st.dictionaries(NAMES, st.floats(0, 100), max_size=2),
        finding=TEXTS,
        view=TEXTS,
        split=st.sampled_from(SPLITS),
        licence=TEXTS,
        facts=st.dictionaries(NAMES, TEXTS.filter(bool), max_size=2),
        turn=st.sampled_from(TURNS),
        form=NAMES | st.just(""),
        is_windowed=st.booleans(),
        spacing_mm=st.none() | st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)),
    )


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("table")
    table = CaseTable.of(data.draw(st.lists(cases(folder), max_size=3, unique_by=lambda case: case.key)))
    table.write_csv(folder / "cases.csv")
    assert CaseTable.read_csv(folder / "cases.csv") == table
    assert is_case_table(folder / "cases.csv")


def case(folder: Path, name: str = "a") -> DatasetCase:
    mask = Mask(
        folder / "masks" / "right.gif",
        {1: "right-lung"},
        above=127,
        beside=(Mask(folder / "left.gif", {1: "left-lung"}),),
    )
    return DatasetCase("jsrt", name, name, "CXR", folder / "images" / "a.png", {"lung-fields": mask}, {"brixia": 7})


def test_a_table_moves_with_its_data(tmp_path: Path) -> None:
    CaseTable((case(tmp_path / "here"),)).write_csv(tmp_path / "here" / "cases.csv")
    text = (tmp_path / "here" / "cases.csv").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    (tmp_path / "here").rename(tmp_path / "there")
    (read,) = CaseTable.read_csv(tmp_path / "there" / "cases.csv")
    assert read == case(tmp_path / "there")
    assert read.files == tuple(tmp_path / "there" / name for name in ("images/a.png", "masks/right.gif", "left.gif"))
    assert read.masks["lung-fields"].structures == {"right-lung", "left-lung"}


def test_a_table_may_stand_elsewhere(tmp_path: Path) -> None:
    made = CaseTable((case(tmp_path / "data"),))
    made.write_csv(tmp_path / "tables" / "mine.csv")
    (read,) = CaseTable.read_csv(tmp_path / "tables" / "mine.csv")
    assert read.image.resolve() == case(tmp_path / "data").image


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        CaseTable((case(tmp_path), case(tmp_path, "b"))).write_csv(tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="jsrt/a"):
        CaseTable((case(tmp_path), case(tmp_path)))


def test_a_mask_holds_known_structures_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="spleen"):
        Mask(tmp_path, {1: "spleen"})


def test_filter_counts_and_sum(tmp_path: Path) -> None:
    other = replace(case(tmp_path, "b"), modality="CT")
    table = CaseTable((case(tmp_path),)) + CaseTable((other,))
    assert table.counts(lambda each: each.modality) == {"CXR": 1, "CT": 1}
    assert table.filter(lambda each: each.modality == "CT").cases == (other,)


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("modality", "MR", "'MR'"),
        ("split", "training", "'training'"),
        ("image", "", "image is empty"),
        ("patient", "", "patient is empty"),
        ("score.brixia", "many", "many"),
        ("turn", "left", "'left'"),
        ("mask.lung-fields.how", '{"labels": {"1": "spleen"}}', "spleen"),
        ("mask.lung-fields.how", "{}", "labels"),
    ],
)
def test_a_bad_cell_is_told_with_its_line(tmp_path: Path, column: str, cell: str, told: str) -> None:
    import csv

    table = tmp_path / "cases.csv"
    CaseTable((case(tmp_path),)).write_csv(table)
    with table.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow({**row, column: cell})
    with pytest.raises(ReadError, match=r"cases\.csv', line 2") as caught:
        CaseTable.read_csv(table)
    assert told in str(caught.value)


def test_another_table_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("case,source\na,b\n", encoding="utf-8")
    assert not is_case_table(tmp_path / "cases.csv")
    assert not is_case_table(tmp_path / "absent.csv")
    with pytest.raises(ReadError, match="lacks patient, modality, image"):
        CaseTable.read_csv(tmp_path / "cases.csv")
    with pytest.raises(ReadError, match="absent"):
        CaseTable.read_csv(tmp_path / "absent.csv")
