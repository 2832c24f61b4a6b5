"""Test E: is what the probe reads also what the model uses? Move the belief along the probe's direction and watch the fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..model import Belief
from ..probing import ridge
from ..videos import Videos, truth
from .falling import SEEN, fall_gravity, frames_in_flight, high_starts, imagine_fall
from .reading import gravity_of

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

    def read(self, belief: np.ndarray) -> np.ndarray:
        """g (...) in m/s^2 of beliefs (..., K)."""
        return belief @ self.weights + self.bias


def gravity_direction(model, sets) -> Direction:
    """Σw / (wᵀΣw): w the ridge weights of g on the belief after `SEEN` frames, Σ its covariance. Nothing decoded is used."""
    belief = {name: model.features(sets[name].frames(SEEN))[:, -1, model.believed] for name in ("train", "validation")}
    return direction_of(belief, gravity_of(sets))


@torch.no_grad()
def log_direction(model, videos: Videos, batch: int = 64) -> Direction:
    """The direction of g in the belief at the end of each logged episode; a quarter of them chooses the ridge's strength."""
    last, beliefs = np.where(videos.ends.any(1), videos.ends.argmax(1), videos.shape[0] - 1), []
    for begin in range(0, len(videos), batch):
        some = slice(begin, begin + batch)
        states = model.observe(videos[some].frames, videos[some].actions)
        beliefs.append(states.belief.mean.numpy(force=True)[np.arange(len(last[some])), last[some]])
    belief, g, part = np.concatenate(beliefs), truth(videos)["g"], np.arange(len(videos)) % 4 > 0
    return direction_of({"train": belief[part], "validation": belief[~part]}, {"train": g[part], "validation": g[~part]})


def direction_of(belief: dict, g: dict) -> Direction:
    """From beliefs (N, K) of the clips to fit on, ``train``, and of those that choose the ridge's strength, ``validation``."""
    probe = ridge(belief["train"], g["train"], belief["validation"], g["validation"])
    weights, covariance = probe.weights, np.cov(belief["train"].T)
    step = covariance @ weights / (weights @ covariance @ weights)
    return Direction(weights, probe.bias, step, belief["train"].mean(0), covariance)


def steer(model, clips, direction: Direction, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Ask every high start for another g, and measure the decoded fall.

    Returns:
        ``clips`` (M,); ``read`` (M,), g as the probe reads it; ``none`` (M,), the fall under the belief as observed; ``asked``
        (M, 4), with g moved by `ASKED`; ``orthogonal`` (M, 4), moved as far (in the beliefs' own spread) along random
        directions that the probe does not read; ``erased`` (M,), with all that the probe reads taken out; ``drift`` (M,), the
        largest `drift` of x or of the size over what `counts` of the four asked, ``drift_x`` that of x alone, and
        ``orthogonal_drift`` the largest over the four orthogonal ones.
    """
    starts = high_starts(model, clips)
    length = np.sqrt(direction.step @ np.linalg.solve(direction.covariance, direction.step))

    def fall(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions and sizes in the falls under beliefs moved by ``change``."""
        moved = torch.from_numpy(np.broadcast_to(change, starts.belief.mean.shape).astype(np.float32))
        return imagine_fall(model, starts, Belief(starts.belief.mean + moved, starts.belief.weight))

    def blind() -> np.ndarray:
        u = np.linalg.cholesky(direction.covariance) @ rng.standard_normal(len(direction.step))
        u -= direction.step * (direction.weights @ u)
        return u * length / np.sqrt(u @ np.linalg.solve(direction.covariance, u))

    plain, asked = fall(np.zeros_like(direction.step)), [fall(by * direction.step) for by in ASKED]
    orthogonal = [fall(by * blind()) for by in ASKED]
    above, read = (starts.belief.mean.numpy() - direction.mean) @ direction.weights, direction.read(starts.belief.mean.numpy())
    drifts = np.where(counts(read)[..., None], np.stack([drift(plain, one) for one in asked], 1), 0)  # (M, 4, 2)
    return {
        "clips": starts.clips,
        "read": read,
        "none": fall_gravity(plain[0]),
        "asked": np.stack([fall_gravity(path) for path, _ in asked], 1),
        "orthogonal": np.stack([fall_gravity(path) for path, _ in orthogonal], 1),
        "erased": fall_gravity(fall(-above[:, None] * direction.step)[0]),
        "drift": drifts.max((1, 2)),
        "drift_x": drifts[..., 0].max(1),
        "orthogonal_drift": np.stack([drift(plain, one) for one in orthogonal], 1).max((1, 2)),
    }


def drift(plain: tuple[np.ndarray, np.ndarray], moved: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Change of x and of the size (M, 2), each as a share of that quantity's range over the clips.

    Both falls, each of positions (M, T, 2) and sizes (M, S), are compared at the latest moment at which both are in flight,
    at most S - 1 frames on: after a contact bodies differ because one has bounced. 1 where a body was lost.
    """
    frames = plain[1].shape[1]
    moment = np.minimum(frames_in_flight(plain[0]), frames_in_flight(moved[0])).clip(1, frames) - 1
    rows, lost, shares = np.arange(len(moment)), np.isnan(moved[0][:, :frames]).any((1, 2)), []
    for before, after in ((plain[0][..., 0], moved[0][..., 0]), (plain[1], moved[1])):
        before, after = before[rows, moment], after[rows, moment]
        known = before[np.isfinite(before)]
        spread = np.ptp(known) if len(known) else 0.0
        shares.append(np.where(lost, 1.0, np.nan_to_num(np.abs(after - before) / (spread or np.inf), nan=1.0)))
    return np.stack(shares, 1)


def counts(read: np.ndarray) -> np.ndarray:
    """Which of `ASKED` (M, 4) are still a gravity in `RANGE`, for bodies whose g the probe reads as ``read`` (M,)."""
    asked = read[:, None] + ASKED
    return (asked >= RANGE[0]) & (asked <= RANGE[1])


def slope(none: np.ndarray, moved: np.ndarray, read: np.ndarray) -> float:
    """Measured change of g for each m/s^2 asked, by least squares through the origin, where what is asked lies in `RANGE`.

    Args:
        none, read: (M,); moved: (M, 4), by `ASKED`.
    """
    change, by = moved - none[:, None], np.broadcast_to(ASKED, moved.shape)
    used = np.isfinite(change) & counts(read)
    return float((change[used] * by[used]).sum() / (by[used] ** 2).sum()) if used.any() else float("nan")
