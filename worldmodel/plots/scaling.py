"""How an error falls as something grows: one panel for each thing that grows, both axes in logarithms."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import NullFormatter

from .style import BLUE, QUIET, blank, styled


@styled
def scaling(curves: dict, ylabel: str = "1 − R² of g (1 is the mean)", title: str = "What makes gravity more legible?"):
    """One panel each, on a common vertical axis, with the straight line of a power law through the points.

    Args:
        curves: by what grows, with its unit: sizes (n,) > 0 and errors (n,) > 0.

    Returns:
        Figure.
    """
    figure = blank(title, height=3.4)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (label, (sizes, errors)) in zip(panels, curves.items(), strict=True):
        sizes, errors = np.asarray(sizes, float), np.asarray(errors, float)
        power, factor = np.polyfit(np.log(sizes), np.log(errors), 1)
        axes.plot(sizes, np.exp(factor) * sizes**power, color=QUIET, linestyle="--", linewidth=1.1)
        axes.plot(sizes, errors, "o", color=BLUE, markersize=6)
        axes.set(xscale="log", yscale="log", xlabel=label)
        axes.set_xticks(sizes[::2], [f"{size:g}" for size in sizes[::2]])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(rf"error ∝ size$^{{{power:.2f}}}$", fontsize=9.5, color=QUIET)
    panels[0].set_ylabel(ylabel)
    return figure
