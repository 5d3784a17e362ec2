"""Files that are whole or not there, also after the power failed."""

from __future__ import annotations

import os

from hilum.node.disk import read_json, write_json


def test_what_is_synced_is_all_that_was_written(tmp_path, monkeypatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    write_json(tmp_path / "state.json", {"state": "done"})
    assert sizes[0] == (tmp_path / "state.json").stat().st_size > 0
    assert read_json(tmp_path / "state.json") == {"state": "done"}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
