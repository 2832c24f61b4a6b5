"""Frames side by side: what was filmed, what was dreamt, and where a model's points lie on it."""

from __future__ import annotations

import numpy as np
from matplotlib.patheffects import withStroke

from ..settings import ConfigError
from .style import COLOURS, QUIET, WIDTH, blank, folded, styled

GAP = 0.05  # of a frame's width, between frames
CROSSES = ("+", "x", "1", "2", "3", "4", "|", "_")


@styled
def film_strip(rows: dict, every: int = 1, times=None, first: dict | None = None, title: str = ""):
    """One labelled row of frames per entry, so that truth and dream can be compared frame by frame.

    Args:
        rows: frames by label, each uint8 (T, H, W, C), C 1 or 3; a row may be shorter than the others.
        every: show every so manieth frame.
        times: (T,) in s, written above the columns; without them the frames are numbered from 0.
        first: by label, the frame at which a row begins where that is not 0, as of a dream that follows what was seen.

    Returns:
        Figure.

    Raises:
        ConfigError: frames of another form, or ``first`` of a row that is not there.
    """
    first = first or {}
    unknown = set(first) - set(rows)
    if unknown or not rows:
        raise ConfigError(f"no row is called {sorted(unknown)}" if unknown else "a film strip needs a row")
    rows = {label: _checked(frames, label) for label, frames in rows.items()}
    length = max(first.get(label, 0) + len(frames) for label, frames in rows.items())
    strip = _Strip(rows, np.arange(0, length, every), times, title)
    for line, (label, frames) in enumerate(rows.items()):
        begin = first.get(label, 0)
        for column, frame in enumerate(range(0, length, every)):
            if begin <= frame < begin + len(frames):
                strip.show(frames[frame - begin], column, line)
    return strip.figure


@styled
def points_on_frames(frames, points, every: int = 1, title: str = "Where do the model's points lie?"):
    """Frames in a row with a model's points drawn on them, each point with a cross of its own.

    Args:
        frames: uint8 (T, H, W, C).
        points: (T, K, 2) in image coordinates, x right and y up, each in -1 to 1 from edge to edge.
        every: show every so manieth frame.

    Returns:
        Figure.

    Raises:
        ConfigError: frames or points of another form.
    """
    frames, points = _checked(frames, "frames"), np.asarray(points, float)
    if points.ndim != 3 or points.shape[::2] != (len(frames), 2):
        raise ConfigError(f"points are {points.shape}; they must be ({len(frames)}, K, 2)")
    shown = np.arange(0, len(frames), every)
    strip = _Strip({"": frames}, shown, None, title, below=0.25)
    for column, frame in enumerate(shown):
        strip.show(frames[frame], column, 0)
        for k, (x, y) in enumerate((points[frame] + 1) / 2):
            label = f"point {k + 1}" if column == 0 else None
            strip.mark(column, x, y, CROSSES[k % len(CROSSES)], COLOURS[k % len(COLOURS)], label)
    columns = max(1, min(points.shape[1], 6))
    strip.figure.legend(loc="outside lower left", ncols=columns, fontsize=9, handletextpad=0.2, columnspacing=1.2)
    return strip.figure


def _checked(frames, label) -> np.ndarray:
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] not in (1, 3) or not frames.size:
        form = f"{frames.dtype} {frames.shape}"
        raise ConfigError(f"{label}: frames are {form}; they must be uint8 (T, H, W, C), C 1 or 3")
    return frames


class _Strip:
    """Axes in widths of a frame: column c begins at c, rows go down from 0; labels on the left, times on top."""

    def __init__(self, rows: dict, shown: np.ndarray, times, title: str, below: float = 0.0):
        self.talls = [frames.shape[1] / frames.shape[2] for frames in rows.values()]
        for wrap in (12, 40):  # low rows have room for one line only
            labels = [folded(label, wrap) for label in rows]
            margin = 0.15 + 0.085 * max(len(part) for label in labels for part in label.split("\n"))
            self.cell = cell = min(1.3, (WIDTH - margin) / len(shown))  # inches
            if cell * min(self.talls) > 0.17 * max(1 + label.count("\n") for label in labels):
                break
        self.tops = -np.cumsum([0, *(tall + GAP for tall in self.talls)])
        width = min(WIDTH, max(margin + cell * len(shown), 5.0 if title else 3.0))
        self.figure = blank(title, width, -self.tops[-1] * cell + 0.38 + (0.24 if title else 0) + below)
        axes = self.axes = self.figure.add_subplot()
        axes.set(xlim=(0, len(shown)), ylim=(self.tops[-1] + GAP, 0), aspect="equal", anchor="W")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=9, top=True, labeltop=True, bottom=False, labelbottom=False)
        named = shown[:: int(np.ceil((0.3 if times is None else 0.42) / cell))]  # columns whose labels do not touch
        texts = [f"{frame}" for frame in named] if times is None else [f"{times[frame]:.2f}" for frame in named]
        axes.set_xticks(np.searchsorted(shown, named) + (1 - GAP) / 2, texts)
        axes.set_yticks([top - tall / 2 for top, tall in zip(self.tops, self.talls, strict=False)], labels)
        axes.tick_params(axis="y", labelsize=min(9, 65 * cell * min(self.talls)))
        axes.xaxis.set_label_position("top")
        axes.set_xlabel("frame" if times is None else "time (s)", fontsize=9, color=QUIET)

    def show(self, frame: np.ndarray, column: int, line: int) -> None:
        top, size = self.tops[line], 1 - GAP
        extent = (column, column + size, top - self.talls[line] * size, top)
        picture = frame[..., 0] if frame.shape[-1] == 1 else frame
        self.axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="equal")

    def mark(self, column: int, x: float, y: float, cross: str, colour: str, label: str | None) -> None:
        """A cross on a frame of the first row, ``x`` and ``y`` from its lower left corner, as shares of its width and height."""
        size, stroke = 1 - GAP, min(1.4, 1.8 * self.cell)
        x, y = column + size * x, self.tops[0] - size * self.talls[0] * (1 - y)
        self.axes.plot(
            x, y, cross, color=colour, label=label, scalex=False, scaley=False, markersize=min(9, 8 * self.cell),
            markeredgewidth=stroke, path_effects=[withStroke(linewidth=stroke + 1, foreground="white")],
        )  # fmt: skip
