"""What every plot shares: size, colours, type, and how it is written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.errors import MissingExtra, WriteError
from hilum.registry import unknown
from hilum.writers.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6b4fb3", "#7a8797", "#14181f")
"""Told apart by people who see colours otherwise, too; from the tenth series on they begin again."""

FORMATS = (".png", ".svg", ".pdf")
DPI = 300
PANEL_IN = (4.2, 3.0)
"""Width and height of one panel, in inches."""

_QUIET, _LINE = "#5b6673", "#d5dae1"


def canvas(titles: tuple[str, ...], *, panel_in: tuple[float, float] = PANEL_IN) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each title, side by side.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtra("A plot", "lab") from error
    made = Figure(figsize=(panel_in[0] * len(titles), panel_in[1]), layout="constrained")
    panels: list[Axes] = [made.add_subplot(1, len(titles), number) for number in range(1, len(titles) + 1)]
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title, fontsize=10, loc="left")
        panel.grid(visible=True, color=_LINE, linewidth=0.5)
        panel.set_axisbelow(True)
        panel.tick_params(labelsize=8, colors=_QUIET)
        for side, spine in panel.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(_QUIET)
    return made, panels


def label(panel: Axes, across: str, up: str) -> None:
    """Name the axes."""
    panel.set_xlabel(across, fontsize=9)
    panel.set_ylabel(up, fontsize=9)


def legend(panel: Axes, **how: Any) -> None:
    """Name the series, where there are any."""
    if panel.get_legend_handles_labels()[1]:
        panel.legend(fontsize=8, frameon=False, **how)


def save(made: Figure, path: Path) -> None:
    """Write a figure in the format of its name: PNG at 300 dpi, SVG or PDF. Equal figures give equal bytes.

    Raises
    ------
    WriteError
        The format is unknown, or the file could not be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise WriteError(f"Cannot write {str(path)!r}: {unknown('format of plots', path.suffix, FORMATS)}", path=path)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(_bytes(made, path.suffix.lower().removeprefix(".")))


def svg(made: Figure) -> str:
    """A figure as SVG, for a page."""
    text = _bytes(made, "svg").decode()
    return text[text.index("<svg") :]


def _bytes(made: Figure, form: str) -> bytes:
    import matplotlib as mpl

    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
    target = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "hilum", "svg.fonttype": "none", "pdf.fonttype": 42}):
        made.savefig(target, format=form, dpi=DPI, metadata=undated[form])
    return target.getvalue()
