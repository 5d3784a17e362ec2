"""The benchmark of the reader: what it times, against a service that is made up."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import reader as benchmark

from hilum.errors import ServiceError


class MadeUp:
    """A service whose study has its image at the second question, and ends with the third."""

    def __init__(self, last: str) -> None:
        self.asked, self.last = 0, last

    def upload(self, path):
        return (SimpleNamespace(id="a" * 32, name=path.name),)

    def study(self, study):
        self.asked += 1
        return SimpleNamespace(state="running" if self.asked < 3 else self.last, message="Because.")

    def image(self, study):
        if self.asked < 2:
            raise ServiceError("Not yet.", code="no-such-file", status=404)
        return bytes(1_000_000)

    def layers(self, study):
        return {"lungs": bytes(500_000), "lesions": bytes(500_000)}


def test_the_image_is_shown_before_all_is_done(tmp_path):
    made = benchmark.once(MadeUp("done"), os.getpid(), tmp_path / "film.png")
    assert 0 < made["shown_s"] < made["done_s"]
    assert made["fetched_mb"] == pytest.approx(2.0)


def test_a_study_that_is_refused_ends_the_benchmark(tmp_path):
    with pytest.raises(SystemExit, match=r"film\.png is refused: Because\."):
        benchmark.once(MadeUp("refused"), os.getpid(), tmp_path / "film.png")
