"""The worklist, logins, users and the audit trail in the browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser, Page, expect

from hilum.worklist import Database, Study
from hilum.worklist.database import database_url

from .browsing import Opened, add_user, log_in, serving

STUDIES = [("done", 0.25), ("refused", None), ("signed", 1.0), ("failed", None), ("done", None), ("done", 0.5)]
NO_THUMBNAIL = "the server responded with a status of 404"
"""The studies of these tests were never analysed."""


@pytest.fixture(scope="module")
def listed(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A reader with logins and studies in every state that lasts; users ann (admin) and bo (reader)."""
    folder = tmp_path_factory.mktemp("listed")
    add_user(folder, "ann", "admin")
    add_user(folder, "bo", "reader")
    database = Database(database_url("", folder))
    with database.writing() as session:
        for number, (state, severity) in enumerate(STUDIES):
            study = Study(name=f"film-{number}", state=state, severity=severity, uploaded_by="ann")
            study.modality, study.patient = ("CT" if number == 2 else "CXR"), f"P-{number % 2}"
            study.date = date(2026, 3, 1 + number)
            session.add(study)
    database.close()
    with serving(folder, "--login") as address:
        yield address


def names_are(page: Page, *names: str) -> None:
    """Wait for these studies, in this order; as many were on the page before, perhaps."""
    expect(page.locator("tbody a.name")).to_have_text(names)


def test_who_is_not_logged_in_comes_back_to_the_page_afterwards(opened: Opened, listed: str) -> None:
    page = opened(listed, expected="the server responded with a status of 40")
    page.goto("/?state=signed")
    page.wait_for_url(re.compile("/login"))
    log_in(page, "bo", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    log_in(page, "bo")
    expect(page.get_by_role("link", name="film-2")).to_be_visible()
    assert page.url.endswith("/?state=signed")
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete film-2")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile("/login"))
    page.goto("/")
    page.wait_for_url(re.compile("/login"))


def test_another_address_is_not_followed_after_the_login(opened: Opened, listed: str) -> None:
    page = opened(listed, expected=NO_THUMBNAIL)
    page.goto("/login?next=//example.org/worklist")
    log_in(page, "bo")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    assert page.url == f"{listed}/"


def test_worklist_is_sorted_searched_and_filtered_by_keyboard(opened: Opened, listed: str) -> None:
    page = opened(listed, expected=NO_THUMBNAIL)
    page.goto("/login")
    log_in(page, "bo")
    expect(page.get_by_role("status").filter(has_text="6 studies")).to_be_visible()

    page.get_by_role("button", name="Severity").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Severity")).to_have_attribute("aria-sort", "descending")
    for place, name in enumerate(("film-2", "film-5", "film-0")):
        expect(page.locator("tbody a.name").nth(place)).to_have_text(name)

    page.locator("body").click(position={"x": 1, "y": 1})
    page.keyboard.press("/")
    page.keyboard.type("film-4")
    expect(page.get_by_role("status").filter(has_text="1 study")).to_be_visible()
    names_are(page, "film-4")
    expect(page.get_by_role("row", name=re.compile("film-4"))).to_contain_text("not measured")

    page.get_by_label(re.compile("^Search")).fill("")
    page.get_by_label("State").select_option("done")
    expect(page.get_by_role("status").filter(has_text="3 studies")).to_be_visible()
    page.get_by_label("Kind").select_option("CT")
    expect(page.get_by_text("Nothing fits these filters.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Nothing fits these filters.")).to_be_visible()
    page.get_by_label("Kind").select_option("")
    page.get_by_role("link", name="P-1").first.click()
    names_are(page, "film-5", "film-3", "film-1")
    expect(page.get_by_role("status").filter(has_text="3 studies")).to_be_visible()


def test_an_admin_manages_users_and_sees_who_did_what(opened: Opened, listed: str) -> None:
    page = opened(listed, expected="the server responded with a status of 4")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/login")
    log_in(page, "ann")
    page.get_by_role("link", name="Users").click()
    form = page.get_by_role("region", name="Add a user")
    form.get_by_label("Name").fill("cy")
    form.get_by_label("Password").fill("short")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_be_visible()
    form.get_by_label("Password").fill("long enough it is")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_text("cy may log in now.")).to_be_visible()
    page.get_by_role("button", name="Lock cy").click()
    expect(page.get_by_role("row", name=re.compile("^cy"))).to_contain_text("Locked")

    page.get_by_role("link", name="Worklist").click()
    page.get_by_role("button", name="Delete film-3").click()
    expect(page.get_by_role("link", name="film-3")).to_have_count(0)
    page.get_by_role("link", name="Audit trail").click()
    expect(page.get_by_role("heading", name="Audit trail")).to_be_visible()
    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("ann")
    said = " ".join(rows.all_inner_texts())
    assert "cy" in said
    assert "long enough" not in said
