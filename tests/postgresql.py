"""A PostgreSQL of our own, for the time of the tests: in a temporary folder, answering on a socket in it only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVER_OPTIONS = (
    "-c fsync=off -c full_page_writes=off -c listen_addresses='' -c max_connections=60 -c timezone=Asia/Tokyo"
)

SECONDS = "600"
"""That the server may take to start or stop, on a busy machine."""


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of an empty database, the name ``{}`` left open; a skip where there is no PostgreSQL."""
    pytest.importorskip("psycopg", reason="the extra 'postgresql' is not installed")
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="hilum-pg-"))
    account = None
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        account = "nobody"
        shutil.chown(folder, account)

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            user=account, cwd=folder, capture_output=True, text=True, check=False,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    try:
        run("initdb", "--username=hilum", "--auth=trust", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "start", "-w", "-t", SECONDS, "-l", str(folder / "log"), "-o", f"{SERVER_OPTIONS} -k {folder}")
        try:
            yield f"postgresql+psycopg://hilum@/{{}}?host={folder}"
        finally:
            run("pg_ctl", "stop", "-w", "-t", SECONDS, "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The folder of ``initdb`` and ``pg_ctl``, which Debian does not put on the path."""
    found = shutil.which("pg_ctl")
    if found is not None and shutil.which("initdb") is not None:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if not folders:
        pytest.skip("PostgreSQL is not installed (initdb, pg_ctl)")
    return folders[-1].parent
