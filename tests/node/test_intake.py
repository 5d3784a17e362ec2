"""What becomes of files that arrive: whole films, truncated ones, other things."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from hilum.node import Queue
from hilum.node.intake import look, take_file

from .parts import copied


@pytest.fixture
def queue(tmp_path) -> Queue:
    return Queue(tmp_path / "spool", limit_bytes=1e7)


def changed(path: Path, to: Path, **elements) -> Path:
    dataset = pydicom.dcmread(path)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(to, enforce_file_format=True)
    return to


def test_a_film_is_stored_and_the_file_left_alone(queue, films) -> None:
    before = films[0].read_bytes()
    assert take_file(queue, films[0]) == "stored"
    assert take_file(queue, films[0]) == "duplicate"
    assert films[0].read_bytes() == before
    (kept,) = (queue.folder / "studies").rglob("*.dcm")
    assert kept.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 3, 3001, 20000])
def test_a_truncated_film_is_put_aside_with_the_reason(queue, films, tmp_path, cut) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(films[0].read_bytes()[:-cut])
    assert take_file(queue, path) == "bad"
    assert take_file(queue, path) == "bad"
    (reason,) = queue.aside.glob("*.txt")  # the same bytes once
    assert reason.read_text() == "truncated: it ends before its pixels do\n"
    assert queue.studies() == ()
    assert list(queue.incoming.iterdir()) == []


@pytest.mark.parametrize("syntax", ["explicit-big", "implicit-little", "rle", "jpeg-ls", "jpeg2000", "jpeg-lossless"])
def test_every_transfer_syntax_that_is_taken_in_is_looked_at_rightly(syntax, films, tmp_path) -> None:
    from hilum.phantom import sample_film, write_dicom

    path = write_dicom(sample_film(7, shape=(64, 48)), tmp_path / "film.dcm", transfer_syntax=syntax)
    assert look(path).trouble == ""
    (tmp_path / "cut.dcm").write_bytes(path.read_bytes()[:-12])
    assert look(tmp_path / "cut.dcm").trouble.startswith("truncated")


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"StudyInstanceUID": ""}, "no-identifiers"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.34"}, "other-class"),
        ({"PixelData": b"\0" * 64}, "truncated"),
    ],
)
def test_an_object_that_cannot_be_used_says_why(films, tmp_path, elements, code) -> None:
    assert look(changed(films[0], tmp_path / "x.dcm", **elements)).trouble.partition(":")[0] == code


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 128 + b"DICM" + b"\xff" * 40, b"\x89PNG\r\n" * 90])
def test_what_is_no_dicom_says_so(tmp_path, content) -> None:
    (tmp_path / "x").write_bytes(content)
    assert look(tmp_path / "x").trouble.partition(":")[0] in ("not-dicom", "broken-header", "other-syntax")


def test_another_instance_than_was_announced_is_put_aside(queue, films) -> None:
    assert take_file(queue, films[0], expected="1.2.3") == "bad"


def test_an_overlay_of_ours_is_let_go_and_one_of_another_maker_is_not(queue, films, tmp_path) -> None:
    ours = {"Manufacturer": "Hilum", "ImageType": ["DERIVED", "SECONDARY", "OVERLAY"]}
    assert take_file(queue, changed(films[1], tmp_path / "own.dcm", **ours)) == "own"
    assert queue.studies() == ()
    theirs = {**ours, "Manufacturer": "Another"}
    assert take_file(queue, changed(films[1], tmp_path / "other.dcm", **theirs)) == "stored"


def test_a_full_spool_takes_nothing(tmp_path, films) -> None:
    queue = Queue(tmp_path / "small", limit_bytes=films[0].stat().st_size + 1000)
    assert take_file(queue, films[0]) == "stored"
    assert take_file(queue, copied(films[0], tmp_path / "b.dcm", 99)) == "full"
    assert queue.counts["refused_full"] == 1
