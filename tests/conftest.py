"""What every test shares: isolation from the user's settings, and data sets that may be absent."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .postgresql import cluster

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HILUM_TEST_DATA", ROOT.parent / "shared" / "data"))
TRAINING_TESTS = ROOT / "tests" / "training"
HAS_TORCH = find_spec("torch") is not None

settings.register_profile("hilum", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hilum")  # no property is about time; `.ci/run` takes hypothesis's profile that draws no lots

for _name in [name for name in os.environ if name.startswith("HILUM_")]:
    del os.environ[_name]  # the settings of whoever runs the tests


def pytest_report_header() -> str:
    """Say what is left out, and why."""
    training = "in" if HAS_TORCH else "left out, torch is not installed"
    return f"hilum: data sets from {DATA} ({'found' if DATA.is_dir() else 'absent'}); training tests {training}"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Training tests import torch, which this environment need not have."""
    return True if collection_path == TRAINING_TESTS and not HAS_TORCH else None


@pytest.fixture(autouse=True, scope="module")
def collected_at_the_end() -> Iterator[None]:
    """What a file of tests leaves to the garbage collector is its own trouble, not that of the file that comes next."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the public data sets; a test that asks for it is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"there are no data sets at {DATA}; name their folder in HILUM_TEST_DATA")
    return DATA


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL whose database's name is left open as ``{}``."""
    with cluster() as url:
        yield url


_NUMBERS = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: each test that asks for it runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'worklist.sqlite'}"
    import psycopg

    url: str = request.getfixturevalue("postgresql")
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(url.format("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # pyright: ignore[reportArgumentType]
    return url.format(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the data sets, and what needs torch."""
    for item in items:
        if "data" in getattr(item, "fixturenames", ()):
            item.add_marker("data")
        if TRAINING_TESTS in item.path.parents:
            item.add_marker("train")
