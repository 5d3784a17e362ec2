"""What is said on stderr, and how loud."""

from __future__ import annotations

import logging
import warnings

import click
import pytest
from click.testing import CliRunner, Result

from hilum.cli import talk
from hilum.cli.talk import TalkingCommand, progress


@click.command(cls=TalkingCommand)
def speak() -> None:
    log = logging.getLogger("hilum.readers")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        log.log(level, "ours at %d", level)
    logging.getLogger("pydicom").setLevel(logging.WARNING)  # as pydicom itself does
    logging.getLogger("pydicom").warning("theirs")
    logging.getLogger("pydicom").info("their chatter")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("a warning of a library", UserWarning, "library.py", 1)
    click.echo("the result")


@pytest.mark.parametrize(
    ("flags", "heard", "unheard"),
    [
        (["--quiet"], ["ours at 40"], ["ours at 30", "theirs"]),
        ([], ["ours at 30", "ours at 40"], ["ours at 20", "theirs", "a warning of a library"]),
        (["-v"], ["ours at 20", "theirs", "a warning of a library"], ["ours at 10", "their chatter"]),
        (["--debug"], ["ours at 10", "theirs"], ["their chatter"]),
    ],
)
def test_loudness(flags: list[str], heard: list[str], unheard: list[str]) -> None:
    result = CliRunner().invoke(speak, flags)
    assert result.exit_code == 0
    assert result.stdout == "the result\n"
    assert [text for text in heard if text not in result.stderr] == []
    assert [text for text in unheard if text in result.stderr] == []


def test_the_log_is_left_as_it_was() -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level, logging.getLogger("hilum").level
    CliRunner().invoke(speak, ["--debug"])
    assert before == (logging.getLogger().handlers, logging.getLogger().level, logging.getLogger("hilum").level)


def walk(flags: list[str], *, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> Result:
    @click.command(cls=TalkingCommand)
    def steps() -> None:
        monkeypatch.setattr(talk.sys.stderr, "isatty", lambda: terminal, raising=False)
        with progress(3) as watch:
            for trouble in ("", "film.png: it is a cat.", ""):
                watch.within("lungs", 1, 3)
                watch.step(trouble)

    return CliRunner().invoke(steps, flags)


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3/3" in walk([], terminal=True, monkeypatch=monkeypatch).stderr
    assert walk([], terminal=False, monkeypatch=monkeypatch).stderr == "film.png: it is a cat.\n"
    assert "3/3" not in walk(["-q"], terminal=True, monkeypatch=monkeypatch).stderr


def test_trouble_stands_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\r\x1b[Kfilm.png: it is a cat.\n" in walk([], terminal=True, monkeypatch=monkeypatch).stderr


def look_at_one(*, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    @click.command(cls=TalkingCommand)
    def one() -> None:
        monkeypatch.setattr(talk.sys.stderr, "isatty", lambda: terminal, raising=False)
        with progress(1) as watch:
            for done in (1, 1, 2, 7):
                watch.within("lungs", done, 7)
            watch.step("")

    return CliRunner().invoke(one).stderr


def test_how_far_a_volume_is(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = look_at_one(terminal=True, monkeypatch=monkeypatch)
    clear = "\r\x1b[K"
    assert shown == f"{clear}Looking for lungs 14 %{clear}Looking for lungs 28 %{clear}Looking for lungs 100 %{clear}"
    assert look_at_one(terminal=False, monkeypatch=monkeypatch) == ""
    assert "lungs 33 %" in walk([], terminal=True, monkeypatch=monkeypatch).stderr
