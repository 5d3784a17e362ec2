"""The journal: what was written is there again, whatever happened to the process or the last line."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.batch.journal import JOURNAL, Record, open_journal, read_journal
from hilum.errors import WriteError

DONE = Record("film", "/films/film.png", "1:7:aa", "5e771465", "done", modality="cxr")
FAILED = Record("cat", "/films/cat.png", "1:7:bb", "5e771465", "failed", code="not-a-film", message="It is a cat. Ü\n")


def test_what_was_added_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add(DONE)
        journal.add(FAILED)
        assert journal.records == {DONE.place: DONE, FAILED.place: FAILED}
    with open_journal(tmp_path) as journal:
        assert journal.records == {DONE.place: DONE, FAILED.place: FAILED}
        assert (journal.owner("film"), journal.owner("cat")) == (DONE.place, None)
    assert len((tmp_path / JOURNAL).read_bytes().splitlines()) == 2


def test_the_last_record_of_a_place_counts(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add(DONE)
        journal.add(replace(DONE, settings="other"))
    assert read_journal(tmp_path / JOURNAL)[DONE.place].settings == "other"


def test_a_folder_belongs_to_whoever_wrote_it_last(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add(DONE)
        journal.add(replace(DONE, place="/others/film.png"))
    with open_journal(tmp_path) as journal:
        assert journal.owner("film") == "/others/film.png"


@given(kept=st.integers(0, 4), cut=st.integers(1, 200))
def test_a_torn_last_line_is_cut_off_and_the_next_is_whole(
    tmp_path_factory: pytest.TempPathFactory, kept: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    records = [replace(DONE, case=f"film-{n}", place=f"/{n}.png") for n in range(kept + 1)]
    with open_journal(folder) as journal:
        for record in records:
            journal.add(record)
    path = folder / JOURNAL
    *whole, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole) + last[: max(1, len(last) - cut)][: len(last) - 1])
    with open_journal(folder) as journal:
        assert list(journal.records.values()) == records[:-1]
        journal.add(FAILED)
    assert list(read_journal(path).values()) == [*records[:-1], FAILED]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add(DONE)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"case": "' + b"x" * 200_000)
    with open_journal(tmp_path) as journal:
        assert list(journal.records.values()) == [DONE]


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"7\n", b"{}\n", b'{"case": "a", "status": "lost"}\n', b"\xff\xfe\n"])
def test_lines_that_are_no_records_are_left_out(tmp_path: Path, line: bytes) -> None:
    with open_journal(tmp_path) as journal:
        journal.add(DONE)
    path = tmp_path / JOURNAL
    path.write_bytes(line + path.read_bytes() + line)
    assert list(read_journal(path).values()) == [DONE]


def test_two_runs_cannot_write_to_one_journal(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="needs file locks as of POSIX")
    with open_journal(tmp_path), pytest.raises(WriteError, match="another run"), open_journal(tmp_path):
        pass
    with open_journal(tmp_path) as journal:
        assert not journal.records


def test_nothing_is_written_after_a_line_that_could_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_journal(tmp_path) as journal:
        journal.add(DONE)
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
            with pytest.raises(WriteError, match="disk is full"):
                journal.add(FAILED)
        with pytest.raises(WriteError, match="disk is full"):
            journal.add(FAILED)
    assert list(read_journal(tmp_path / JOURNAL).values()) == [DONE]


def seconds(folder: Path, count: int) -> float:
    """To write, open again and look up as many records, without the disk's own time."""
    folder.mkdir()
    started = time.process_time()
    for half in (range(count // 2), range(count // 2, count)):
        with open_journal(folder) as journal:
            for n in half:
                journal.add(replace(DONE, case=f"film-{n}", place=f"/films/{n}.png"))
    with open_journal(folder) as journal:
        assert all(journal.owner(record.case) == place for place, record in journal.records.items())
        assert len(journal.records) == count
    return time.process_time() - started


@pytest.mark.slow
def test_a_case_costs_the_same_whatever_the_size_of_the_cohort(tmp_path: Path) -> None:
    few, many = seconds(tmp_path / "few", 10_000), seconds(tmp_path / "many", 100_000)
    assert many < 25 * few  # ten times as many: quadratic would be a hundred times
