"""Films, CT and what is neither, from the drop to the signature, as a person does it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .browsing import Opened, shown


def choose(page: Page, *paths: Path) -> None:
    """Choose files on the worklist."""
    page.goto("/")
    page.get_by_label("Choose files").set_input_files(paths)


def value(page: Page, title: str) -> str:
    return page.get_by_role("row", name=title).locator("td").first.inner_text()


def test_a_film_is_read_corrected_scored_and_signed(opened: Opened, reader: str, films: tuple[Path, Path]) -> None:
    page = opened(reader)
    choose(page, films[0])
    page.wait_for_url(re.compile("/studies/[0-9a-f]{32}$"))
    shown(page)
    before = value(page, "Lung with opacity")
    assert re.match(r"\d+(\.\d)? %", before)

    term = page.get_by_role("button", name="Six-zone score")
    term.focus()
    expect(page.get_by_role("tooltip").filter(has_text="three zones of equal area")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Correct the outlines").click()
    page.get_by_label("Ground-glass", exact=False).first.check()
    page.get_by_label("Size").fill("61")
    sheet = page.locator(".sheet.armed")
    box = sheet.bounding_box()
    assert box
    middle, height = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.4
    page.mouse.move(middle - 0.12 * box["width"], height)
    page.mouse.down()
    page.mouse.move(middle - 0.2 * box["width"], height + 40, steps=4)
    page.mouse.up()
    page.get_by_role("textbox", name="Note").first.fill("right upper zone")
    page.get_by_role("button", name="Save as new version").click()
    expect(page.get_by_role("heading", name="Scores of version 1")).to_be_visible()
    shown(page)
    assert float(value(page, "Lung with opacity").split()[0]) > float(before.split()[0])
    page.get_by_role("radio", name="0 Hilum").check()
    expect(page.get_by_role("heading", name="Scores of version 0")).to_be_visible()
    assert value(page, "Lung with opacity") == before
    page.get_by_role("radio", name="1 corrected from 0 by local").check()

    mine = page.get_by_label("Your value of Six-zone score")
    mine.fill("5")
    mine.press("Enter")
    expect(page.get_by_role("row", name="Six-zone score")).to_contain_text("5 local")

    page.mouse.move(2, 2)  # off the scores, whose meanings show while the pointer is on them
    page.get_by_role("button", name="Sign off version 1").click()
    expect(page.get_by_text("Version 1 was signed off by local")).to_be_visible()
    expect(page.get_by_role("button", name="Correct the outlines")).to_have_count(0)
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name="Sign off version 1")).to_be_visible()


def test_a_ct_comes_as_a_folder_and_its_slices_need_no_server(opened: Opened, reader: str, series: Path) -> None:
    page = opened(reader)
    page.goto("/")
    page.get_by_label("Choose a folder").set_input_files(series)
    page.wait_for_url(re.compile("/studies/"))
    shown(page)
    assert "not measured" not in value(page, "Lung with opacity")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Axial").click()
    stage = page.get_by_role("application", name=re.compile("chest CT"))
    where = page.get_by_label(re.compile(r"^Slice "))
    first = int(where.input_value())
    stage.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(where).to_have_value(str(first - 3))
    stage.hover()
    page.mouse.wheel(0, 120)
    expect(where).to_have_value(str(first - 4))
    for view in ("Coronal", "Sagittal", "Planes and 3D"):
        page.get_by_role("button", name=view).click()
    page.get_by_label("Window").first.select_option(label="Lung")
    assert asked == []


@pytest.mark.parametrize("content", [b"no image at all", b""], ids=["text", "nothing"])
def test_what_is_no_image_is_told(opened: Opened, reader: str, tmp_path: Path, content: bytes) -> None:
    page = opened(reader, expected="the server responded with a status of 4")
    path = tmp_path / "notes.dcm"
    path.write_bytes(content)
    choose(page, path)
    expect(page.get_by_text(re.compile("notes")).first).to_be_visible()
    alert = page.locator(".notice.error")
    expect(alert).to_be_visible()
    assert len(alert.inner_text()) > 20


def test_two_dates_of_a_patient_side_by_side(opened: Opened, reader: str, films: tuple[Path, Path]) -> None:
    page = opened(reader)
    for film, date in zip(films, ("2026-03-02", "2026-04-07"), strict=True):
        page.goto("/")
        page.get_by_text("Patient, date and note").click()
        page.get_by_label("Patient (a pseudonym)").fill("P-17")
        page.get_by_label("Date of the study").fill(date)
        page.get_by_label("Choose files").set_input_files(film)
        page.wait_for_url(re.compile("/studies/"))
        expect(page.get_by_role("heading", name="Scores of version 0")).to_be_visible()
    page.goto("/?patient=P-17&sort=date&order=asc")
    for name in ("march", "april"):
        page.get_by_role("checkbox", name=f"Choose {name}").check()
    page.get_by_role("button", name="Compare (2 of 2)").click()
    page.wait_for_url(re.compile("/compare"))
    shown(page, 2)
    opacity = page.get_by_role("row", name=re.compile("^Lung with opacity whole"))
    expect(opacity).to_be_visible()
    before, after, change = (float(text.strip(" %")) for text in opacity.locator("td.number").all_inner_texts()[:3])
    assert after > before
    assert change == pytest.approx(after - before, abs=0.11)


def test_files_are_dropped_on_the_page(opened: Opened, reader: str, films: tuple[Path, Path]) -> None:
    page = opened(reader)
    page.goto("/")
    transfer = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped-one.dcm"));
            transfer.items.add(new File(["no image"], "dropped-two.png"));
            return transfer;
        }""",
        list(films[0].read_bytes()),
    )
    page.get_by_role("region", name="Add studies").dispatch_event("drop", {"dataTransfer": transfer})
    rows = page.get_by_role("row", name=re.compile("dropped-"))
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="dropped-one")).to_contain_text("Done")
    expect(rows.filter(has_text="dropped-two")).to_contain_text("Refused")
