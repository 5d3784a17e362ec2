"""Split files: our own and those of the published systems, there and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.datasets.schema import CaseTable, DatasetCase
from hilum.datasets.split import Split, read_split, split_folds, split_fractions, write_split
from hilum.errors import ReadError, SettingsError, UnsupportedFormat

NAMED = Split({"train": ("s/a", "s/b"), "val": ("s/c",), "test": ("s/d", "s/e")}, {"seed": 3})
FOLDS = Split({"fold-0": ("s/a", "s/b"), "fold-1": ("s/c",), "fold-2": ("s/d", "s/e")}, {"seed": 3})
PUBLISHED = """

Train examples (total:5) :['Case-0000' 'Case-0001' 'Case-0002'
 'Case-0005' 'Case-0006']

Validation examples (total:2) :['Case-0004' 'Case-0010']:

Test examples (total:1) :['Case-0003']"""
WORDS = st.text("abcdefghij0123456789-_ ", min_size=1)
SPLITS = st.lists(st.tuples(WORDS, WORDS).map("/".join), max_size=12, unique=True).flatmap(
    lambda names: st.tuples(*[st.integers(0, len(names))] * 2).map(
        lambda cuts: Split(
            {
                "train": tuple(names[: min(cuts)]),
                "val": tuple(names[min(cuts) : max(cuts)]),
                "test": tuple(names[max(cuts) :]),
            }
        )
    )
)


def table(*names: str, source: str = "s", folder: str = "data") -> CaseTable:
    return CaseTable.of(
        DatasetCase(source, name, name.rstrip("0123456789"), "CT", Path(folder) / source / "img" / f"{name}.nii.gz")
        for name in names
    )


@pytest.mark.parametrize("form", ["hilum", "ggo-cons", "covid-scoring"])
@settings(max_examples=30, deadline=None)
@given(split=SPLITS)
def test_names_come_back_from_every_format(tmp_path_factory: pytest.TempPathFactory, form: str, split: Split) -> None:
    path = tmp_path_factory.mktemp("split") / "it"
    write_split(split, path, form)
    assert read_split(path).parts == split.parts


@pytest.mark.parametrize("split", [NAMED, FOLDS])
def test_our_own_format_keeps_how_it_was_made(tmp_path: Path, split: Split) -> None:
    write_split(split, tmp_path / "one.json")
    write_split(split, tmp_path / "two.json")
    assert read_split(tmp_path / "one.json") == split
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_folds_of_miscnn(tmp_path: Path) -> None:
    write_split(FOLDS, tmp_path / "evaluation", "miscnn")
    second = json.loads((tmp_path / "evaluation" / "fold_1" / "sample_list.json").read_text(encoding="utf-8"))
    assert second == {"TRAINING": ["s/a", "s/b", "s/d", "s/e"], "VALIDATION": ["s/c"]}
    assert read_split(tmp_path / "evaluation").parts == FOLDS.parts


def test_more_than_ten_folds_are_in_their_order(tmp_path: Path) -> None:
    many = Split({f"fold-{number}": (f"s/{number}",) for number in range(12)})
    write_split(many, tmp_path / "evaluation", "miscnn")
    assert list(read_split(tmp_path / "evaluation").parts.items()) == list(many.parts.items())


def test_one_file_of_miscnn_is_train_and_val(tmp_path: Path) -> None:
    two = Split({"train": ("s/a",), "val": ("s/b",)})
    write_split(two, tmp_path / "sample_list.json", "miscnn")
    assert read_split(tmp_path / "sample_list.json").parts == two.parts


def test_folds_that_contradict_each_other(tmp_path: Path) -> None:
    write_split(FOLDS, tmp_path, "miscnn")
    (tmp_path / "fold_1" / "sample_list.json").write_text(
        '{"TRAINING": ["s/a"], "VALIDATION": ["s/c"]}', encoding="utf-8"
    )
    with pytest.raises(ReadError, match="fold_1 does not train on"):
        read_split(tmp_path)


def test_the_text_of_ggo_cons_as_it_was_published(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text(PUBLISHED, encoding="utf-8")
    assert read_split(tmp_path / "model.txt").parts == {
        "train": ("Case-0000", "Case-0001", "Case-0002", "Case-0005", "Case-0006"),
        "val": ("Case-0004", "Case-0010"),
        "test": ("Case-0003",),
    }


def test_the_text_of_ggo_cons_is_what_numpy_prints(tmp_path: Path) -> None:
    parts = {"train": [f"Case-{n:04}" for n in range(40)], "val": ["Case-0050"], "test": ["Case-0060"]}
    write_split(Split({name: tuple(names) for name, names in parts.items()}), tmp_path / "it.txt", "ggo-cons")
    train, val, test = (np.array(names) for names in parts.values())
    expected = f"\n\nTrain examples (total:40) :{train}\n\nValidation examples (total:1) :{val}:"
    assert (tmp_path / "it.txt").read_text(encoding="utf-8") == f"{expected}\n\nTest examples (total:1) :{test}"


def test_what_numpy_left_out_is_taken_from_the_table(tmp_path: Path) -> None:
    names = [f"Case-{number:04}" for number in range(1100)]
    text = f"\n\nTrain examples (total:1098) :{np.array(names[:1098])}"
    text += f"\n\nValidation examples (total:1) :{np.array(names[1098:1099])}:"
    text += f"\n\nTest examples (total:1) :{np.array(names[1099:])}"
    (tmp_path / "it.txt").write_text(text, encoding="utf-8")
    split = read_split(tmp_path / "it.txt")
    assert split.rest == ("train", 1098)
    with pytest.raises(SettingsError, match="match it with its table first"):
        write_split(split, tmp_path / "copy.txt", "ggo-cons")
    whole = table(*names)
    assert split.matched(whole).parts["train"] == tuple(case.key for case in whole)[:1098]
    with pytest.raises(SettingsError, match="it was not made of this table"):
        split.matched(table(*names[1:]))


def test_files_in_folders_are_a_split_of_covid_scoring(tmp_path: Path) -> None:
    for part, name in (("train", "rsna/img/a.png"), ("val", "ccxd/img/b.png"), ("test", "ccxd/img/a.png")):
        (tmp_path / part / name).parent.mkdir(parents=True)
        (tmp_path / part / name).touch()
    assert read_split(tmp_path).parts == {"train": ("rsna/a.png",), "val": ("ccxd/b.png",), "test": ("ccxd/a.png",)}


def test_the_table_of_covid_scoring_has_more_columns(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        (tmp_path / part).mkdir()
        text = f"dataset,filenames,Inaccurate labelling,Score R,Score D\nrsna,{part}.png,,1,2\n"
        (tmp_path / part / "metadata.csv").write_text(text, encoding="utf-8")
    assert read_split(tmp_path).parts == {part: (f"rsna/{part}.png",) for part in ("train", "val", "test")}


@pytest.mark.parametrize(
    ("split", "form", "told"),
    [
        (FOLDS, "ggo-cons", "no place for the part 'fold-0'"),
        (FOLDS, "covid-scoring", "no place for the part 'fold-0'"),
        (NAMED, "miscnn", "no place for the part 'test'"),
        (NAMED, "misscnn", "Did you mean 'miscnn'"),
        (Split({"train": ("it's",), "val": (), "test": ()}), "ggo-cons", "cannot hold the name"),
        (Split({"train": ("alone",), "val": (), "test": ()}), "covid-scoring", "has no data set"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path: Path, split: Split, form: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        write_split(split, tmp_path / "it", form)
    assert not list(tmp_path.glob("it/**/*.csv"))


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("nothing", UnsupportedFormat, "no split that Hilum knows"),
        ('{"format": "hilum-split", "version": 2, "parts": {}}', ReadError, "of version 2"),
        ('{"format": "hilum-split", "version": 1, "made": {}, "parts": {"some": []}}', ReadError, "its parts are some"),
        ('{"format": "hilum-split", "version": 1, "made": {}, "parts": {"train": "a"}}', ReadError, "not a list"),
        (
            '{"format": "hilum-split", "version": 1, "made": {}, "parts": {"train": ["a"], "val": ["a"]}}',
            ReadError,
            "a",
        ),
        ('{"TRAINING": []}', ReadError, "VALIDATION"),
        (PUBLISHED.replace("total:2", "total:3"), ReadError, "Validation examples are 3, and 2"),
        (PUBLISHED.replace("Test", "Tests"), ReadError, "expected train, validation and test"),
        (PUBLISHED.replace("['", "['x' ... '"), ReadError, "more than one part"),
    ],
)
def test_what_is_no_split_is_told(tmp_path: Path, text: str, error: type[Exception], told: str) -> None:
    (tmp_path / "it").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=told):
        read_split(tmp_path / "it")


def test_an_absent_file_is_no_split(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="or is not there"):
        read_split(tmp_path / "absent")


def test_names_of_others_are_matched_with_the_table() -> None:
    cases = table("p1", "p2", "p3", "p4")
    split = Split({"train": ("s/p1", "p2"), "val": ("p3.nii.gz",), "test": ("s/p4.nii.gz",)})
    assert split.matched(cases).parts == {"train": ("s/p1", "s/p2"), "val": ("s/p3",), "test": ("s/p4",)}


def test_a_name_that_fits_two_cases_is_refused() -> None:
    both = table("p1") + table("p1", source="t")
    with pytest.raises(SettingsError, match="more than one case: s/p1, t/p1"):
        Split({"train": ("p1",)}).matched(both)
    assert Split({"train": ("t/p1",)}).matched(both).parts == {"train": ("t/p1",)}
    with pytest.raises(SettingsError, match="no case of the table"):
        Split({"train": ("p2",)}).matched(both)


def test_a_patient_on_two_sides_is_found() -> None:
    cases = table("p1", "p2", "q1")
    (divided,) = Split({"train": ("s/p1",), "test": ("s/p2", "s/q1")}).divided(cases)
    assert (divided.person, divided.parts) == ("s/p", ("train", "test"))
    assert Split({"train": ("s/p1", "s/p2"), "test": ("s/q1",)}).divided(cases) == ()


def test_a_split_fills_the_column_of_the_table() -> None:
    cases = table("a", "b", "c", "d", "e", "f")
    assert [case.split for case in NAMED.applied(cases)] == ["train", "train", "val", "test", "test", ""]
    assert [case.split for case in FOLDS.applied(cases, fold=1)] == ["train", "train", "val", "train", "train", ""]
    with pytest.raises(SettingsError, match="0 to 2"):
        FOLDS.applied(cases)
    with pytest.raises(SettingsError, match="0 to 2"):
        FOLDS.applied(cases, fold=3)


def test_a_case_in_two_parts_is_no_split() -> None:
    with pytest.raises(ValueError, match="s/a"):
        Split({"train": ("s/a",), "test": ("s/a",)})


def test_our_splits_survive_the_formats_of_others(tmp_path: Path) -> None:
    cases = table(*(f"{letter}{number}" for letter in "abcdefghij" for number in range(3)))
    for form, split in (("ggo-cons", split_fractions(cases)), ("miscnn", split_folds(cases, 5))):
        write_split(split, tmp_path / form, form)
        assert read_split(tmp_path / form).matched(cases).parts == split.parts
