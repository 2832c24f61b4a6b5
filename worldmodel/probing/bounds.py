"""How well gravity can be read at all: the information in the pixels, and an oracle tracker on the same frames."""

from __future__ import annotations

import numpy as np

from ..settings import ConfigError

CHUNK = 1024  # frames tracked at once, so that their float copies stay small
EDGE = 1.5  # px, width of the soft rim with which the camera of `physics` draws a disc
MOVES = 0.2  # share of the largest spread of y in a window of a clip below which a window counts as settled


def gravity_sd(k: int, sigma: float, dt: float) -> float:
    """Least standard deviation of g, in m/s^2, from k frames of y = y0 + v0 t + g t^2 / 2 with y0 and v0 unknown.

    Exact for independent Gaussian errors: sigma / dt^2 * sqrt(720 / (k (k^2 - 1) (k^2 - 4))).

    Args:
        k: frames, 3 or more.
        sigma: position error of one frame, m.
        dt: seconds between frames.

    Raises:
        ConfigError: for k < 3, with which g is not determined.
    """
    if k < 3:
        raise ConfigError(f"k is {k}; g needs 3 frames")
    return float(sigma / dt**2 * np.sqrt(720 / (k * (k**2 - 1) * (k**2 - 4))))


def disc_sigma(radius_px: float, noise: float, contrast: float = 1.0, offsets: int = 8) -> float:
    """Cramer-Rao bound on the position of an antialiased disc's centre along one axis, in px of one grey frame.

    The Fisher information is that of the rendered pixels, sum (d intensity / d centre)^2 / noise^2, by central
    differences, averaged over ``offsets``^2 places of the centre within a pixel. About noise / (contrast sqrt(pi R)),
    which a straight rim one pixel wide would give: it has slope 1 and the area 2 pi R, of which each axis gets half.

    Args:
        radius_px: R, px.
        noise: standard deviation of each pixel, in units of full intensity.
        contrast: brightness of the disc above the background, in the same units.

    Raises:
        ConfigError: for a radius, noise or contrast that is not positive.
    """
    if not min(radius_px, noise, contrast) > 0:
        raise ConfigError(f"radius_px, noise and contrast are {radius_px}, {noise}, {contrast}; all must be positive")
    step = 1e-3
    pixel = np.arange(-np.ceil(radius_px) - 2, np.ceil(radius_px) + 3)
    offset = (np.arange(offsets) + 0.5) / offsets - 0.5
    dx, dy = pixel - offset[:, None], pixel - offset[:, None]  # (offsets, pixels)

    def coverage(shift):
        distance = np.hypot(dx[:, None, None, :] - shift, dy[None, :, :, None])
        inside = np.clip((np.sqrt(max(radius_px**2 - EDGE**2 / 20, 0)) - distance) / EDGE + 0.5, 0, 1)  # the camera's rim
        return inside * inside * (3 - 2 * inside)

    slope = (coverage(step) - coverage(-step)) / (2 * step)
    return float(noise / (contrast * np.sqrt((slope**2).sum((2, 3)).mean())))


def quantisation_noise() -> float:
    """Standard deviation of rounding to 8 bits, in units of full intensity: it adds to the camera's in quadrature."""
    return float(1 / (255 * np.sqrt(12)))


def track(frames, threshold: float = 0.2, floor: float | None = None) -> np.ndarray:
    """Centre of the one bright body in each frame: the centroid of the intensity above background and threshold.

    The background is the median of a frame, so the body must cover less than half of it. The threshold, in units of
    full intensity, is subtracted and not only compared with: a pixel at the rim then fades out instead of jumping,
    and noise that gets past it weighs little. At 0.2 noise of 0.05 is kept out, and a disc of R = 4 px is off by some
    0.01 to 0.03 px, the most of it without noise too. A body that the edge cuts is misplaced inwards.

    Args:
        frames: uint8 (..., H, W, C).
        floor: in a cluttered scene, the brightness that only the body exceeds; it then stands for background and threshold.

    Returns:
        (..., 2) in px, x to the right from the left edge, y up from the lower edge; the middle of a corner pixel is
        at 0.5. NaN where nothing is brighter than the threshold.
    """
    *lead, height, width, channels = frames.shape
    flat = frames.reshape(-1, height, width, channels)
    x, y = np.arange(width) + 0.5, height - (np.arange(height) + 0.5)
    centre = np.full((len(flat), 2), np.nan)
    for begin in range(0, len(flat), CHUNK):
        grey = flat[begin : begin + CHUNK].mean(-1, dtype=np.float32) / 255
        dark = np.median(grey, axis=(1, 2), keepdims=True) + threshold if floor is None else floor
        excess = np.maximum(grey - dark, 0)
        columns, rows = excess.sum(1, dtype=float), excess.sum(2, dtype=float)
        total = columns.sum(1)
        seen = total > 0
        centre[begin : begin + CHUNK][seen] = np.stack([columns @ x, rows @ y], 1)[seen] / total[seen, None]
    return centre.reshape(*lead, 2)


def oracle_gravity(positions, dt: float, *, residual_limit: float, window: int = 8) -> np.ndarray:
    """Gravity of each clip from tracked positions: the median over windows in flight, by least squares.

    A window of consecutive frames is in flight where y is a parabola within ``residual_limit``, bends down (a floor
    contact bends up) and moves a good part of what the clip's liveliest window does (a body that settles on the floor
    fits anything). x is not asked: a contact with a side wall leaves y alone. A clip without such a window is tried
    with windows a frame shorter, down to 4; one that has none at all gives the window of full length that a parabola
    explains best, and that number may be off by all of g. Drag is not modelled. With 3 frames: the second difference.

    Args:
        positions: (N, K, 2) in m, y up; NaN where the body was not seen.
        dt: seconds between frames.
        residual_limit: m, root mean square over the frames of a window; about twice the tracker's error.
        window: frames in a window; K if that is less.

    Returns:
        (N,) in m/s^2, positive down; NaN for a clip that was not seen in any full window.

    Raises:
        ConfigError: for fewer than 3 frames, or a window below 3.
    """
    y = np.asarray(positions, float)[..., 1]
    longest = min(window, y.shape[1])
    if longest < 3:
        raise ConfigError(f"{y.shape[1]} frames in windows of {window}; g needs 3")
    gravity, pending = np.full(len(y), np.nan), np.ones(len(y), bool)
    for length in range(longest, min(longest, 4) - 1, -1):
        g, residual, spread = _fall(y, dt, length)
        if length == longest:
            share = np.divide(residual, spread, out=np.full_like(spread, np.inf), where=spread > 0)
            gravity = g[np.arange(len(g)), share.argmin(1)]
        moves = spread > MOVES * np.fmax.reduce(spread, axis=1, keepdims=True)
        flight = (residual < residual_limit) & moves & (g > 0)
        found = pending & flight.any(1)
        gravity[found] = np.nanmedian(np.where(flight, g, np.nan)[found], axis=1)
        pending &= ~found
    return gravity


def _fall(y, dt, length):
    """Of each window of ``length`` frames, g and the rms of y about its parabola and about its mean: (N, windows)."""
    t = (np.arange(length) - (length - 1) / 2) * dt
    parabola = np.stack([np.ones(length), t, t**2 / 2], 1)
    inverse = np.linalg.pinv(parabola)
    windows = np.lib.stride_tricks.sliding_window_view(y, length, axis=1)
    residual = windows - windows @ (parabola @ inverse).T
    return -windows @ inverse[2], np.sqrt((residual**2).mean(-1)), windows.std(-1)
