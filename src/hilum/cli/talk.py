"""What commands say on stderr: the log, as loud as asked, and a progress bar where a person is watching."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

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


class Watch:
    """What a person sees of a run: a bar over its cases, and in a large one how far its stage is.

    Parameters
    ----------
    bar : over the cases, which is not shown if there is only one
    is_hidden : nothing is shown
    """

    def __init__(self, bar: ProgressBar[int], *, is_hidden: bool) -> None:
        self._bar, self._is_hidden = bar, is_hidden
        self._is_alone = bar.length == 1
        self._lock = Lock()
        self._last = ""

    def step(self, trouble: str) -> None:
        """A case is done; ``trouble`` is what went wrong in it, empty if nothing did."""
        with self._lock:
            if trouble:
                click.echo(f"{'' if self._is_hidden else _CLEAR_LINE}{trouble}", err=True, color=not self._is_hidden)
            if self._last and self._is_alone:
                click.echo(_CLEAR_LINE, err=True, nl=False, color=True)
            self._bar.label = self._last = ""
            self._bar.update(1)

    def within(self, stage: str, done: int, total: int) -> None:
        """A stage of a case, such as ``lungs``, is as far as that; may be called from any thread."""
        text = f"{stage} {100 * done // max(1, total)} %"
        with self._lock:
            if self._is_hidden or text == self._last:
                return
            self._last = text
            if self._is_alone:
                click.echo(f"{_CLEAR_LINE}Looking for {text}", err=True, nl=False, color=True)
            else:
                self._bar.label = text
                self._bar.render_progress()


@contextmanager
def progress(length: int) -> Generator[Watch]:
    """A bar over ``length`` cases, seen only on a terminal; its methods tell what has been done."""
    is_hidden = click.get_current_context().meta.get(QUIET, False) or not sys.stderr.isatty()
    with click.progressbar(length=length, file=sys.stderr, hidden=is_hidden or length < 2, show_pos=True) as bar:
        yield Watch(bar, is_hidden=is_hidden)
