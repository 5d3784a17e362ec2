"""The benchmark of the page: what it times and counts, with a browser that is made up."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import reader_page as benchmark


class MadeUp:
    """A page that asks the service again with some of its keys."""

    def __init__(self, *asking: str) -> None:
        self.asking, self.heard, self.given, self.keys = asking, [], [], []
        self.keyboard = SimpleNamespace(press=self.press)

    def press(self, key):
        self.keys.append(key)
        if key in self.asking:
            for listener in self.heard:
                listener(SimpleNamespace(url=key))

    def on(self, event, listener):
        self.heard.append(listener)

    def remove_listener(self, event, listener):
        self.heard.remove(listener)

    def get_by_label(self, label):
        return SimpleNamespace(set_input_files=self.given.append)

    def locator(self, selector):
        return SimpleNamespace(wait_for=lambda timeout: None, focus=lambda: None)

    def goto(self, path, wait_until): ...

    def wait_for_load_state(self, state): ...

    def wait_for_timeout(self, milliseconds): ...


@pytest.mark.parametrize(("asking", "requests"), [((), 0), (("l",), 2), (("PageDown",), 20)])
def test_requests_of_scrolling_and_layers_are_counted(tmp_path, asking, requests):
    page = MadeUp(*asking)
    made = benchmark.once(page, tmp_path / "film.png")
    assert made["requests"] == requests
    assert 0 <= made["drawn_s"] < 1
    assert page.given == [tmp_path / "film.png"]
    assert page.heard == []


def test_without_chromium_it_says_so(monkeypatch):
    monkeypatch.setattr(benchmark.shutil, "which", lambda name: None)
    pytest.importorskip("playwright", reason="playwright is not installed")
    with pytest.raises(SystemExit, match=re.escape("there is no Chromium on this machine")), benchmark.chromium():
        pass
