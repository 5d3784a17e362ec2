"""Folders that one process at a time may work in."""

from __future__ import annotations

import errno

import pytest

from hilum.errors import SettingsError
from hilum.writers.claim import claimed

fcntl = pytest.importorskip("fcntl", reason="needs locks of files")


def claim(folder):
    return claimed(folder, worker="node", name="spool", setting="node.spool")


def test_the_second_is_told_and_may_have_it_afterwards(tmp_path):
    with claim(tmp_path / "spool"), pytest.raises(SettingsError, match=r"Another node works in .*its own node\.spool"):
        claim(tmp_path / "spool")
    claim(tmp_path / "spool").close()


def test_a_disk_without_locks_holds_nobody_off(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    claim(tmp_path / "spool").close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"Cannot use the spool .*file.*Change node\.spool"):
        claim(tmp_path / "file")
