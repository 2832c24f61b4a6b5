"""Learning, dreaming and acting: losses, open-loop error, returns in the dream and the world, the paths of policies."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from .style import BLUE, DASHES, FAINT, QUIET, RED, WIDTH, blank, draw_seeds, label_lines, looks, note, panel, styled

NEAR = 0.4  # m, half of a landing pad's width


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
    axes.margins(y=0.15)  # a name under the lowest line has room above the axis
    for number, (name, begin, end) in enumerate(phases):
        if number % 2:
            axes.axvspan(begin, end, color=FAINT, alpha=0.35, linewidth=0, zorder=0)
        note(axes, (max(begin, steps.min()) + min(end, steps.max())) / 2, name, QUIET)
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
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=10)
    label_lines(axes, labels)
    return figure


@styled
def returns_over_training(
    updates, dream, true=None, unit: str = "reward per episode", title: str = "Is it learned in the dream?"
):
    """Return in the dream, and in the true world, against updates of the policy.

    Args:
        updates: (n,).
        dream: (n,) or (S, n), the return in the dream; true: the same in the true world, where it was tried.

    Returns:
        Figure.
    """
    figure, axes = panel(title, "policy updates", f"return ({unit})")
    labels = [("in the dream", draw_seeds(axes, updates, dream, np.nanmean, BLUE), BLUE)]
    if true is not None:
        labels.append(("in the world", draw_seeds(axes, updates, true, np.nanmean, RED, DASHES[1]), RED))
    axes.set_xlim(np.min(updates), np.max(updates))
    label_lines(axes, labels)
    return figure


@styled
def returns_over_frames(learners: dict, levels: dict, title: str = "What does learning cost?"):
    """Return against true frames shown, of those who learn in the world, beside levels that others reach.

    Args:
        learners: by name, frames, returns, and the ends of their intervals, (n,) each. levels: by name, one return; drawn as a
            line across.

    Returns:
        Figure.
    """
    figure, axes = panel(title, "frames of the true world (number)", "return (reward per episode)")
    axes.set_xscale("log")
    labels = []
    for (name, (frames, returns, low, high)), (colour, dash, marker) in zip(learners.items(), looks(len(learners))):
        axes.plot(frames, returns, color=colour, linestyle=dash, marker=marker)
        axes.fill_between(frames, low, high, color=colour, alpha=0.18, linewidth=0)
        labels.append((name, (frames[-1], returns[-1]), colour))
    for name, level in levels.items():
        axes.axhline(level, color=QUIET, linewidth=1.1, linestyle=":")
        labels.append((name, (axes.get_xlim()[1], level), QUIET))
    label_lines(axes, labels)
    return figure


@styled
def trajectories(paths: dict, box: float, pad):
    """Paths side by side, one panel per policy; the same episode has the same colour in each.

    Args:
        paths: by policy, (N, T, 2) in m, y up; NaN after the end. A few episodes read better than many.
        box: m, side of the world.
        pad: (N,) in m, the middle of each episode's landing pad on the floor.

    Returns:
        Figure.
    """
    rows = -(-len(paths) // 4)
    columns = -(-len(paths) // rows)
    cell = min(3.2, (WIDTH - 0.5) / columns)
    figure = blank("Which way does each policy fly?", max(columns * cell + 0.5, 5), rows * (cell + 0.3) + 0.65)
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for number, (axes, (policy, path)) in enumerate(zip(panels, paths.items(), strict=False)):
        axes.set_title(policy, fontsize=10)
        axes.set(xlim=(0, box), ylim=(0, box), aspect="equal")
        axes.spines[:].set_visible(True)
        axes.locator_params(nbins=5)
        if number % columns == 0:
            axes.set_ylabel("height (m)")
        if number + columns >= len(paths):  # nothing hangs below
            axes.set_xlabel("x (m)")
            axes.tick_params(labelbottom=True)
        _fly(axes, np.asarray(path, float), pad, 0.03 * box)
    for axes in panels[len(paths) :]:
        axes.remove()
    return figure


def _fly(axes, path, pads, thick):
    for (colour, dash, marker), points, pad in zip(looks(len(path)), path, pads, strict=True):
        points = points[np.isfinite(points).all(1)]
        if not len(points):
            continue
        axes.add_patch(Rectangle((pad - NEAR, 0), 2 * NEAR, thick, color=colour, alpha=0.8))
        axes.plot(*points.T, color=colour, linestyle=dash, linewidth=1.3)
        axes.plot(*points[0], "o", color="white", markeredgecolor=colour, markersize=5)
        axes.plot(*points[-1], marker, color=colour, markersize=6, clip_on=False)
