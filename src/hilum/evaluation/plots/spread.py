"""How figures spread over cases: boxes, and differences against means (Bland-Altman)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.agreement import limits_of_agreement
from hilum.measurement import NotMeasured

from .canvas import COLOURS, PANEL_IN, canvas, label, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SEED = 0
_DOTS = 0.5


def box_plot(groups: Mapping[str, Mapping[str, Sequence[float]]], measure: str) -> Figure:
    """A panel for each group, such as a structure, and in it a box for each series, with a dot for each case.

    Boxes reach from the first to the third quartile with the median in them, whiskers to the farthest case within one
    and a half times the box. A series, or a group, without cases is left out, and every name tells its number of cases.

    Parameters
    ----------
    groups : of each group, the values by the name of the series
    measure : name of the vertical axis
    """
    shown = {group: _known(series) for group, series in groups.items() if _known(series)}
    most = max((len(series) for series in shown.values()), default=0)
    made, panels = canvas(tuple(shown), panel_in=(max(2.4, 0.75 * most + 1.2), PANEL_IN[1]))
    dice = np.random.default_rng(_SEED)
    for panel, known in zip(panels, shown.values(), strict=True):
        label(panel, "", measure)
        if panel is not panels[0]:
            panel.sharey(panels[0])
        boxes = panel.boxplot(
            list(known.values()),
            tick_labels=[f"{name}\nn = {len(values)}" for name, values in known.items()],
            widths=0.55,
            showfliers=False,
            patch_artist=True,
            medianprops={"color": COLOURS[-1]},
        )
        for number, (box, values) in enumerate(zip(boxes["boxes"], known.values(), strict=True)):
            colour = COLOURS[number % len(COLOURS)]
            box.set(facecolor=colour, alpha=0.35, edgecolor=colour)
            places = number + 1 + (dice.random(len(values)) - 0.5) * 0.3
            panel.scatter(places, values, s=6, color=colour, alpha=_DOTS, linewidths=0)
    return made


def _known(series: Mapping[str, Sequence[float]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.asarray(values, dtype=np.float64) for name, values in series.items() if len(values)}


def bland_altman(series: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]], unit: str) -> Figure:
    """A panel for each system: estimate less truth against their mean, with bias and limits of agreement.

    Dots of the same place are drawn as one, the larger the more cases there are.

    Parameters
    ----------
    series : truth and estimate by the name of the system, one number a case
    unit : of the score

    References
    ----------
    .. [1] Bland and Altman, Lancet 1986;1:307-310, doi:10.1016/S0140-6736(86)90837-8
    """
    made, panels = canvas(tuple(series))
    for panel, (number, (truth, estimate)) in zip(panels, enumerate(series.values()), strict=True):
        label(panel, f"mean of truth and estimate, {unit}", f"estimate less truth, {unit}")
        points = np.stack([(truth + estimate) / 2, estimate - truth], axis=1)
        places, counts = np.unique(points, axis=0, return_counts=True)
        colour = COLOURS[number % len(COLOURS)]
        panel.scatter(places[:, 0], places[:, 1], s=14 * counts, color=colour, alpha=_DOTS, linewidths=0)
        limits = limits_of_agreement(truth, estimate)
        if isinstance(limits, NotMeasured):
            continue
        panel.axhline(limits.bias, color=COLOURS[-1], linewidth=1, label=f"bias {limits.bias:+.2f}")
        span = f"{limits.low:+.2f} to {limits.high:+.2f}"
        panel.axhline(limits.low, color=COLOURS[-1], linewidth=0.8, linestyle="--", label=span)
        panel.axhline(limits.high, color=COLOURS[-1], linewidth=0.8, linestyle="--")
        legend(panel)
    return made
