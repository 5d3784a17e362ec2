from __future__ import annotations

from pathlib import Path

import pytest

from hilum.errors import SettingsError
from hilum.models import plan
from hilum.models.plan import Plan, resolve
from hilum.settings import RuntimeSettings


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "cores", lambda: 4)


def bfloat16(monkeypatch: pytest.MonkeyPatch, present: bool) -> None:
    monkeypatch.setattr("hilum.models.openvino.has_bfloat16", lambda: present)


def test_one_film_has_all_cores_and_the_engine_that_starts_first() -> None:
    assert resolve(RuntimeSettings(), many=False) == Plan("onnxruntime", "float32", threads=4, workers=1)


@pytest.mark.parametrize(("present", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_many_films_share_the_cores(monkeypatch: pytest.MonkeyPatch, present: bool, precision: str) -> None:
    bfloat16(monkeypatch, present)
    assert resolve(RuntimeSettings(), many=True) == Plan("openvino", precision, threads=1, workers=4)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("workers", "threads", "expected"), [(0, 0, (1, 4)), (2, 0, (2, 2)), (3, 0, (1, 3)), (9, 0, (1, 9)), (2, 3, (3, 2))]
)
def test_threads_and_workers_are_obeyed(workers: int, threads: int, expected: tuple[int, int]) -> None:
    made = resolve(RuntimeSettings(engine="onnxruntime", workers=workers, threads=threads), many=True)
    assert (made.threads, made.workers) == expected


def test_one_film_needs_one_worker() -> None:
    made = resolve(RuntimeSettings(engine="onnxruntime", workers=3, threads=2), many=False)
    assert (made.threads, made.workers) == (2, 1)


def test_an_engine_that_was_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    bfloat16(monkeypatch, True)
    assert resolve(RuntimeSettings(engine="onnxruntime"), many=True).engine == "onnxruntime"
    assert resolve(RuntimeSettings(engine="onnxruntime"), many=True).precision == "float32"
    assert resolve(RuntimeSettings(engine="openvino"), many=False).engine == "openvino"
    assert resolve(RuntimeSettings(engine="openvino", precision="float32"), many=False).precision == "float32"


def test_bfloat16_takes_the_engine_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bfloat16(monkeypatch, True)
    made = resolve(RuntimeSettings(precision="bfloat16"), many=False)
    assert (made.engine, made.precision) == ("openvino", "bfloat16")


def test_bfloat16_that_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bfloat16(monkeypatch, False)
    with pytest.raises(SettingsError, match="This processor does not compute in bfloat16"):
        resolve(RuntimeSettings(precision="bfloat16"), many=True)
    with pytest.raises(SettingsError, match="ONNX Runtime does not compute in bfloat16"):
        resolve(RuntimeSettings(engine="onnxruntime", precision="bfloat16"), many=True)


def test_the_number_of_cores_is_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert plan.cores() >= 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 6),
        ({"cpu.max": "900000 100000\n"}, 6),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 6),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "0\n"}, 6),
        ({"cpu.max": "strange\n"}, 6),
        ({}, 6),
    ],
)
def test_a_container_is_held_to_its_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(plan, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(plan.os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="ascii")
    assert plan.cores() == expected
