"""Learning, dreaming and acting: losses, open-loop error, returns in the dream and the world, the paths of policies."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from .style import (
    BLUE,
    DASHES,
    FAINT,
    INK,
    QUIET,
    RED,
    WIDTH,
    blank,
    draw_seeds,
    label_lines,
    looks,
    panel,
    styled,
    whole_ticks,
)


@styled
def training_curve(steps, losses: dict, phases=(), title: str = "Does it learn?", unit: str = "no unit"):
    """Losses against training steps; each value faintly, a running median over a fiftieth of the run on top.

    Args:
        steps: (n,) updates.
        losses: by label, (n,) > 0; NaN where a loss is not used.
        phases: (name, begin, end) in steps.

    Returns:
        Figure.
    """
    steps = np.asarray(steps)
    figure, axes = panel(title, "training step", f"loss ({unit})")
    axes.set_yscale("log")
    labels = []
    for (label, values), (colour, dash, _) in zip(losses.items(), looks(len(losses)), strict=True):
        values = np.asarray(values, float)
        some = np.isfinite(values) & (values > 0)
        if not some.any():
            continue
        axes.plot(steps[some], values[some], color=colour, linewidth=0.8, alpha=0.3)
        smooth = _running_median(values[some], max(1, len(steps) // 50))
        axes.plot(steps[some], smooth, color=colour, linestyle=dash)
        labels.append((label, (steps[some][-1], smooth[-1]), colour))
    axes.set_xlim(steps.min(), steps.max())
    for number, (name, begin, end) in enumerate(phases):
        if number % 2:
            axes.axvspan(begin, end, color=FAINT, alpha=0.35, linewidth=0, zorder=0)
        middle = (max(begin, steps.min()) + min(end, steps.max())) / 2
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
        axes.annotate(name, (middle, 1), (0, 3), fontsize=9, color=QUIET, **place)
    label_lines(axes, labels)
    return figure


def _running_median(values: np.ndarray, window: int) -> np.ndarray:
    """Median of the ``window`` values up to each one; (n,) to (n,)."""
    padded = np.concatenate([np.full(window - 1, np.nan), values])
    return np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, window), axis=1)


@styled
def open_loop(error: dict, unit: str = "m", title: str = "How long does the dream stay true?"):
    """Error of an imagined rollout against the frames imagined: the median of the seeds, and their range as a band.

    Args:
        error: by label, (S, H) or (H,) in ``unit``, after 1 to H imagined frames.

    Returns:
        Figure.
    """
    figure, axes = panel(title, "imagined frames", f"error of the imagined position ({unit})")
    labels = []
    for (label, values), (colour, dash, _) in zip(error.items(), looks(len(error)), strict=True):
        frames = np.arange(1, np.shape(values)[-1] + 1)
        labels.append((label, draw_seeds(axes, frames, values, np.nanmedian, colour, dash), colour))
    axes.margins(x=0)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    whole_ticks(axes)
    label_lines(axes, labels)
    return figure


@styled
def returns_over_training(
    updates, dream, true=None, references: dict | None = None, unit: str = "reward per episode",
    title: str = "Does what is learned in the dream hold in the world?",
):  # fmt: skip
    """Return against updates of the policy: in the dream, where it learns, and in the true world, where it does not.

    Args:
        updates: (n,).
        dream: (n,) or (S, n), the return in the dream.
        true: (n,) or (S, n), the return in the true world; NaN where it was not measured.
        references: returns by label, of random play or an oracle, as level lines.

    Returns:
        Figure.
    """
    figure, axes = panel(title, "policy updates", f"return ({unit})")
    labels = [("in the dream", draw_seeds(axes, updates, dream, np.nanmean, BLUE), BLUE)]
    if true is not None:
        labels.append(("in the true world", draw_seeds(axes, updates, true, np.nanmean, RED, DASHES[1], "s"), RED))
    last = np.max(updates)
    for number, (label, value) in enumerate((references or {}).items()):
        axes.axhline(value, color=QUIET, linestyle=DASHES[2 + number % 3], linewidth=1.1)
        labels.append((label, (last, value), QUIET))
    axes.set_xlim(np.min(updates), last)
    label_lines(axes, labels)
    return figure


@styled
def trajectories(paths: dict, box, pad=None, near: float = 0.4, title: str = "Which way does each policy fly?"):
    """Paths side by side, one panel per policy; the same episode has the same colour in each.

    Args:
        paths: by policy, (N, T, 2) in m, y up; NaN after the end. A few episodes read better than many.
        box: m, side of the world, or (width, height).
        pad: m, the middle of the landing pad on the floor: one number, or (N,), one per episode.
        near: m, half the pad's width.

    Returns:
        Figure.
    """
    wide, tall = np.broadcast_to(np.asarray(box, float), 2)
    rows = -(-len(paths) // 4)
    columns = -(-len(paths) // rows)
    cell = min(3.2, (WIDTH - 0.5) / columns)
    figure = blank(title, max(columns * cell + 0.5, 5), rows * (cell * tall / wide + 0.3) + 0.65)
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for number, (axes, (policy, path)) in enumerate(zip(panels, paths.items(), strict=False)):
        axes.set_title(policy, fontsize=10)
        axes.set(xlim=(0, wide), ylim=(0, tall), aspect="equal")
        axes.spines[:].set_visible(True)
        axes.locator_params(nbins=5)
        if number % columns == 0:
            axes.set_ylabel("height (m)")
        if number + columns >= len(paths):  # nothing hangs below
            axes.set_xlabel("x (m)")
            axes.tick_params(labelbottom=True)
        _fly(axes, np.asarray(path, float), pad, near, tall)
    for axes in panels[len(paths) :]:
        axes.remove()
    return figure


def _fly(axes, path, pad, near, tall):
    pads = np.broadcast_to(np.asarray(np.nan if pad is None else pad, float), len(path))
    shared = pad is not None and np.ndim(pad) == 0
    if shared:
        axes.add_patch(Rectangle((pad - near, 0), 2 * near, 0.03 * tall, color=INK))
    for (colour, dash, marker), points, spot in zip(looks(len(path)), path, pads, strict=True):
        points = points[np.isfinite(points).all(1)]
        if not len(points):
            continue
        if not shared and np.isfinite(spot):
            axes.add_patch(Rectangle((spot - near, 0), 2 * near, 0.03 * tall, color=colour, alpha=0.8))
        axes.plot(*points.T, color=colour, linestyle=dash, linewidth=1.3)
        axes.plot(*points[0], "o", color="white", markeredgecolor=colour, markersize=5)
        axes.plot(*points[-1], marker, color=colour, markersize=6, clip_on=False)
