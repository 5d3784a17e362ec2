"""What commands say on stderr: the log, as loud as asked, and a progress bar where a person is watching."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import click

DEBUG = "hilum.debug"
"""Key of the context's ``meta``: show all steps, and the traceback of an error."""

VERBOSE = "hilum.verbose"
"""Key of the context's ``meta``: tell the steps."""

QUIET = "hilum.quiet"
"""Key of the context's ``meta``: tell errors only."""

OPTIONS = (
    ("--quiet", "-q", QUIET, "Tell errors only."),
    ("--verbose", "-v", VERBOSE, "Tell the steps."),
    ("--debug", None, DEBUG, "Tell everything, with the traceback of an error."),
)
"""Long name, short name, key and help of the options that every command has."""


_CLEAR_LINE = "\r\x1b[K"


class TalkingCommand(click.Command):
    """A command with ``-q``, ``-v`` and ``--debug``, whose log speaks on stderr."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += [_option(*each) for each in OPTIONS]

    def invoke(self, ctx: click.Context) -> Any:
        """The command's result; the log is heard while it runs."""
        with _log_on_stderr(_level(ctx)):
            return super().invoke(ctx)


def _option(long: str, short: str | None, key: str, meaning: str) -> click.Option:
    def remember(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.meta[key] = value

    names = [long] if short is None else [short, long]
    return click.Option(names, is_flag=True, expose_value=False, callback=remember, help=meaning)


def _level(context: click.Context) -> int:
    levels = {DEBUG: logging.DEBUG, VERBOSE: logging.INFO, QUIET: logging.ERROR}
    return next((level for key, level in levels.items() if context.meta.get(key)), logging.WARNING)


class _Stderr(logging.Handler):
    """Our own log from ``level`` on; of other libraries warnings, and those only when our steps are told."""

    def __init__(self, level: int) -> None:
        super().__init__()
        theirs = logging.WARNING if level < logging.WARNING else logging.CRITICAL
        self.addFilter(lambda record: record.levelno >= (level if record.name.startswith("hilum") else theirs))

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname.lower()}: {self.format(record)}", err=True)


@contextmanager
def _log_on_stderr(level: int) -> Generator[None]:
    ours, handler = logging.getLogger("hilum"), _Stderr(level)
    before = ours.level
    ours.setLevel(level)
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        logging.getLogger().removeHandler(handler)
        ours.setLevel(before)


@contextmanager
def progress(length: int) -> Generator[Callable[[str], None]]:
    """A bar over ``length`` steps, seen only on a terminal.

    Gives a function to call after each step, with what went wrong in it, empty if nothing did.
    """
    quiet = click.get_current_context().meta.get(QUIET, False)
    hidden = quiet or length < 2 or not sys.stderr.isatty()
    with click.progressbar(length=length, file=sys.stderr, hidden=hidden, show_pos=True) as bar:

        def step(trouble: str) -> None:
            if trouble:
                click.echo(f"{'' if hidden else _CLEAR_LINE}{trouble}", err=True, color=not hidden)
            bar.update(1)

        yield step
