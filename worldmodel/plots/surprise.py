"""When a clip surprises, and how small a change of the law is noticed: a psychometric curve beside an ideal observer's."""

from __future__ import annotations

import numpy as np

from .style import BLUE, INK, ORANGE, QUIET, label_lines, looks, panel, styled


@styled
def psychometric(
    change, ours, ideal, controls: dict | None = None, mark: tuple[float, float] | None = (25, 0.95),
    name: str = "this model", title: str = "How small a change of g does it notice?",
):  # fmt: skip
    """The chance that a changed clip surprises more than an ordinary one, against the size of the change.

    Args:
        change: (n,) in percent of g.
        ours: (n, 3), AUROC with the ends of its interval.
        ideal: (n,), AUROC of an ideal observer of the same clips.
        controls: by label, AUROC of changes that are not changes of g.
        mark: the AUROC to reach at a change.

    Returns:
        Figure.
    """
    change, (value, low, high) = np.asarray(change, float), np.asarray(ours, float).T
    figure, axes = panel(title, "change of g in mid-flight, up or down (%)", "AUROC of surprise (0.5 is chance)")
    axes.fill_between(change, low, high, color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(change, value, color=BLUE, marker="o", markersize=4.5)
    axes.plot(change, ideal, color=ORANGE, linestyle=(0, (6, 2)), marker="s", markersize=4.5)
    labels = [(name, (change[-1], value[-1]), BLUE), ("ideal observer", (change[-1], ideal[-1]), ORANGE)]
    for label, level, style in [("chance", 0.5, "-"), *((*control, ":") for control in (controls or {}).items())]:
        axes.axhline(level, color=QUIET, linestyle=style, linewidth=1.1, zorder=1)
        labels.append((label, (change[-1], level), QUIET))
    if mark:
        axes.plot(*mark, "_", color=INK, markersize=16, markeredgewidth=1.5)
        axes.annotate(f"mark {mark[1]:g}", mark, (0, -13), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xlim=(0, change[-1] * 1.02), ylim=(min(0.45, *(controls or {"": 1}).values()) - 0.02, 1.02))
    label_lines(axes, labels)
    return figure


@styled
def surprise_over_time(surprise: dict, frames_per_second: float, change: float, title: str = "When is it surprised?"):
    """Surprise after each frame of clips that are the same up to a change.

    Args:
        surprise: by label, (T,) in units of what is usual.
        change: the last frame before the change.

    Returns:
        Figure.
    """
    figure, axes = panel(title, "time (s)", "surprise (1 is rare in ordinary clips)", height=4)
    labels = []
    for (label, values), (colour, dash, _) in zip(surprise.items(), looks(len(surprise)), strict=True):
        time = np.arange(len(values)) / frames_per_second
        axes.plot(time, values, color=colour, linestyle=dash)
        labels.append((label, (time[-1], values[-1]), colour))
    axes.axhline(1, color=QUIET, linestyle=":", linewidth=1.1, zorder=1)
    axes.axvline(change / frames_per_second, color=INK, linestyle="--", linewidth=1.1, zorder=1)
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
    axes.annotate("here it changes", (change / frames_per_second, 1), (0, 3), fontsize=9, **place)
    axes.set(xlim=(0, max(len(values) - 1 for values in surprise.values()) / frames_per_second), ylim=(0, None))
    label_lines(axes, labels)
    return figure
