"""What tests of the page start and look for: readers, users, checks of the page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "correct horse battery"
PATIENCE_MS = 300_000
"""For what the networks take on a busy machine."""

Opened = Callable[..., Page]
"""Makes a page: ``opened(address, expected="text of an error that may be in the console")``."""


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """A reader on a free port, in a process of its own as a person starts it; gives its address."""
    with _hilum("serve", "--folder", folder, "--port", 0, "--preset", "fast", *options) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert " at http" in said, said
            yield said.split(" at ")[1].split()[0]
        finally:
            process.terminate()


def add_user(folder: Path, name: str, role: str) -> None:
    """Make a user as a person does, the password on standard input."""
    with _hilum("serve", "--folder", folder, "--add-user", name, "--role", role) as process:
        _, said = process.communicate(PASSWORD + "\n")
        assert process.returncode == 0, said


def _hilum(*arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HILUM_RUNTIME_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "hilum", *map(str, arguments)],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


def shown(page: Page, count: int = 1) -> None:
    """Wait for so many images with all their layers."""
    expect(page.locator(".viewer[data-state=ready]")).to_have_count(count)


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
