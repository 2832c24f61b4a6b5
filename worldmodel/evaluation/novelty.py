"""A move of its own: how far a path is from all that the log holds."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from .detector import windows

STRETCH = 10  # frames that are compared at a time


def novelty(
    paths: np.ndarray, valid: np.ndarray, log: np.ndarray, log_valid: np.ndarray, own: np.ndarray | None = None
) -> np.ndarray:
    """Mean distance of a path's stretches to the nearest stretch of the log, wherever in it: (N,), NaN without a stretch.

    Args:
        paths: (N, T, D) points; log: (L, T', D), with ``valid`` moments (N, T) and (L, T').
        own: (N,) the clips of the log that the paths are, if they are: each is compared with the other clips.

    Returns:
        root mean square over the stretch and the points' coordinates, in the unit of the paths.
    """
    (seen, of), (known, of_known) = _stretches(paths, valid), _stretches(log, log_valid)
    if not len(seen):
        return np.full(len(paths), np.nan)
    most = log.shape[1] if own is not None else 0  # stretches of a clip, which are to be passed over
    distance, index = NearestNeighbors(n_neighbors=1 + most).fit(known).kneighbors(seen)
    if own is not None:
        distance = np.where(of_known[index] == np.asarray(own)[of][:, None], np.inf, distance)
    nearest = distance.min(1) / np.sqrt(seen.shape[1])
    count = np.bincount(of, minlength=len(paths))
    return np.where(count > 0, np.bincount(of, nearest, len(paths)) / np.maximum(count, 1), np.nan)


def _stretches(paths, valid):
    """The valid ones, flattened, and the row that each is of."""
    seen, whole = windows(paths, valid, STRETCH)
    return seen[whole].reshape(whole.sum(), STRETCH * paths.shape[2]), whole.nonzero()[0]
