"""The controls: what a probe reads where there is nothing to know, or where the pixels alone already tell."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from ..settings import ConfigError

FIT_FRAMES = 5_000  # frames a PCA is fitted on; 64 components need no more
CHUNK = 256  # clips projected at once, so that their pixels in float32 never lie in memory together


def first_frame_cells(position, box, rng: np.random.Generator, cells: int = 8) -> np.ndarray:
    """The control task (Hewitt & Liang 2019): a fixed random number for the cell in which a clip starts.

    A probe that reads these as well as g only memorises. The numbers are drawn on every call, so pass the clips of
    all splits in one call.

    Args:
        position: (N, 2), x and y of the first frame, in the unit of ``box``; outside it the nearest cell counts.
        box: side of the square box, or its (width, height), from 0.
        cells: cells along each axis.

    Returns:
        (N,), standard normal per cell.

    Raises:
        ConfigError: for a position that is not finite.
    """
    position = np.asarray(position, float)
    if not np.isfinite(position).all():
        raise ConfigError("first-frame positions must be finite")
    column, row = np.clip(position / box * cells, 0, cells - 1).astype(int).T
    return rng.standard_normal((cells, cells))[column, row]


def permuted(y, rng: np.random.Generator) -> np.ndarray:
    """The labels (N, ...) dealt out to other clips: a probe fitted on them must read nothing."""
    return rng.permutation(y)


def shuffle_time(frames, rng: np.random.Generator) -> np.ndarray:
    """The frames (N, T, ...) of each clip in an order of its own: the same pictures, without the motion."""
    frames = np.asarray(frames)
    n, length = frames.shape[:2]
    order = rng.permuted(np.tile(np.arange(length), (n, 1)), axis=1)
    return frames[np.arange(n)[:, None], order]


def pca_features(train_frames, *others, rng: np.random.Generator, components: int = 64) -> list[np.ndarray]:
    """The pixels themselves as features: each frame on the principal components of the training frames.

    Args:
        train_frames, others: uint8 (N, K, H, W, C); N may differ from set to set. The PCA sees the first alone.
        rng: draws the frames of the fit and seeds the randomized solver (Halko et al. 2011).
        components: numbers per frame.

    Returns:
        One float32 (N, K * components) per set, in the order given, frame by frame; pixels count from 0 to 1.

    Raises:
        ConfigError: where there are fewer frames or pixels than components.
    """
    n, k = train_frames.shape[:2]
    chosen = rng.choice(n * k, min(n * k, FIT_FRAMES), replace=False)
    fit = _flat(train_frames[chosen // k, chosen % k])
    if not 1 <= components <= min(fit.shape):
        raise ConfigError(f"components is {components}; {len(fit)} frames of {fit.shape[1]} pixels do not have as many")
    pca = PCA(components, svd_solver="randomized", random_state=int(rng.integers(2**31))).fit(fit)

    def project(clips):
        return pca.transform(_flat(clips.reshape(-1, *clips.shape[2:]))).reshape(len(clips), -1)

    return [
        np.concatenate([project(frames[i : i + CHUNK]) for i in range(0, len(frames), CHUNK)]).astype(np.float32)
        for frames in (train_frames, *others)
    ]


def _flat(frames):
    return frames.reshape(len(frames), -1).astype(np.float32) / 255
