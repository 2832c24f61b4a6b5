"""Noticing a change: scores that are learned from ordinary clips alone, and how well a score tells changed ones apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from ..settings import ConfigError
from .bounds import MOVES, gravity_sd

SMALL = 1e-2  # added to errors and roughness before the logarithm: below it they are as good as none
BEFORE = 4  # frames before a start: a contact on them still spoils what is expected from it
LENGTHS = (6, 8, 11, 15)  # frames in a flight of the ideal observer


def auroc(ordinary, changed) -> float:
    """The chance that a changed clip scores above an ordinary one, ties counting half; scores of any shape.

    Raises:
        ConfigError: for no score, or one that is NaN.
    """
    ordinary, changed = np.ravel(ordinary), np.ravel(changed)
    scores = np.concatenate([ordinary, changed])
    if not (ordinary.size and changed.size) or np.isnan(scores).any():
        raise ConfigError(f"{ordinary.size} ordinary and {changed.size} changed scores, NaN among them or none of a kind")
    return float((rankdata(scores)[ordinary.size :].mean() - (changed.size + 1) / 2) / ordinary.size)


def typical_error(errors: np.ndarray, rough: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """How large an error is nothing unusual: 97 % are smaller where a path is as rough, as many frames on. Boosted trees.

    Args:
        errors, rough: (N, T) of ordinary clips.

    Returns:
        a function of roughness (B, T) that gives the error (B, T).
    """

    def circumstances(rough):
        return np.stack([np.log(rough + SMALL), np.broadcast_to(np.arange(rough.shape[1]), rough.shape)], -1).reshape(-1, 2)

    trees = HistGradientBoostingRegressor(
        loss="quantile", quantile=0.97, max_iter=60, max_leaf_nodes=8, min_samples_leaf=200, early_stopping=False, random_state=0
    ).fit(circumstances(rough), np.log(errors.ravel() + SMALL))
    return lambda rough: np.exp(trees.predict(circumstances(rough)).reshape(rough.shape))


def stretches(path: np.ndarray, ahead: int) -> np.ndarray:
    """Of paths (N, T, D), the way to each frame from `BEFORE` frames before the one ``ahead`` earlier: (N, T - ahead, L, D)."""
    path = np.pad(path, ((0, 0), (BEFORE, 0), (0, 0)), "edge")
    return np.lib.stride_tricks.sliding_window_view(path, BEFORE + ahead + 1, 1).swapaxes(2, 3)


def roughness(path: np.ndarray) -> np.ndarray:
    """The greatest third difference (rms over D) along paths (..., L, D): (...). Flight has none; contacts and jumps do."""
    return np.sqrt((np.diff(path, 3, axis=-2) ** 2).mean(-1)).max(-1)


def linear_forecast(features: np.ndarray, ahead: int, strength: float = 1.0) -> Callable[[np.ndarray], tuple]:
    """What to expect of any features: a ridge forecast ``ahead`` frames on, from three frames: enough for any parabola.

    Args:
        features: (N, T, F) of ordinary clips.

    Returns:
        a function of features (B, T, F) that gives the errors and the roughness of the way, (B, T - ahead) each.
    """
    mean, scale = features.mean((0, 1)), features.std((0, 1)) + 1e-6

    def parts(features):
        way = stretches((features - mean) / scale, ahead)
        return way, way[:, :, BEFORE - 2 : BEFORE + 1].reshape(-1, 3 * len(mean)), way[:, :, -1].reshape(-1, len(mean))

    ridge = Ridge(strength).fit(*parts(features)[1:])

    def expectation(features):
        way, before, after = parts(features)
        return np.sqrt(((after - ridge.predict(before)) ** 2).mean(-1)).reshape(way.shape[:2]), roughness(way)

    return expectation


def gravity_change(positions, dt: float, residual_limit: float = 0.002, sigma: float = 0.001) -> np.ndarray:
    """The ideal observer's surprise: the greatest change of g between two flights of a clip, in units of its error, (N,).

    A flight is a stretch of frames that moves and that a parabola fits; its g is that of least squares. Each is compared
    with the most exact one of those that ended before it began.

    Args:
        positions: (N, T, 2) in m, y up, as tracked.
        residual_limit: m, a flight's largest rms distance from its parabola.
        sigma: m, the error of a tracked position.
    """
    y, flights = np.asarray(positions, float)[..., 1], []
    for length in LENGTHS:
        t = (np.arange(length) - (length - 1) / 2) * dt
        parabola = np.stack([np.ones(length), t, -(t**2) / 2], 1)
        windows = np.lib.stride_tricks.sliding_window_view(y, length, axis=1)
        fitted = windows @ np.linalg.pinv(parabola).T
        g, spread = fitted[..., 2], windows.std(-1)
        moves = spread > MOVES * np.fmax.reduce(spread, axis=1, keepdims=True)
        fits = np.sqrt(((windows - fitted @ parabola.T) ** 2).mean(-1)) < residual_limit
        flights.append((length, g, np.where(moves & fits & (g > 0), gravity_sd(length, sigma, dt) ** 2, np.inf)))
    score, known, variance = np.zeros(len(y)), np.zeros(len(y)), np.full(len(y), np.inf)
    for frame in range(y.shape[1]):
        for length, g, error in flights:
            if frame >= length:  # one that has just ended
                better = error[:, frame - length] <= variance
                known = np.where(better, g[:, frame - length], known)
                variance = np.fmin(variance, error[:, frame - length])
        for length, g, error in flights:
            if frame + length <= y.shape[1]:  # one that begins; a body out of sight has none
                score = np.fmax(score, np.abs(g[:, frame] - known) / np.sqrt(variance + error[:, frame]))
    return score
