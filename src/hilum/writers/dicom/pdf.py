"""The report of a case as a PDF file: what ``report.html`` says, on pages of A4."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from threading import RLock
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case
from hilum.errors import MissingExtra
from hilum.geometry import PlaneGrid
from hilum.image import LOBES
from hilum.measurement import NotMeasured
from hilum.writers.captions import caption, number, region_caption
from hilum.writers.limits import limits_of
from hilum.writers.report.film import film_facts
from hilum.writers.report.view import ScoreCard, View, common_view
from hilum.writers.report.volume import volume_facts

from .frame import Frame

_MARGIN, _WIDTH = 42.0, 511.0
"""Of A4, in points: 595 wide."""

_LEAST = 90.0
"""Room below a heading, in points, for it to stay on a page."""

_QUALITY = 90
_LONGEST = 400
"""Letters of a step's settings that are printed; ``result.json`` has them all."""

_INK, _PALE, _RULE, _AMBER = "#1c2733", "#5b6b7a", "#c9d2da", "#fff4d6"

_NAMES = ("File", "Input")
"""Facts that are names of files, which may name the patient."""

_LOCK = RLock()
"""Fonts are registered, and their glyphs counted, for the whole process."""


def require_reportlab() -> None:
    """Raise MissingExtra unless the library that writes PDF is installed."""
    if find_spec("reportlab") is None:
        raise MissingExtra("The report as PDF", "dicom")


def render_pdf(case: Case, picture: NDArray[np.uint8], frame: Frame) -> bytes:
    """The report of a case as a PDF file, the same bytes for the same case.

    Parameters
    ----------
    case : of a film or a volume
    picture : its overlay, uint8, (rows, columns, 3)
    frame : of the case; says who the patient is, if that may be told
    """
    require_reportlab()
    is_film = isinstance(case.image.grid, PlaneGrid)
    facts = tuple(film_facts(case) if is_film else volume_facts(case))
    view = common_view(case, "Chest X-ray" if is_film else "Chest CT", facts, limits_of(case.provenance))
    with _LOCK:
        page = _Page()
        story = list(_story(case, view, picture, frame, page))
        return page.built(story, f"{view.kind}, severity of lung opacity", view)


def _story(case: Case, view: View, picture: NDArray[np.uint8], frame: Frame, page: _Page) -> Iterator[Any]:
    """Everything on the pages, from the top."""
    yield page.text(f"{view.kind}, severity of lung opacity", "title")
    yield page.facts(_facts(view, frame))
    yield page.banner(
        "For research use only. Not a medical device. Made by networks without a reader; not for diagnosis or for "
        "decisions about treatment."
    )
    if view.findings:
        yield from page.heading("Please note")
        for finding in view.findings:
            yield page.text(f"{finding.gravity.value.capitalize()}. {finding.message}", "body")
    yield page.picture(picture)
    yield page.text(_key(view), "small")
    yield from page.heading("Scores")
    yield page.table([("Score", "Value", "What it is"), *(_score(card) for card in view.scores)], (0.24, 0.16, 0.6))
    for reason, missing in view.not_measured.items():
        yield page.text(f"Not measured, since {reason}: {', '.join(missing)}.", "small")
    yield from _numbers(case, page)
    yield from _limits(view, page)
    yield from _provenance(view, frame, page)


def _facts(view: View, frame: Frame) -> list[tuple[str, str]]:
    """Of the patient, unless that must not be told, and of the image."""
    if frame.is_deidentified:
        return [("Patient", "removed"), *(fact for fact in view.facts if fact[0] not in _NAMES)]
    first = frame.source.first
    name = " ".join(part for part in frame.patient_name.replace("=", "^").split("^") if part)
    stated = (
        ("Patient", name),
        ("Patient ID", str(first.PatientID)),
        ("Born", _date(str(first.PatientBirthDate))),
        ("Study", _date(str(first.StudyDate))),
        ("Accession", str(first.AccessionNumber)),
        ("Case", view.case),
    )
    return [*((label, value) for label, value in stated if value), *view.facts]


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 else text


def _key(view: View) -> str:
    found = ", ".join(name for name, _ in view.colours)
    return f"Outlined: {found or 'no lung was found'}. The patient's right is on the left."


def _score(card: ScoreCard) -> tuple[str, str, str]:
    title = f"{card.title} (estimated)" if card.is_estimate else card.title
    if card.reason:
        return title, "not measured", f"{card.reason[:1].upper()}{card.reason[1:]}."
    return title, f"{card.value} {card.of}".strip(), card.definition


