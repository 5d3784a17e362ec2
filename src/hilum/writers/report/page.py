"""The report's page: the template, filled."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case

from .view import view_of

if TYPE_CHECKING:
    import jinja2

QUALITY = 88
"""JPEG quality of the pictures: no visible loss, a tenth of the size of PNG."""


def render_report(
    case: Case,
    film: NDArray[np.uint8],
    overlay: NDArray[np.uint8],
    limits: Mapping[str, Sequence[str]],
) -> str:
    """The report of a case as HTML: one page with its pictures inside, which opens anywhere and fetches nothing.

    Parameters
    ----------
    case : of a film
    film : uint8, (rows, columns), upright, as shown
    overlay : uint8, (rows, columns, 3), of the same size
    limits : by name of a network, sentences of its card that a reader must know

    Raises
    ------
    WrongQuantity
        The case is of a volume.
    """
    pictures = {"film_picture": _embedded(film), "overlay_picture": _embedded(overlay)}
    return _template().render(view=view_of(case, limits), style=_text("report.css"), **pictures)


def _embedded(picture: NDArray[np.uint8]) -> str:
    """A picture as a data URL; colours at full resolution, for thin lines."""
    file = io.BytesIO()
    Picture.fromarray(picture).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getbuffer()).decode()}"


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    import jinja2

    environment: Any = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["capitalised"] = _capitalised
    return environment.from_string(_text("report.html.j2"))


def _capitalised(phrase: str) -> str:
    return phrase[:1].upper() + phrase[1:]


@lru_cache(maxsize=2)
def _text(name: str) -> str:
    return (files("hilum.writers.report") / name).read_text(encoding="utf-8")
