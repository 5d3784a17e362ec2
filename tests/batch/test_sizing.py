"""Workers by cores and free memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.batch import sizing
from hilum.batch.sizing import FILM_MB, NETWORKS_MB, SHARE, VOLUME_MB, cases_at_once, free_mb, is_likely_volume
from hilum.readers import Entry
from hilum.settings import RuntimeSettings

FILM, VOLUME = Entry("a", Path("a.png")), Entry("b", Path("b.nii.gz"))


@pytest.fixture(autouse=True)
def _eleven_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "cores", lambda: 11)


def at_once(monkeypatch: pytest.MonkeyPatch, entries: list[Entry], free: float | None, workers: int = 0) -> int:
    monkeypatch.setattr(sizing, "free_mb", lambda: free)
    return cases_at_once(entries, RuntimeSettings(workers=workers))


def test_a_case_a_core_where_memory_is_plenty_or_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_once(monkeypatch, [FILM], 64_000) == at_once(monkeypatch, [FILM], None) == 11


def test_no_more_than_fit_into_memory_and_never_none(monkeypatch: pytest.MonkeyPatch) -> None:
    three = (NETWORKS_MB + 3 * FILM_MB + 1) / SHARE
    assert at_once(monkeypatch, [FILM], three) == 3
    assert at_once(monkeypatch, [FILM, VOLUME], three) == 1
    assert at_once(monkeypatch, [FILM, VOLUME], three + VOLUME_MB / SHARE) == 3
    assert at_once(monkeypatch, [FILM], 0) == 1


def test_what_is_asked_for_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_once(monkeypatch, [FILM], 0, workers=7) == 7


def test_volumes_by_name(tmp_path: Path) -> None:
    assert [is_likely_volume(entry) for entry in (FILM, VOLUME, Entry("c", tmp_path))] == [False, True, True]


def test_free_memory_of_the_system_and_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info, groups = tmp_path / "meminfo", tmp_path / "cgroup"
    monkeypatch.setattr(sizing, "_MEMORY_INFO", info)
    monkeypatch.setattr(sizing, "CONTROL_GROUPS", groups)
    assert free_mb() is None
    info.write_text("MemTotal:       9000000 kB\nMemAvailable:    7168000 kB\n")
    assert free_mb() == 7000
    (groups / "memory").mkdir(parents=True)
    (groups / "memory" / "memory.limit_in_bytes").write_text(str(500 << 20))
    (groups / "memory" / "memory.usage_in_bytes").write_text(str(100 << 20))
    assert free_mb() == 400
    (groups / "memory.current").write_text(str(300 << 20))
    (groups / "memory.max").write_text("max")
    assert free_mb() == 400
    (groups / "memory.max").write_text(str(200 << 20))
    assert free_mb() == 0
    (groups / "memory.stat").write_text(f"file {250 << 20}\ninactive_file {150 << 20}\nactive_file 7\n")
    assert free_mb() == 50
    info.write_text("MemTotal:       9000000 kB\n")
    assert free_mb() == 50
