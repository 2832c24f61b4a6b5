"""The linear probe: ridge regression of one number on one frozen feature vector per clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import svd

from ..settings import ConfigError

STRENGTHS = np.logspace(-6, 3, 10)
CONSTANT = 1e-6  # a column that varies by less than this share of its mean is float32 rounding, not a feature


@dataclass(frozen=True)
class RidgeProbe:
    """A fitted probe. ``predict(x)`` is x @ weights + bias, in the raw units of the features and the target."""

    weights: np.ndarray  # (D,), target units per feature unit
    bias: float  # target units
    strength: float  # the penalty on the squared weights of the standardised features
    n: int  # clips it was fitted on
    features: int  # D

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Read the target (...,) from features (..., D)."""
        return np.asarray(x, float) @ self.weights + self.bias


def ridge(train_x, train_y, validation_x, validation_y, strengths=STRENGTHS) -> RidgeProbe:
    """Fit min |y - Xw - b|^2 + strength |w|^2 on standardised features (Hoerl & Kennard 1970).

    Mean and scale come from the training part alone; the strength with the best validation R^2 is kept, the weights
    are not refitted on both parts. Columns that are constant in training get weight 0.

    Args:
        train_x, validation_x: (N, D), (M, D).
        train_y, validation_y: (N,), (M,), any unit.
        strengths: penalties to choose from, all > 0; scikit-learn's ``alpha``.

    Raises:
        ConfigError: for shapes that do not fit, values that are not finite, or a strength that is not positive.
    """
    train_x, train_y = _checked("train", train_x, train_y)
    validation_x, validation_y = _checked("validation", validation_x, validation_y)
    strengths = np.asarray(strengths, float)
    if train_x.shape[1] != validation_x.shape[1]:
        raise ConfigError(f"train has {train_x.shape[1]} features, validation {validation_x.shape[1]}")
    if not (strengths.size and np.all(strengths > 0)):
        raise ConfigError(f"strengths are {strengths}; there must be one or more, all positive")

    mean, scale, middle = train_x.mean(0), train_x.std(0), train_y.mean()
    constant = scale <= CONSTANT * np.abs(mean)
    per_scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, scale))

    # One decomposition serves every strength: w = V diag(s / (s^2 + strength)) U'y.
    u, s, vt = svd((train_x - mean) * per_scale, full_matrices=False)
    shrunk = s[:, None] / (s[:, None] ** 2 + strengths) * (u.T @ (train_y - middle))[:, None]
    weights = per_scale[:, None] * (vt.T @ shrunk)  # (D, strengths), for raw features

    error = validation_y[:, None] - middle - (validation_x - mean) @ weights
    best = np.argmin((error**2).sum(0))  # the least squared error is the best R^2
    w = weights[:, best]
    return RidgeProbe(w, float(middle - mean @ w), float(strengths[best]), *train_x.shape)


def r2(truth, predicted) -> float:
    """Share of the variance of ``truth`` (N,) that ``predicted`` (N,) explains; NaN where the truth never varies.

    Of several predictions (N, P) the mean of their shares.
    """
    truth, predicted = np.asarray(truth, float), np.asarray(predicted, float)
    if np.ptp(truth) == 0:
        return float("nan")
    return float(1 - ((truth - predicted.T) ** 2).sum(-1).mean() / ((truth - truth.mean()) ** 2).sum())


def median_relative_error(truth, predicted) -> float:
    """Median of |predicted / truth - 1| over (N,), truth without zeros; a NaN prediction makes it NaN, not smaller."""
    return float(np.median(np.abs(np.asarray(predicted, float) / np.asarray(truth, float) - 1)))


def _checked(part, x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise ConfigError(f"{part}: features {x.shape} and target {y.shape} must be (N, D) and (N,), not empty")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ConfigError(f"{part}: features and target must be finite")
    return x, y
