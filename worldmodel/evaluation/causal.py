"""Test E: is what the probe reads also what the model uses? Move the belief along the probe's direction and watch the fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..model import Belief
from ..probing import ridge
from .falling import SEEN, fall_gravity, high_starts, imagine_fall

ASKED = (-4.0, -2.0, 2.0, 4.0)  # m/s^2 by which g is to change
RANGE = (1.0, 20.0)  # m/s^2; what is asked must stay a gravity that the training clips had (below 0 a body would rise)


@dataclass(frozen=True)
class Direction:
    """The direction of g in the belief: ``step`` (K,) changes what the probe (``weights`` (K,), ``bias``) reads by 1 m/s^2."""

    weights: np.ndarray
    bias: float
    step: np.ndarray
    mean: np.ndarray  # (K,) of the beliefs the probe was fitted on
    covariance: np.ndarray  # (K, K)


def gravity_direction(model, sets) -> Direction:
    """Σw / (wᵀΣw): w the ridge weights of g on the belief after `SEEN` frames, Σ its covariance. Nothing decoded is used."""
    first = 4 * model.config.points
    columns = slice(first, first + model.config.constants)
    belief = {name: model.features(sets[name].frames(SEEN))[:, -1, columns] for name in ("train", "validation")}
    g = {name: sets[name].truth["g"] for name in belief}
    probe = ridge(belief["train"], g["train"], belief["validation"], g["validation"])
    weights = probe.weights
    covariance = np.cov(belief["train"].T)
    return Direction(
        weights, probe.bias, covariance @ weights / (weights @ covariance @ weights), belief["train"].mean(0), covariance
    )


def steer(model, clips, direction: Direction, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Ask every high start for another g, and measure the decoded fall.

    Returns:
        ``clips`` (M,); ``read`` (M,), g as the probe reads it; ``none`` (M,), the fall under the belief as observed; ``asked``
        (M, 4), with g moved by `ASKED`; ``orthogonal`` (M, 4), moved as far (in the beliefs' own spread) along random
        directions that the probe does not read; ``erased`` (M,), with all that the probe reads taken out; ``drift`` (M,), the
        largest change of x or of the size ten frames on, over the four, as a share of that quantity's range over the clips.
    """
    starts = high_starts(model, clips)
    length = np.sqrt(direction.step @ np.linalg.solve(direction.covariance, direction.step))

    def fall(change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """g, and x and size ten frames on, of the falls under beliefs moved by ``change``."""
        moved = torch.from_numpy(np.broadcast_to(change, starts.belief.mean.shape).astype(np.float32))
        path, size = imagine_fall(model, starts, Belief(starts.belief.mean + moved, starts.belief.weight))
        return fall_gravity(path), path[:, 10, 0], size

    def blind() -> np.ndarray:
        u = np.linalg.cholesky(direction.covariance) @ rng.standard_normal(len(direction.step))
        u -= direction.step * (direction.weights @ u)
        return u * length / np.sqrt(u @ np.linalg.solve(direction.covariance, u))

    plain, asked = fall(np.zeros_like(direction.step)), [fall(by * direction.step) for by in ASKED]
    spread = [np.ptp(values[np.isfinite(values)]) if np.isfinite(values).any() else np.inf for values in plain[1:]]
    change = [[np.abs(one[i] - plain[i]) / spread[i - 1] for i in (1, 2)] for one in asked]
    above = (starts.belief.mean.numpy() - direction.mean) @ direction.weights
    return {
        "clips": starts.clips,
        "read": above + direction.mean @ direction.weights + direction.bias,
        "none": plain[0],
        "asked": np.stack([one[0] for one in asked], 1),
        "orthogonal": np.stack([fall(by * blind())[0] for by in ASKED], 1),
        "erased": fall(-above[:, None] * direction.step)[0],
        "drift": np.nan_to_num(change, nan=1.0).max((0, 1)),  # a body that was lost has drifted all the way
    }


def slope(none: np.ndarray, moved: np.ndarray, read: np.ndarray) -> float:
    """Measured change of g for each m/s^2 asked, by least squares through the origin, where what is asked lies in `RANGE`.

    Args:
        none, read: (M,); moved: (M, 4), by `ASKED`.
    """
    change, by = moved - none[:, None], np.broadcast_to(ASKED, moved.shape)
    asked = read[:, None] + by
    counts = np.isfinite(change) & (asked >= RANGE[0]) & (asked <= RANGE[1])
    return float((change[counts] * by[counts]).sum() / (by[counts] ** 2).sum()) if counts.any() else float("nan")
