"""When a clip surprises, and how small a change of the law is noticed: a psychometric curve beside an ideal observer's."""

from __future__ import annotations

import numpy as np

from .style import BLUE, INK, ORANGE, QUIET, label_lines, looks, note, panel, styled

MARK = (25, 0.95)  # the AUROC to reach at a change of so many percent


@styled
def psychometric(change, ours, ideal, controls: dict):
    """The chance that a changed clip surprises more than an ordinary one, against the size of the change.

    Args:
        change: (n,) in percent of g.
        ours: (n, 3), AUROC with the ends of its interval.
        ideal: (n,), AUROC of an ideal observer of the same clips.
        controls: by label, AUROC of changes that are not changes of g.

    Returns:
        Figure.
    """
    change, (value, low, high) = np.asarray(change, float), np.asarray(ours, float).T
    figure, axes = panel(
        "How small a change of g does it notice?",
        "change of g in mid-flight, up or down (%)",
        "AUROC of surprise (0.5 is chance)",
    )
    axes.fill_between(change, low, high, color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(change, value, color=BLUE, marker="o", markersize=4.5)
    axes.plot(change, ideal, color=ORANGE, linestyle=(0, (6, 2)), marker="s", markersize=4.5)
    labels = [("this model", (change[-1], value[-1]), BLUE), ("ideal observer", (change[-1], ideal[-1]), ORANGE)]
    for label, level, style in [("chance", 0.5, "-"), *((*control, ":") for control in controls.items())]:
        axes.axhline(level, color=QUIET, linestyle=style, linewidth=1.1, zorder=1)
        labels.append((label, (change[-1], level), QUIET))
    axes.plot(*MARK, "_", color=INK, markersize=16, markeredgewidth=1.5)
    axes.annotate(f"mark {MARK[1]:g}", MARK, (0, -13), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xlim=(0, change[-1] * 1.02), ylim=(min(0.45, *controls.values()) - 0.02, 1.02))
    label_lines(axes, labels)
    return figure


@styled
def surprise_over_time(surprise: dict, frames_per_second: float, change: float):
    """Surprise after each frame of clips that are the same up to a change.

    Args:
        surprise: by label, (T,) in units of what is usual.
        change: the last frame before the change.

    Returns:
        Figure.
    """
    figure, axes = panel("When is it surprised?", "time (s)", "surprise (1 is rare in ordinary clips)", height=4)
    labels = []
    for (label, values), (colour, dash, _) in zip(surprise.items(), looks(len(surprise)), strict=True):
        time = np.arange(len(values)) / frames_per_second
        axes.plot(time, values, color=colour, linestyle=dash)
        labels.append((label, (time[-1], values[-1]), colour))
    axes.axhline(1, color=QUIET, linestyle=":", linewidth=1.1, zorder=1)
    axes.axvline(change / frames_per_second, color=INK, linestyle="--", linewidth=1.1, zorder=1)
    note(axes, change / frames_per_second, "here it changes")
    axes.set(xlim=(0, max(len(values) - 1 for values in surprise.values()) / frames_per_second), ylim=(0, None))
    label_lines(axes, labels)
    return figure
