"""The command group: its subcommands, its errors, its exit statuses."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click
import pytest
from click.testing import CliRunner, Result

from hilum import __version__
from hilum.cli.app import COMMANDS, app, main
from hilum.cli.talk import TalkingCommand
from hilum.errors import Error, Refused


def invoke_failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, *arguments: str) -> Result:
    @click.command(cls=TalkingCommand)
    def failing() -> None:
        raise error

    monkeypatch.setattr(app, "get_command", lambda *_: failing)
    return CliRunner().invoke(app, ["failing", *arguments])


def test_every_command_can_be_had_and_has_help() -> None:
    context = click.Context(app)
    names = app.list_commands(context)
    assert {"analyse", "demo", "info", "models"} <= set(names) <= set(COMMANDS)
    for name in names:
        command = app.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(limit=200).endswith((".", "..."))


def test_lists_of_commands_are_of_whole_sentences_on_a_narrow_terminal() -> None:
    groups = {"hilum": app, **{name: group for name in COMMANDS if isinstance(group := _command(name), click.Group)}}
    assert len(groups) > 3
    for name, group in groups.items():
        told = CliRunner().invoke(group, ["--help"], terminal_width=80).stdout.partition("Commands:")[2]
        assert told.count("\n") > 3, name
        assert "..." not in told, told


def _command(name: str) -> click.Command | None:
    return app.get_command(click.Context(app), name)


def test_unknown_commands_are_usage_errors() -> None:
    result = CliRunner().invoke(app, ["analyze"])
    assert result.exit_code == 2
    assert "analyze" in result.stderr


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"], prog_name="hilum").output == f"hilum {__version__}\n"


def test_our_error_is_one_line_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke_failing(monkeypatch, Refused("No film.", code="not-a-film"))
    assert result.exit_code == 1
    assert result.stderr == "Error: No film.\n"
    assert result.stdout == ""


def test_debug_shows_where_our_error_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke_failing(monkeypatch, Error("No film."), "--debug")
    assert isinstance(result.exception, Error)
    assert result.exit_code == 1


def test_a_defect_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke_failing(monkeypatch, ZeroDivisionError())
    assert isinstance(result.exception, ZeroDivisionError)


def test_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke_failing(monkeypatch, KeyboardInterrupt())
    assert result.exit_code == 130
    assert result.stderr.strip() == "Interrupted."


def test_what_the_terminal_cannot_show_is_told_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        click.echo("\u80ba.png \udcff")
        raise Error("No film: '\u80ba.png'.")

    monkeypatch.setattr(app, "get_command", lambda *_: failing)
    monkeypatch.setattr(sys, "argv", ["hilum", "failing"])
    with io.TextIOWrapper(io.BytesIO(), "cp1252") as out, io.TextIOWrapper(io.BytesIO(), "cp1252") as err:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            main()
        monkeypatch.undo()
        told = [stream.buffer.getvalue() for stream in (out, err)]  # type: ignore[attr-defined]
    assert ended.value.code == 1
    assert told == [b"\\u80ba.png \\udcff\n", b"Error: No film: '\\u80ba.png'.\n"]


def end_of_main(monkeypatch: pytest.MonkeyPatch, out: TextIO, *arguments: str) -> tuple[object, str]:
    """Exit status and stderr of the command line that writes to ``out``."""
    told = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["hilum", *arguments])
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", told)
    with pytest.raises(SystemExit) as ended:
        main()
    monkeypatch.undo()
    return ended.value.code, told.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, which is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"]])
def test_a_full_disk_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        status, told = end_of_main(monkeypatch, full, *arguments)
    assert (status, told.count("\n")) == (1, 1)
    assert told.startswith("Error: Cannot write standard output or a temporary file: No space left on device.")


def test_a_reader_that_closed_its_pipe_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    out = os.fdopen(writing, "w")
    assert end_of_main(monkeypatch, out, "models", "list") == (1, "")
    with suppress(BrokenPipeError):
        out.close()


def test_other_trouble_with_files_is_not_taken_for_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(app, "get_command", lambda *_: failing)
    monkeypatch.setattr(sys, "argv", ["hilum", "failing"])
    with pytest.raises(OSError, match="Input/output"):
        main()
