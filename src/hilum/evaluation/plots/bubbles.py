"""Networks side by side: what they cost and what they reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.errors import ReadError

from .canvas import COLOURS, canvas, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("network", "parameters_m", "macs_g", "films_per_s", "accuracy")
_LEAST, _MOST = 30.0, 900.0


@dataclass(frozen=True, slots=True)
class Bubble:
    """A network.

    Attributes
    ----------
    network : its name
    parameters_m : in millions
    macs_g : for one film, in milliards
    films_per_s : how quick it is
    accuracy : such as a mean Dice
    stage : networks of one stage make one panel; empty for all in one
    """

    network: str
    parameters_m: float
    macs_g: float
    films_per_s: float
    accuracy: float
    stage: str = ""


def read_bubbles(path: Path) -> list[Bubble]:
    """The networks of a table in CSV with :data:`COLUMNS`, and ``stage`` where there are several.

    Raises
    ------
    ReadError
        It is no such table.
    """
    from hilum.evaluation.predictions import read_rows

    try:
        return [
            Bubble(row["network"], *(float(row[name]) for name in COLUMNS[1:]), stage=row.get("stage", ""))
            for row in read_rows(path, COLUMNS)
        ]
    except ValueError as error:
        raise ReadError(f"{str(path)!r} holds what is no number: {error}.", path=path) from error


def bubble_chart(networks: Sequence[Bubble], accuracy: str = "Dice") -> Figure:
    """Accuracy against films a second, the area of a bubble its parameters, its colour its operations.

    Parameters
    ----------
    networks : one at least
    accuracy : what the accuracy is
    """
    stages = tuple(dict.fromkeys(each.stage for each in networks))
    made, panels = canvas(tuple(stage or "Networks" for stage in stages), panel_in=(5.2, 3.8))
    largest = max(each.parameters_m for each in networks)
    low, high = (pick(each.macs_g for each in networks) for pick in (min, max))
    for panel, stage in zip(panels, stages, strict=True):
        mine = [each for each in networks if each.stage == stage]
        dots = panel.scatter(
            [each.films_per_s for each in mine],
            [each.accuracy for each in mine],
            s=[max(_LEAST, _MOST * each.parameters_m / largest) for each in mine],
            c=[each.macs_g for each in mine],
            vmin=low,
            vmax=high,
            cmap="viridis",
            alpha=0.7,
            linewidths=0,
        )
        for each in mine:
            words = f"{each.network}\n{each.parameters_m:.1f} M"
            panel.annotate(words, (each.films_per_s, each.accuracy), fontsize=7, ha="center", va="center")
        panel.margins(0.18)
        label(panel, "films a second of one core", accuracy)
        if panel is panels[-1]:
            made.colorbar(dots, ax=panel, label="MACs, G").ax.tick_params(labelsize=8, colors=COLOURS[-2])
    return made
