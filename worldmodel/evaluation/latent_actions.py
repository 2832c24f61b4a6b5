"""What latent actions are worth: whether each moves the body one way, and what they tell of the real ones."""

from __future__ import annotations

import numpy as np

from ..physics import world
from ..probing import permuted, r2, ridge
from ..settings import generator
from ..videos import Videos, truth

PERMUTATIONS = 10  # of the labels, for the control
CODES = 5  # parts of [-1, 1] that a number of a latent action is sorted into
MOVER = {"catcher": ("paddle", slice(0, 1)), "lander": ("position", slice(0, 2))}  # the true path that each real action bends


def read_latent_actions(found, videos: Videos, seed: int = 0) -> dict[str, np.ndarray]:
    """Latent actions of a log beside what was done and what the body did, on the later half of its clips.

    Args:
        found: `LatentActions` of the whole log.

    Returns:
        ``told`` bool (N / 2, T), the steps that count, and for each step ``real`` (..., A); ``code`` (..., L), the part of
        [-1, 1] that each latent number lies in, 0 to `CODES` - 1; ``change`` (..., A), the true change of the body's speed in
        px/frame^2; and the real actions (..., A) as ridges fitted on the earlier half read them from the latent ones (``read``),
        from what a latent action would be without the third criterion (``read.acceleration``, ``read.surprise``), and, with
        labels permuted, from the latent ones (``read.shuffled``, one column more for every permutation: (..., A, P)).
    """
    of_world = world(videos.manifest["source"]["world"])
    name, axes = MOVER[of_world.name]
    place, real = truth(videos)[name][..., axes] * of_world.camera("clean").pixels_per_metre, videos.actions
    change, half = np.zeros_like(place), len(videos) // 2
    change[:, 2:] = np.diff(place, 2, axis=1)
    early, known, rng = found.told[:half], real[:half][found.told[:half]], generator(seed, 8)

    def read(values, known):
        x, checked = values[:half][early], np.arange(early.sum()) % 5 == 0
        probes = [ridge(x[~checked], y[~checked], x[checked], y[checked]) for y in known.T]
        return np.stack([probe.predict(values[half:]) for probe in probes], -1)

    return {
        "told": found.told[half:], "real": real[half:], "change": change[half:],
        "code": np.minimum(((found.values[half:] + 1) / 2 * CODES).astype(int), CODES - 1),
        "read": read(found.values, known), "read.acceleration": read(found.acceleration, known),
        "read.surprise": read(found.surprise, known),
        "read.shuffled": np.stack([read(found.values, permuted(known, rng)) for _ in range(PERMUTATIONS)], -1),
    }  # fmt: skip


def push(code: np.ndarray, change: np.ndarray, which: int) -> float:
    """The mean change of speed (N, T) over the steps of one code (N, T); NaN where it never came. Leave out others by code -1."""
    return float(change[code == which].mean()) if (code == which).any() else float("nan")


def one_way(code: np.ndarray, change: np.ndarray) -> float:
    """Share of the steps (N, T) of the two outermost codes in which the speed changed the way that these two do on average."""
    lowest, highest = code == 0, code == CODES - 1
    up = np.sign(push(code, change, CODES - 1) - push(code, change, 0))
    return float(np.concatenate([change[lowest] * up < 0, change[highest] * up > 0]).mean())


def actions_r2(told: np.ndarray, real: np.ndarray, read: np.ndarray) -> float:
    """Share of the variance of real actions (N, T, A) that is read on the steps ``told`` (N, T); the mean over the A numbers.

    ``read`` is (N, T, A), or (N, T, A, P) of P readings, of which the mean is taken.
    """
    return float(np.mean([r2(real[told][:, k], read[told][:, k]) for k in range(real.shape[-1])]))
