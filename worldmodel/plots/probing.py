"""What can be read from a model, beside what could be read at best and what a control reads."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from ..settings import ConfigError
from .style import BLUE, COLOURS, DASHES, FAINT, HALO, INK, QUIET, blank, draw_seeds, label_lines, looks, note, panel, styled

LIMIT = "Cramér–Rao"  # the label of the bound below which no method can be; that region is shaded
GREYS = ("#7A7A7A", "#4A4A4A", "#8C8C8C", "#606060")


@styled
def legibility(
    k, ours, controls: dict, bounds: dict[str, dict], error: str = "RMSE", name: str = "this model",
    title: str = "How many frames until g can be read?",
):  # fmt: skip
    """The error of g against the frames seen: the model, the controls above it, the limits below.

    Args:
        k: (n,) frames seen.
        ours: (S, n) or (n,), error by seed, in m/s²; drawn as the mean, with the range of the seeds as a band.
        controls: by label, (n,) at ``k`` or one number.
        bounds: by label, {k: error}.
        error: what kind of error it is, for the axis.

    Returns:
        Figure.

    Raises:
        ConfigError: ours is not (S, n).
    """
    k, ours = np.asarray(k), np.atleast_2d(np.asarray(ours, float))
    if ours.shape[1:] != k.shape:
        raise ConfigError(f"ours is {ours.shape}; it must be (S, {len(k)}), seeds by frames seen")
    figure, axes = panel(title, "frames seen", f"{error} of g (m/s²)", height=4.6)
    axes.set_yscale("log")
    axes.set_xscale("log", base=2)
    labels = []
    for number, (label, values) in enumerate(controls.items()):
        values = np.broadcast_to(np.asarray(values, float), k.shape)
        colour, dash = GREYS[number % len(GREYS)], DASHES[1 + number % 4]
        axes.plot(k, values, color=colour, linestyle=dash, linewidth=1.1)
        labels.append((label, (k[-1], values[-1]), colour))
    shaded = None
    for number, (label, values) in enumerate(bounds.items()):
        at, values = np.array(list(values.items()), float).T
        colour = INK if label == LIMIT else COLOURS[2 + number % 3]
        axes.plot(at, values, color=colour, linestyle=":", linewidth=1.8)
        labels.append((label, (at[-1], values[-1]), colour))
        shaded = (at, values) if label == LIMIT else shaded
    end = draw_seeds(axes, k, ours, np.nanmean, BLUE, marker="o")
    seeds = f" ({len(ours)} seeds)" if len(ours) > 1 else ""
    axes.set_xlim(k.min() / 1.04, k.max() * 1.04)
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.5, high)
    if shaded:
        _impossible(axes, *shaded)
    ticks = [value for value in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128) if k.min() <= value <= k.max()]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_major_formatter("{x:g}")
    label_lines(axes, [(name + seeds, end, BLUE), *labels])
    return figure


def _impossible(axes, at, values):
    """Shade what lies below a limit (n,) at ``at`` (n,), and say so where it leaves most room."""
    floor = axes.get_ylim()[0]
    axes.fill_between(at, floor, values, color=FAINT, alpha=0.6, linewidth=0, zorder=0.5)
    place = {"textcoords": "offset points", "fontsize": 9, "style": "italic", "color": QUIET}
    axes.annotate("no method\ncan be here", (at[0], floor), (6, 6), **place)


@styled
def read_against_true(
    true: dict, read: dict, shade=(), title: str = "Does what is read follow the truth?", xlabel: str = "true g (m/s²)",
    ylabel: str = "g read by the probe (m/s²)",
):  # fmt: skip
    """What is read against the truth, or what is shown against what was asked, clip by clip; on the diagonal it is right.

    Args:
        true, read: by band, (N,) in m/s²; what is NaN is not drawn.
        shade: ranges (low, high) of g that training never showed.

    Returns:
        Figure.

    Raises:
        ConfigError: the two do not hold the same bands and clips.
    """
    true, read = ({band: np.asarray(values, float) for band, values in side.items()} for side in (true, read))
    if {b: v.shape for b, v in true.items()} != {b: v.shape for b, v in read.items()}:
        raise ConfigError("true and read must hold the same bands, with as many clips in each")
    for band in true:
        known = np.isfinite(true[band]) & np.isfinite(read[band])
        true[band], read[band] = true[band][known], read[band][known]
    figure, axes = panel(title, xlabel, ylabel, width=6, height=5.8)
    everything = np.concatenate([*true.values(), *([[0.0, 1.0]] if not any(map(len, true.values())) else [])])
    low, high = everything.min(), everything.max()
    spread = high - low or 1.0
    found = np.concatenate(list(read.values()))
    if not len(found):  # all were lost
        found = everything
    bottom, top = max(min(low, found.min()), low - spread / 2), min(max(high, found.max()), high + spread / 2)
    edges = (bottom - 0.03 * spread, top + 0.03 * spread)
    axes.set(xlim=(low - 0.03 * spread, high + 0.03 * spread), ylim=edges)
    axes.plot(edges, edges, color=INK, linewidth=1, linestyle="--", zorder=1)
    for (band, values), (colour, _, marker) in zip(true.items(), looks(len(true)), strict=True):
        axes.scatter(values, read[band], s=13, marker=marker, color=colour, alpha=0.45, linewidths=0, label=band)
    for begin, end in np.clip(np.reshape(np.asarray(shade, float), (-1, 2)), *axes.get_xlim()):
        if begin < end:
            axes.axvspan(begin, end, color=FAINT, alpha=0.55, linewidth=0, zorder=0)
            axes.annotate(
                "never seen in training", ((begin + end) / 2, 0.02), xycoords=("data", "axes fraction"), rotation=90,
                ha="center", va="bottom", fontsize=9, style="italic", color=QUIET, path_effects=HALO,
            )  # fmt: skip
    outside = int(((found < edges[0]) | (found > edges[1])).sum())
    legend = axes.legend(loc="upper left", fontsize=9, handletextpad=0.2)
    legend.set_alignment("left")
    if outside:
        legend.set_title(f"clips outside the picture: {outside}")
    for handle in legend.legend_handles:
        handle.set(alpha=1, sizes=[28])
    return figure


@styled
def bars(
    values: dict, mark: float | None = None, xlabel: str = "R² (1 is perfect, 0 is the mean)", title: str = "",
    ours: str | tuple = (), mark_label: str = "mark",
):  # fmt: skip
    """One line per entry: its value as a dot, its interval as a bar, both in figures on the right.

    Args:
        values: by label, (value, low, high); low and high are NaN or None where there is no interval.
        mark: the value to reach, a vertical line.
        xlabel: what is shown, with its unit.
        ours: the label, or labels, to set off in colour.

    Returns:
        Figure.
    """
    ours = (ours,) if isinstance(ours, str) else ours
    figure = blank(title, height=0.85 + 0.3 * len(values) + (0.3 if title else 0))
    axes = figure.add_subplot()
    lines = -np.arange(len(values))
    rows = np.array([[np.nan if number is None else number for number in row] for row in values.values()], float)
    for line, label, (value, low, high) in zip(lines, values, rows, strict=True):
        colour, marker, size = (BLUE, "D", 7) if label in ours else (QUIET, "o", 6)
        axes.plot([low, high], [line, line], color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
        axes.plot(value, line, marker, color=colour, markersize=size)
        text = _short(value) + (f"  [{_short(low)}, {_short(high)}]" if np.isfinite(low + high) else "")
        place = {"xycoords": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
        axes.annotate(text.replace("-", "−"), (1.02, line), fontsize=9, color=colour, **place)
    if mark is not None:
        axes.axvline(mark, color=INK, linestyle="--", linewidth=1.1, zorder=1)
        note(axes, mark, f"{mark_label} {mark:g}", lift=4)
    axes.set(xlabel=xlabel, ylim=(lines[-1] - 0.6, 0.6))
    axes.set_yticks(lines, list(values))
    for tick, label in zip(axes.get_yticklabels(), values, strict=True):
        if label in ours:
            tick.set(color=BLUE, fontweight="bold")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _short(number: float) -> str:
    """Three digits, and no power of ten where a thousand is reached."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
