"""The report's page: the template, filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case
from hilum.writers.data_url import data_url
from hilum.writers.templates import template_environment

from .view import common_view

if TYPE_CHECKING:
    import jinja2

QUALITY = 88
"""JPEG quality of a film's pictures: no visible loss, a tenth of the size of PNG."""


def render_report(
    case: Case,
    film: NDArray[np.uint8],
    overlay: NDArray[np.uint8],
    limits: Mapping[str, Sequence[str]],
) -> str:
    """The report of a film as HTML: one page with its pictures inside, which opens anywhere and fetches nothing.

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
    from .film import film_facts, film_view

    view = common_view(case, "Chest X-ray", film_facts(case), limits)
    pictures = {"film_picture": _embedded(film), "overlay_picture": _embedded(overlay)}
    return _template("film.html.j2").render(view=view, film=film_view(case), style=_text("report.css"), **pictures)


def render_volume_report(case: Case, limits: Mapping[str, Sequence[str]]) -> str:
    """The report of a CT as HTML: one page with its pictures inside, which opens anywhere and fetches nothing.

    Parameters
    ----------
    case : of a volume
    limits : by name of a network, sentences of its card that a reader must know

    Raises
    ------
    WrongQuantity
        The case is of a film.
    """
    from .volume import volume_facts, volume_view

    view = common_view(case, "Chest CT", volume_facts(case), limits)
    return _template("volume.html.j2").render(view=view, volume=volume_view(case), style=_text("report.css"))


def _embedded(picture: NDArray[np.uint8]) -> str:
    """A picture as a data URL; colours at full resolution, for thin lines."""
    return data_url(Picture.fromarray(picture), "JPEG", quality=QUALITY, subsampling=0)


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return template_environment(_text, filters={"capitalised": _capitalised})


def _capitalised(phrase: str) -> str:
    return phrase[:1].upper() + phrase[1:]


@lru_cache(maxsize=8)
def _text(name: str) -> str:
    return (files("hilum.writers.report") / name).read_text(encoding="utf-8")
