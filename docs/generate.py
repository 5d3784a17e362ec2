"""Write the reference pages that come from the code: ``python docs/generate.py [--check]``.

With ``--check`` nothing is written, and the exit status is 1 if a page is stale.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import click

from hilum.cli.app import app
from hilum.cli.options import declared, toml_value
from hilum.cli.talk import OPTIONS
from hilum.scoring import DEFINITIONS

REFERENCE = Path(__file__).parent / "reference"
NOTICE = "<!-- Made by docs/generate.py from the code; `make docs` makes it again. -->"


def pages() -> dict[str, str]:
    """Every generated page: file name to text."""
    made = {"cli.md": _cli(), "scores.md": _scores(), "settings.md": _settings()}
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


def stale() -> list[str]:
    """File names of pages that are not what the code says now."""
    return [name for name, text in pages().items() if not _holds(REFERENCE / name, text)]


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _cli() -> Iterator[str]:
    yield from ("# Command line", "", NOTICE, "")
    yield from (
        "Results go to standard output, everything else to standard error. Exit status: 0 done, 1 an error (one line),",
        "2 wrong usage, 3 some cases failed, 130 interrupted.",
    )
    yield from ("", "Every command has these too:", "", "| option | meaning |", "| --- | --- |")
    for long, short, _, meaning in OPTIONS:
        yield f"| `{f'{short}, ' if short else ''}{long}` | {meaning} |"
    context = click.Context(app, info_name="hilum")
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        if command is not None:
            yield from _command(f"hilum {name}", command)


def _command(name: str, command: click.Command) -> Iterator[str]:
    shared = {long for long, *_ in OPTIONS}
    options = [each for each in command.params if isinstance(each, click.Option) and not shared & set(each.opts)]
    arguments = [
        each.make_metavar(click.Context(command)) for each in command.params if isinstance(each, click.Argument)
    ]
    needed = [f"{each.opts[0]} {_value_name(each)}" for each in options if each.required]
    usage = " ".join([name, *arguments, *needed])
    yield from ("", f"## {name}", "", f"`{usage}`", "", _paragraphs(command.help or ""))
    if options:
        yield from ("", "| option | meaning |", "| --- | --- |")
        yield from (_option(each) for each in options)
    if isinstance(command, click.Group):
        within = click.Context(command)
        for inner in command.list_commands(within):
            if (found := command.get_command(within, inner)) is not None:
                yield from _command(f"{name} {inner}", found)


def _paragraphs(help_text: str) -> str:
    return "\n\n".join(" ".join(each.split()) for each in help_text.split("\n\n"))


def _option(option: click.Option) -> str:
    names = ", ".join(option.opts) + (f" / {option.secondary_opts[0]}" if option.secondary_opts else "")
    if isinstance(option.type, click.Choice):
        names += " [" + "\\|".join(option.type.choices) + "]"
    elif not option.is_flag:
        names += f" {_value_name(option)}"
    notes = " (required)" if option.required else ""
    if option.show_default and option.default is not None:
        notes += f" [default: {option.default}]"
    return f"| `{names}` | {' '.join((option.help or '').split())}{notes} |"


def _value_name(option: click.Option) -> str:
    return option.metavar or option.type.name.split()[0].upper()


def _scores() -> Iterator[str]:
    yield from ("# Scores", "", NOTICE, "")
    yield from (
        "The id is the key in `result.json` and the column in `results.csv`. A score that cannot be measured is absent",
        "with its reason, never 0.",
    )
    for name in DEFINITIONS:
        each = DEFINITIONS[name]
        low, high = each.range
        yield from ("", f"## `{each.id}`: {each.title}", "", each.definition, "")
        yield f"* Range: {low:g} to {high:g} {each.unit}"
        yield f"* From: {', '.join(each.inputs)}"
        yield f"* {'Estimated by a network' if each.is_estimate else 'Measured by its rule'}"
        yield f"* Source: {each.source}"
        yield f"* Limits: {each.limits}"


def _settings() -> Iterator[str]:
    yield from ("# Settings", "", NOTICE, "")
    yield from (
        "Defaults give way to a TOML file (`--settings FILE`), that to environment variables",
        "(`HILUM_OUTPUT_REPORT=false`), those to the command line (`--set output.report=false`).",
        "`hilum info --settings` prints what holds, as TOML.",
    )
    table = ""
    for setting in declared():
        head, _, name = setting.key.partition(".")
        if head != table:
            table = head
            yield from ("", f"## [{table}]", "", "| key | values | default | meaning |", "| --- | --- | --- | --- |")
        yield f"| `{name}` | {_values(setting.type)} | `{toml_value(setting.default)}` | {setting.meaning} |"


def _values(wanted: typing.Any) -> str:
    if typing.get_origin(wanted) is typing.Literal:
        return ", ".join(f"`{toml_value(each)}`" for each in typing.get_args(wanted))
    if typing.get_origin(wanted) is tuple:
        return f"a list of {_values(typing.get_args(wanted)[0])}"
    return {int: "whole number", bool: "`true`, `false`", str: "text", float: "number"}[wanted]


def main() -> int:
    """Write the pages, or tell which are stale."""
    if "--check" in sys.argv[1:]:
        for name in (wrong := stale()):
            click.echo(f"docs/reference/{name} is stale: run 'make docs'.", err=True)
        return 1 if wrong else 0
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
