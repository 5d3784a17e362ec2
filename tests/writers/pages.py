"""Reports as tests read them, and what holds for the report of anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hilum.case import Case

LIMITS = {"lesion-network": ("Trained on films of adults.", "Faint opacity behind the heart is missed.")}
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """The text of a page, its elements with their attributes, and whether they close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def require_well_formed(page: Page, html: str) -> None:
    """One page, of which every element is closed."""
    assert html.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1


def require_alone(page: Page, html: str) -> None:
    """Nothing is fetched, and nothing runs."""
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form"})
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in {"src", "href", "srcset"} & set(attributes):
            assert re.match(r"data:image/(jpeg|png);base64,", attributes[name] or "")
    assert not re.search(r"url\(|@import|https?://", html)


def require_readable_aloud(page: Page) -> None:
    """Pictures have words, tables captions and heads that say what they head."""
    assert all(len(image["alt"] or "") > 20 for image in page.all("img"))
    assert all("scope" in head for head in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def require_scores(case: Case, text: str) -> None:
    """Every score is named, defined, and told with its limits and its source."""
    for score in case.scores.values():
        assert score.definition.title.removesuffix(" (estimated)") in text
        assert score.definition.definition in text
        assert score.definition.limits in text
        assert score.definition.source in text