def _numbers(case: Case, page: _Page) -> Iterator[Any]:
    """Zones of a film; volumes and densities of a CT."""
    if isinstance(case.image.grid, PlaneGrid):
        yield from page.heading("Share of each zone with opacity")
        shares = case.scores["opacity-percent"].parts if "opacity-percent" in case.scores else {}
        rows: list[tuple[str, ...]] = [("", "Right lung", "Left lung")]
        for level in ("upper", "middle", "lower"):
            cells = (number(shares.get(f"{side}-{level}", NotMeasured("")), "%") for side in ("right", "left"))
            rows.append((caption(level), *cells))
        yield page.table(rows, (0.3, 0.35, 0.35))
        return
    yield from page.heading("Volumes and densities")
    yield page.table(_volumes(case), (0.25, 0.15, 0.15, 0.15, 0.15, 0.15))


def _volumes(case: Case) -> list[tuple[str, ...]]:
    columns = (
        *(("volume", "lung", "ml"), ("mean-hu", "lung", "HU"), ("volume", "ground-glass", "ml")),
        *(("volume", "consolidation", "ml"), ("share", "opacity", "%")),
    )
    found = {(row.id, row.region, row.structure): row.value for row in case.measures.table if row.method == "masks"}
    lobes = () if case.lobes is None else tuple(label.name for label in LOBES.values())
    rows: list[tuple[str, ...]] = [("", "Volume, ml", "Mean, HU", "Ground-glass, ml", "Consolidation, ml", "Opacity")]
    for region in ("both", "right", "left", *lobes):
        values = (found.get((id_, region, structure), NotMeasured("")) for id_, structure, _ in columns)
        cells = (_cell(value, unit) for value, (_, _, unit) in zip(values, columns, strict=True))
        rows.append((region_caption(region), *cells))
    return rows


def _cell(value: float | NotMeasured, unit: str) -> str:
    if unit == "%" or isinstance(value, NotMeasured):
        return number(value, unit)
    return f"{value:.1f}" if 0 < value < 9.95 else f"{value:.0f}"


def _limits(view: View, page: _Page) -> Iterator[Any]:
    yield from page.heading("Limits")
    for model, sentences in view.limits.items():
        yield page.text(f"Network {model}: {' '.join(sentences)}", "small")
    for card in view.scores:
        yield page.text(f"{card.title}: {card.limits} Source: {card.source}.", "small")


def _provenance(view: View, frame: Frame, page: _Page) -> Iterator[Any]:
    yield from page.heading("Provenance")
    if not frame.is_deidentified:
        for source in view.sources[:4]:
            yield page.text(f"Read: {source.name}, SHA-256 {source.sha256}", "small")
    for step, settings in view.steps:
        network = "" if step.model is None else f" by {step.model.name} {step.model.version} ({step.model.sha256})"
        shown = settings if len(settings) <= _LONGEST else f"{settings[:_LONGEST]}..."
        yield page.text(f"{step.operation}{network}: {shown or 'no settings'}", "small")
    yield page.text(f"History {view.digest}", "small")


