"""How many numbers a cloud of states really holds: its intrinsic dimension, by a published estimator."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..settings import ConfigError

NEIGHBOURS = 10


def inverse_dimension(points) -> np.ndarray:
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
    points = np.asarray(points, float)
    different = np.unique(points, axis=0)  # a body at the same place looks the same: such points count once
    if points.ndim != 2 or not np.isfinite(points).all() or len(different) < NEIGHBOURS + 2:
        raise ConfigError(f"points {points.shape} must be (N, D), finite, and more than {NEIGHBOURS + 1} different ones")
    distance = cKDTree(different).query(different, NEIGHBOURS + 1)[0][:, 1:]
    return np.log(distance[:, -1:] / distance[:, :-1]).mean(1)
