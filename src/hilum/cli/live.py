"""How far a cohort is: one line that is written over on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from hilum.batch.local import Outcome
from hilum.cli.talk import QUIET
from hilum.wording import counted

LINE_SECONDS = 0.2
"""Shortest time between two states on a terminal."""

LOG_SECONDS = 60.0
"""Shortest time between two lines of a log."""

_CLEAR_LINE = "\r\x1b[K"


class Live:
    """Counts outcomes, and tells rate, time left and failures on stderr.

    Parameters
    ----------
    is_terminal : somebody is watching; None asks stderr
    clock : gives seconds
    """

    def __init__(self, *, is_terminal: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._is_terminal = sys.stderr.isatty() if is_terminal is None else is_terminal
        self._is_quiet = bool(click.get_current_context().meta.get(QUIET, False))
        self._started = self._told = clock()
        self._total = self._done = self._failed = 0

    def start(self, total: int, kept: int, /) -> None:
        """So many cases are to come, and so many were settled before."""
        self._total = total
        self._started = self._told = self._clock()
        if not self._is_quiet:
            click.echo(f"{counted(total, 'case')} to work on, {kept} settled before.", err=True)

    def step(self, outcome: Outcome, /) -> None:
        """One more case has been worked on."""
        self._done += 1
        self._failed += outcome.status == "failed"
        now = self._clock()
        if self._is_quiet or now - self._told < (LINE_SECONDS if self._is_terminal else LOG_SECONDS):
            return
        self._told = now
        if self._is_terminal:
            click.echo(_CLEAR_LINE + self.line(), err=True, nl=False, color=True)
        else:
            click.echo(self.line(), err=True)

    def close(self) -> None:
        """Take the line off the terminal."""
        if self._is_terminal and not self._is_quiet:
            click.echo(_CLEAR_LINE, err=True, nl=False, color=True)

    def line(self) -> str:
        """Such as ``120 of 1000 cases, 3 failed, 8.0 a second, 0:01:50 left``."""
        seconds = max(self._clock() - self._started, 1e-9)
        rate = self._done / seconds
        speed = f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"
        left = round((self._total - self._done) / rate) if rate else 0
        hours, minutes = divmod(left // 60, 60)
        return (
            f"{self._done} of {counted(self._total, 'case')}, {self._failed} failed, {speed}, "
            f"{hours}:{minutes:02}:{left % 60:02} left"
        )
