"""One visual language for every figure: palette, context, labels beside the lines. Nothing is set at import."""

from __future__ import annotations

import functools
import io
import re
import textwrap
from itertools import cycle, islice

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

# Okabe and Ito's colours, told apart by colour-blind readers; a dash and a marker go with each, for print in grey.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, QUIET, FAINT = "#222222", "#6E6E6E", "#D9D9D9"
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)
DASHES = ("-", (0, (6, 2)), (0, (3, 1.5, 1, 1.5)), (0, (1, 1.2)), (0, (9, 2, 1, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 8.0  # inches, of a notebook's column
HALO = [withStroke(linewidth=2.5, foreground="white")]

_RC = {
    "figure.dpi": 110, "figure.facecolor": "white", "font.size": 9.5, "lines.linewidth": 1.8, "text.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": QUIET, "axes.labelcolor": INK,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#ECECEC", "grid.linewidth": 0.7, "xtick.color": QUIET,
    "ytick.color": QUIET, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "legend.frameon": False,
}  # fmt: skip


def style():
    """A context in which matplotlib draws in this language, whatever the reader has set; it leaves no trace."""
    return matplotlib.style.context(["default", _RC])


class Picture(Figure):
    """A Figure that pyplot does not know of, and that a notebook shows when it is a cell's last expression."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        with style():
            self.savefig(file, format="png")
        return file.getvalue()


def styled(draw):
    """Let a function draw inside ``style()``."""

    @functools.wraps(draw)
    def inside(*args, **settings):
        with style():
            return draw(*args, **settings)

    return inside


def blank(title: str, width: float = WIDTH, height: float = 4.2) -> Picture:
    """An empty figure of ``width`` by ``height`` inches under its message."""
    figure = Picture(figsize=(width, height), layout="constrained")
    if title:
        wrapped = "\n".join(textwrap.wrap(title, max(20, int(width * 10.5))))
        figure.suptitle(wrapped, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def panel(title: str, xlabel: str, ylabel: str, **size):
    """A figure with one pair of axes, and these axes."""
    figure = blank(title, **size)
    axes = figure.add_subplot()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def looks(n: int) -> list[tuple]:
    """Colour, dash and marker for ``n`` series."""
    return list(islice(zip(cycle(COLOURS), cycle(DASHES), cycle(MARKERS), strict=False), n))


def note(axes, x: float, text: str, colour: str = INK, lift: float = 3) -> None:
    """A few words at ``x``, ``lift`` points over the upper edge of the axes."""
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
    axes.annotate(text, (x, 1), (0, lift), fontsize=9, color=colour, **place)


def draw_seeds(axes, x, values, middle, colour, dash="-", marker=None):
    """``values`` (S, n) or (n,) at ``x`` (n,): the ``middle`` of the seeds as a line, all of them as a band.

    Returns:
        the last finite point of the line, (x, y), or None.
    """
    values = np.atleast_2d(np.asarray(values, float))
    some = np.isfinite(values).any(0)
    x, values = np.asarray(x)[some], values[:, some]
    if not len(x):
        return None
    line = middle(values, axis=0)
    if len(values) > 1:
        axes.fill_between(x, np.nanmin(values, 0), np.nanmax(values, 0), color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, line, color=colour, linestyle=dash, marker=marker, markersize=4.5, markeredgewidth=0)
    return x[-1], line[-1]


def label_lines(axes, labels: list[tuple[str, tuple | None, str]]) -> None:
    """Write (text, end (x, y), colour) where lines end: right of the axes, or under an end that stops short.

    Labels that would touch are moved apart. To be called last, with the limits as they stay.
    """
    labels = [(folded(text, 24), end, darker(colour)) for text, end, colour in labels if end is not None]
    if not labels:
        return
    ends = axes.transAxes.inverted().transform(axes.transData.transform([end for _, end, _ in labels]))
    ends[:, 1] = np.clip(np.nan_to_num(ends[:, 1]), 0, 1)
    tall = axes.figure.get_figheight() * 72 * 0.72  # points, about what titles and labels leave to the axes
    heights = np.array([12.5 * (1 + text.count("\n")) + 2 for text, _, _ in labels]) / tall
    short = ends[:, 0] < 0.9
    places = np.empty(len(labels))
    for group, drop in ((~short, 0), (short, 10 / tall)):
        places[group] = apart(ends[group, 1] - drop, heights[group])
    text_style = {"xycoords": "axes fraction", "va": "center", "fontsize": 9, "path_effects": HALO}
    for (text, _, colour), (x, y), place, stops in zip(labels, ends, places, short, strict=True):
        if stops:
            axes.annotate(text, (x - 0.01, place), ha="right", color=colour, **text_style)
        else:
            leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.6, "relpos": (0, 0.5)}
            axes.annotate(text, (min(x, 1), y), (1.035, place), color=colour, arrowprops=leader, **text_style)


def folded(text: str, wrap: int) -> str:
    """The text in lines of at most ``wrap`` characters; what stands in brackets stays together."""
    together = re.sub(r"\([^)]*\)", lambda found: found[0].replace(" ", "\xa0"), text)
    return "\n".join(textwrap.wrap(together, wrap))


def darker(colour: str) -> tuple:
    """A colour of the palette, dark enough to be read as text."""
    return tuple(0.75 * part for part in to_rgb(colour))


def apart(wanted: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Middles closest to those ``wanted`` (n,) at which labels of these ``heights`` (n,) do not overlap.

    They keep their order, so this is an isotonic regression; pooled as adjacent violators are.
    """
    order = np.argsort(wanted, kind="stable")
    below = np.cumsum(heights[order]) - heights[order] / 2
    groups = []  # [mean of wanted - below, size]
    for value in wanted[order] - below:
        groups.append([value, 1])
        while len(groups) > 1 and groups[-2][0] >= groups[-1][0]:
            value, size = groups.pop()
            total = groups[-1][1] + size
            groups[-1] = [(groups[-1][0] * groups[-1][1] + value * size) / total, total]
    shifts = np.repeat([value for value, _ in groups], [size for _, size in groups])
    room = max(1.03 - heights.sum(), -0.03)
    places = np.empty_like(wanted, dtype=float)
    places[order] = np.clip(shifts, -0.03, room) + below
    return places
