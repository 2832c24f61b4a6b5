"""Frames side by side: what was filmed, what was dreamt, and where a model's points lie on it."""

from __future__ import annotations

import textwrap

import numpy as np

from ..settings import ConfigError
from .style import COLOURS, HALO, QUIET, WIDTH, blank, styled

GAP = 0.05  # of a frame's width, between frames
CROSSES = ("+", "x", "1", "2", "3", "4", "|", "_")


@styled
def film_strip(rows: dict, every: int = 1, times=None, marks: dict | None = None, first: dict | None = None, title: str = ""):
    """One labelled row of frames per entry, so that truth and dream can be compared frame by frame.

    Args:
        rows: frames by label, each uint8 (T, H, W, C), C 1 or 3; a row may be shorter than the others.
        every: show every so manieth frame.
        times: (T,) in s, written above the columns; without them the frames are numbered from 0.
        marks: places by the label of a row, (T, 2) in px as ``probing.track`` gives them: x from the left edge, y up from
            the lower edge; NaN is not drawn.
        first: by label, the frame at which a row begins where that is not 0, as of a dream that follows what was seen.

    Returns:
        Figure.

    Raises:
        ConfigError: frames of another form, or marks of a row that is not there.
    """
    marks, first = marks or {}, first or {}
    unknown = {*marks, *first} - set(rows)
    if unknown or not rows:
        raise ConfigError(f"no row is called {sorted(unknown)}" if unknown else "a film strip needs a row")
    rows = {label: _checked(frames, label) for label, frames in rows.items()}
    length = max(first.get(label, 0) + len(frames) for label, frames in rows.items())
    axes = _strip_axes(rows, np.arange(0, length, every), times, title)
    for line, (label, frames) in enumerate(rows.items()):
        tall, begin = frames.shape[1] / frames.shape[2], first.get(label, 0)
        for column, frame in enumerate(range(0, length, every)):
            if begin <= frame < begin + len(frames):
                _show(axes, frames[frame - begin], column, line, tall)
                if label in marks:
                    x, y = np.asarray(marks[label], float)[frame - begin] / frames.shape[2]
                    _mark(axes, column, line, tall, x, y, "+", COLOURS[1])
    return axes.figure


@styled
def points_on_frames(frames, points, every: int = 1, times=None, names=None, title: str = "Where do the model's points lie?"):
    """Frames in a row with a model's points drawn on them, each point with a cross of its own.

    Args:
        frames: uint8 (T, H, W, C).
        points: (T, K, 2) in image coordinates, x right and y up, each in -1 to 1 from edge to edge.
        every, times: as for ``film_strip``.
        names: K labels; without them the points are numbered from 1.

    Returns:
        Figure.

    Raises:
        ConfigError: frames or points of another form.
    """
    frames, points = _checked(frames, "frames"), np.asarray(points, float)
    if points.ndim != 3 or points.shape[::2] != (len(frames), 2):
        raise ConfigError(f"points are {points.shape}; they must be ({len(frames)}, K, 2)")
    names = names or [f"point {k + 1}" for k in range(points.shape[1])]
    shown, tall = np.arange(0, len(frames), every), frames.shape[1] / frames.shape[2]
    axes = _strip_axes({"": frames}, shown, times, title, below=0.3)
    for column, frame in enumerate(shown):
        _show(axes, frames[frame], column, 0, tall)
        for k, (x, y) in enumerate((points[frame] + 1) / 2):
            label = names[k] if column == 0 else None
            _mark(axes, column, 0, tall, x, y * tall, CROSSES[k % len(CROSSES)], COLOURS[k % len(COLOURS)], label)
    axes.figure.legend(loc="outside lower center", ncols=max(1, min(len(names), 8)), fontsize=9, handletextpad=0.2, columnspacing=1.2)
    return axes.figure


def _checked(frames, label) -> np.ndarray:
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] not in (1, 3) or not frames.size:
        raise ConfigError(f"{label}: frames are {frames.dtype} {frames.shape}; they must be uint8 (T, H, W, C), C 1 or 3")
    return frames


def _strip_axes(rows, shown, times, title, below=0.0):
    """Axes in units of a frame's width: column c from c, rows downwards from 0, labels on the left, times on top."""
    labels = {label: "\n".join(textwrap.wrap(label, 12)) for label in rows}
    margin = 0.15 + 0.085 * max(len(part) for text in labels.values() for part in (text or " ").split("\n"))
    cell = min(1.3, (WIDTH - margin) / len(shown))  # inches
    talls = [frames.shape[1] / frames.shape[2] for frames in rows.values()]
    tops = -np.cumsum([0, *(tall + GAP for tall in talls)])
    width = max(margin + cell * len(shown), 0.1 * len(title) if len(shown) < 4 else 0, 3)
    height = -tops[-1] * cell + 0.5 + (0.3 if title else 0) + below
    figure = blank(title, min(width, WIDTH), height)
    axes = figure.add_subplot()
    axes.set(xlim=(0, len(shown)), ylim=(tops[-1] + GAP, 0), aspect="equal", anchor="W")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=9, top=True, labeltop=True, bottom=False, labelbottom=False)
    step = int(np.ceil((0.42 if times is not None else 0.3) / cell))
    if times is not None:
        texts = [f"{t:.2f}" for t in np.asarray(times, float)[shown[::step]]]
    else:
        texts = [str(t) for t in shown[::step]]
    axes.set_xticks(np.arange(0, len(shown), step) + (1 - GAP) / 2, texts)
    axes.set_yticks([top - tall / 2 for top, tall in zip(tops, talls, strict=False)], list(labels.values()))
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("time (s)" if times is not None else "frame", fontsize=9, color=QUIET)
    axes.tops = tops
    return axes


def _show(axes, frame, column, line, tall):
    top = axes.tops[line]
    picture = frame[..., 0] if frame.shape[-1] == 1 else frame
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(column, column + 1 - GAP, top - tall * (1 - GAP), top), aspect="auto")


def _mark(axes, column, line, tall, x, y, cross, colour, label=None):
    """A cross at ``x``, ``y`` up from the lower left corner, in widths of a frame; drawn in the frame only."""
    size = 1 - GAP
    axes.plot(
        column + size * x, axes.tops[line] - size * (tall - y), cross, color=colour, markersize=9, markeredgewidth=1.6,
        path_effects=HALO, label=label, linestyle="none", scalex=False, scaley=False,
    )  # fmt: skip
