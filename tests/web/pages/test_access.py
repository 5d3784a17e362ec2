"""Every page for everybody: axe finds nothing serious, dark and light, wide and narrow; pictures of them to look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from hilum.phantom import sample_film, write_dicom

from .browsing import PASSWORD, ROOT, Opened, add_user, log_in, serving, shown

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "build" / "pages"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def busy(browser: Browser, films: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A reader with logins, two films of a patient, and a file that is none."""
    folder = tmp_path_factory.mktemp("busy")
    add_user(folder, "ann", "admin")
    with serving(folder, "--login") as address:
        with httpx.Client(base_url=f"{address}/api/v1", timeout=600, trust_env=False) as client:
            answer = client.post("/login", json={"name": "ann", "password": PASSWORD})
            client.headers["X-Hilum-CSRF"] = answer.json()["csrf"]
            for path, day in zip(films, ("2026-03-02", "2026-04-07"), strict=True):
                with path.open("rb") as file:
                    sent = client.post("/studies", files={"files": file}, data={"patient": "P-17", "date": day})
                assert sent.status_code == 201, sent.text
            client.post("/studies", files={"files": ("notes.png", b"not a picture")})
        yield address


def serious(page: Page) -> list[str]:
    """What axe finds and calls serious or critical, with the elements."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed; `make frontend` installs it")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]


def overflowing(page: Page) -> bool:
    """Whether the page is wider than the window."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_for_everybody(opened: Opened, busy: str, scheme: Literal["light", "dark"]) -> None:
    page = opened(busy, color_scheme=scheme, expected="the server responded with a status of 401")
    PICTURES.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []

    def looked_at(name: str) -> None:
        problems.extend(f"{name}: {one}" for one in serious(page))
        for width in (1440, 800):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(150)  # the picture is drawn anew
            page.screenshot(path=PICTURES / f"{name}-{scheme}-{width}.png", full_page=True)
            if overflowing(page):
                problems.append(f"{name}: wider than {width} pixels")
        page.set_viewport_size({"width": 1440, "height": 900})

    page.goto("/login")
    expect(page.get_by_label("Name")).to_be_focused()
    looked_at("login")
    log_in(page, "ann")
    expect(page.get_by_role("row", name=re.compile("Done"))).to_have_count(2)
    expect(page.get_by_role("row", name=re.compile("Refused"))).to_have_count(1)
    looked_at("worklist")
    page.get_by_role("link", name=re.compile("april")).click()
    shown(page)
    looked_at("study")
    page.get_by_role("button", name="Correct the outlines").click()
    expect(page.get_by_role("toolbar", name="Tools of the correction")).to_be_visible()
    looked_at("correction")
    page.goto("/?patient=P-17")
    for name in ("march", "april"):
        page.get_by_role("checkbox", name=f"Choose {name}").check()
    page.get_by_role("button", name="Compare (2 of 2)").click()
    shown(page, 2)
    looked_at("compare")
    for name, link in (("users", "Users"), ("audit", "Audit trail")):
        page.get_by_role("link", name=link).click()
        expect(page.get_by_role("heading", name=link)).to_be_visible()
        expect(page.locator("tbody tr").first).to_be_visible()
        looked_at(name)
    assert problems == []


def test_axe_finds_what_is_wrong(opened: Opened, busy: str) -> None:
    page = opened(busy)
    page.goto("/login")
    page.get_by_label("Name").evaluate("(field) => { field.closest('label').replaceWith(field); }")
    assert any("label" in one for one in serious(page))


def test_colours_are_chosen_and_kept(opened: Opened, reader: str) -> None:
    page = opened(reader, color_scheme="light")
    page.goto("/")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Colours: system").click()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_a_film_is_chosen_and_read_by_keyboard(opened: Opened, reader: str, tmp_path: Path) -> None:
    """The keyboard alone: to the button, and to the picture."""
    page = opened(reader)
    page.on("filechooser", lambda _: None)  # from here on the page is told not to open the system's own
    page.goto("/")
    path = write_dicom(sample_film(7, severity=0.4, shape=(131, 128)), tmp_path / "keys.dcm")
    page.get_by_role("button", name="Choose files").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(path)
    page.wait_for_url(re.compile("/studies/"))
    shown(page)
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.querySelector('main').contains(document.activeElement)")
