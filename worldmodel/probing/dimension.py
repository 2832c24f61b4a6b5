"""How many numbers a cloud of states really holds: its intrinsic dimension, by two published estimators."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..settings import ConfigError


def inverse_dimension(points, neighbours: int = 10) -> np.ndarray:
    """One over the dimension around each point, by maximum likelihood (Levina & Bickel 2004): (N,),
    or fewer where points coincide.

    1 / its mean is the dimension of the cloud (MacKay & Ghahramani 2005), and the one that is reported: at the scale of ten
    neighbours a little noise does not count yet, and the published anchor (Chen et al. 2022) uses this estimator. Draw the
    points independently: along one trajectory, the neighbours in time make a line of any manifold.

    Args:
        points: (N, D), in units in which a step of each coordinate matters alike.

    Raises:
        ConfigError: for points that are not finite, or too few different ones.
    """
    distance = _distances(points, neighbours)
    return np.log(distance[:, -1:] / distance[:, :-1]).mean(1)


def two_nearest_dimension(points) -> float:
    """TwoNN (Facco et al. 2017), the check beside it: from the ratio of the two nearest distances, the largest tenth left out.

    It asks the least of density and bends, and is misled by the least noise.
    """
    distance = _distances(points, 2)
    ratio = np.sort(np.log(distance[:, 1] / distance[:, 0]))[: round(0.9 * len(distance))]
    empirical = -np.log(1 - np.arange(1, len(ratio) + 1) / (len(distance) + 1))
    return float((ratio @ empirical) / (ratio @ ratio))


def _distances(points, neighbours):
    points = np.asarray(points, float)
    different = np.unique(points, axis=0)  # a body at the same place looks the same: such points count once
    if points.ndim != 2 or not np.isfinite(points).all() or len(different) < neighbours + 2:
        raise ConfigError(f"points {points.shape} must be (N, D), finite, and more than {neighbours + 1} different ones")
    return cKDTree(different).query(different, neighbours + 1)[0][:, 1:]
