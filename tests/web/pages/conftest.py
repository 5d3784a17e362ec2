"""A browser, a reader to look at, and films and CT that never were."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hilum.phantom import default_grid, random_lesions, sample_film, thorax, write_dicom, write_series

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from .browsing import PATIENCE_MS, ROOT, Opened, serving

PAGE = ROOT / "src" / "hilum" / "web" / "static" / "index.html"
SOFTWARE_GL = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or one of its names elsewhere."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    if not PAGE.is_file():
        pytest.skip("the page is not built; `make frontend` builds it")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        opened = playwright.chromium.launch(executable_path=path, args=list(SOFTWARE_GL))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def reader(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a reader without logins, which all tests of the session share."""
    with serving(tmp_path_factory.mktemp("reader")) as address:
        yield address


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Makes pages that must not break a rule: no error in the console, no request to another host."""
    with ExitStack() as stack:
        made: list[tuple[Page, list[str]]] = []

        def new_page(address: str, *, expected: str | None = None, **options: object) -> Page:
            context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900}, **options)  # type: ignore[arg-type]
            stack.callback(context.close)
            page, troubles = context.new_page(), list[str]()
            page.set_default_timeout(PATIENCE_MS)

            def heard(kind: str, text: str) -> None:
                if kind == "error" and not (expected and expected in text):
                    troubles.append(text)

            def asked(request: Request) -> None:
                if not request.url.startswith((address, "data:", "blob:")):
                    troubles.append(f"a request to {request.url}")

            page.on("console", lambda message: heard(message.type, message.text))
            page.on("pageerror", lambda error: heard("error", str(error)))
            page.on("request", asked)
            made.append((page, troubles))
            return page

        yield new_page
        for _, troubles in made:
            assert troubles == []


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two films of the same body, the second with more lesions."""
    folder = tmp_path_factory.mktemp("films")
    return tuple(  # type: ignore[return-value]
        write_dicom(sample_film(5, severity=severity, shape=(167, 160)), folder / f"{name}.dcm")
        for name, severity in (("march", 0.3), ("april", 0.9))
    )


@pytest.fixture(scope="session")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of DICOM with a coarse CT of a chest with lesions."""
    folder = tmp_path_factory.mktemp("ct") / "chest-ct"
    grid = default_grid(3, spacing_mm=(8.0, 3.1, 2.9))
    write_series(thorax(3, grid=grid, lesions=random_lesions(3, 0.6)).ct, folder)
    return folder