class _Page:
    """The parts that pages are laid out from, in reportlab's terms."""

    def __init__(self) -> None:
        from reportlab.lib import styles

        make: Any = styles.ParagraphStyle
        regular, bold = _fonts()
        base = {"fontName": regular, "textColor": _INK, "splitLongWords": True}
        strong, pale = base | {"fontName": bold}, base | {"textColor": _PALE}
        self._glyphs = _glyphs(regular)
        self._regular = regular
        self._styles: Mapping[str, Any] = {
            "title": make("title", **strong, fontSize=15, leading=20, spaceAfter=4),
            "heading": make("heading", **strong, fontSize=10.5, leading=14, spaceBefore=9, spaceAfter=3),
            "body": make("body", **base, fontSize=8.5, leading=11.5, spaceAfter=2),
            "small": make("small", **pale, fontSize=7, leading=9.2, spaceBefore=3, spaceAfter=2),
            "head": make("head", **strong, fontSize=7.5, leading=10),
            "cell": make("cell", **base, fontSize=7.5, leading=10),
        }

    def heading(self, text: str) -> list[Any]:
        """A heading, on the next page if hardly anything would follow it on this one."""
        from reportlab.platypus import CondPageBreak

        return [CondPageBreak(_LEAST), self.text(text, "heading")]

    def text(self, text: str, style: str) -> Any:
        """A paragraph."""
        from reportlab.platypus import Paragraph

        return Paragraph(escape(self._printable(text)), self._styles[style])

    def table(self, rows: Sequence[tuple[str, ...]], widths: Sequence[float]) -> Any:
        """A table with a head that is repeated on the next page; widths are shares of the page's."""
        from reportlab.platypus import Table

        cells = [[self.text(cell, "cell" if place else "head") for cell in row] for place, row in enumerate(rows)]
        rules = [("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE), ("VALIGN", (0, 0), (-1, -1), "TOP")]
        pads = [(f"{side}PADDING", (0, 0), (-1, -1), 2.5) for side in ("TOP", "BOTTOM")]
        flush = [("LEFTPADDING", (0, 0), (0, -1), 0)]
        return Table(
            cells, [width * _WIDTH for width in widths], repeatRows=1, style=[*rules, *pads, *flush], hAlign="LEFT"
        )

    def facts(self, facts: Sequence[tuple[str, str]]) -> Any:
        """Labels and values in two columns of pairs."""
        from reportlab.platypus import Table

        pairs = [(self.text(label, "head"), self.text(value, "cell")) for label, value in facts]
        if len(pairs) % 2:
            pairs.append((self.text("", "head"), self.text("", "cell")))
        half = len(pairs) // 2
        rows = [[*pairs[place], *pairs[half + place]] for place in range(half)]
        pads = [(f"{side}PADDING", (0, 0), (-1, -1), 1) for side in ("TOP", "BOTTOM", "LEFT", "RIGHT")]
        widths = [0.13 * _WIDTH, 0.37 * _WIDTH] * 2
        return Table(rows, widths, style=[*pads, ("VALIGN", (0, 0), (-1, -1), "TOP")], hAlign="LEFT")

    def banner(self, text: str) -> Any:
        """A sentence that nobody overlooks."""
        from reportlab.platypus import Table

        style = [("BACKGROUND", (0, 0), (-1, -1), _AMBER), ("BOX", (0, 0), (-1, -1), 0.4, "#e0b84a")]
        return Table([[self.text(text, "body")]], [_WIDTH], style=style, spaceBefore=6, spaceAfter=6, hAlign="LEFT")

    def picture(self, picture: NDArray[np.uint8]) -> Any:
        """A picture as wide as the page allows and as high as leaves room for the scores."""
        from reportlab.platypus import Image

        file = io.BytesIO()
        Picture.fromarray(picture).save(file, "JPEG", quality=_QUALITY, subsampling=0)
        file.seek(0)
        rows, columns = picture.shape[:2]
        width = min(_WIDTH, 380.0 * columns / rows)
        return Image(file, width, width * rows / columns, hAlign="CENTER")

    def built(self, story: list[Any], title: str, view: View) -> bytes:
        """The file of all pages, each with its number and the conditions of use at its foot."""
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import SimpleDocTemplate

        def foot(canvas: Any, document: Any) -> None:
            canvas.setFont(self._regular, 6.5)
            canvas.setFillColor(_PALE)
            canvas.drawString(_MARGIN, 24, f"Hilum {view.version}. For research use only; not a medical device.")
            canvas.drawRightString(A4[0] - _MARGIN, 24, f"Page {document.page}")

        file = io.BytesIO()
        document = SimpleDocTemplate(
            file,
            pagesize=A4,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=36,
            bottomMargin=40,
            invariant=1,
            title=title,
            author="Hilum",
            subject="For research use only",
            lang="en",
        )
        document.build(story, onFirstPage=foot, onLaterPages=foot)
        return file.getvalue()

    def _printable(self, text: str) -> str:
        """The text with a question mark for each letter that the font does not have."""
        return "".join(letter if ord(letter) in self._glyphs or letter.isspace() else "?" for letter in text)


def _fonts() -> tuple[str, str]:
    """Names of the regular and the bold font, which come with reportlab and are put into the file."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    fonts = {"HilumRegular": "Vera.ttf", "HilumBold": "VeraBd.ttf"}
    for name, file in fonts.items():
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, file))
    return "HilumRegular", "HilumBold"


def _glyphs(font: str) -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics

    made: Any = pdfmetrics.getFont(font)
    return frozenset(made.face.charToGlyph)
