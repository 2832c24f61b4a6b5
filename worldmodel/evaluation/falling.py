"""Test C: gravity without a label or a probe. Let the model imagine a body at rest fall, decode it, and measure the fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..model import Belief, LatentState, at_rest
from ..physics import FRAMES_PER_SECOND
from ..probing import track
from .rollout import FLOOR, find_body

SEEN = 20  # frames from which the belief is taken
HIGH = 3.0  # m, least height of a start
STEPS = 44  # frames imagined: 2.4 m at 1 m/s^2
CLEAR = 0.45  # m above the floor; no ball of radius up to 0.3 m, a frame away from its contact, is lower
DROPS = (0.5, 2.0)  # m, the two depths of Galileo's ratio


@dataclass(frozen=True)
class Starts:
    """High moments of clips, to let a body fall from."""

    clips: np.ndarray  # (M,) which clips
    state: LatentState  # (M, 1)
    belief: Belief  # (M, K) after `SEEN` frames
    metres: float  # a pixel


@torch.no_grad()
def high_starts(model, clips, batch: int = 100) -> Starts:
    """The highest of the first `SEEN` frames of each clip, where the body, as tracked in the frame, is at least `HIGH` up."""
    metres = float(clips.truth["metres_per_pixel"][0])
    states, kept = [], []
    for begin in range(0, len(clips.videos), batch):
        frames = clips.videos.read(np.arange(begin, min(begin + batch, len(clips.videos))), 0, SEEN)
        height = track(frames, floor=FLOOR if model.config.still else None)[..., 1] * metres
        best = height.argmax(1)
        rows = np.nonzero(height.max(1) >= HIGH)[0]
        state = model.observe(frames)
        moment = state[torch.from_numpy(rows)[:, None], torch.from_numpy(best[rows])[:, None]]
        states.append((moment, state.belief[torch.from_numpy(rows), -1]))
        kept.append(begin + rows)
    moment = states[0][0].apply(lambda *parts: torch.cat(parts), *(state for state, _ in states[1:]))
    beliefs = [belief for _, belief in states]
    belief = Belief(torch.cat([b.mean for b in beliefs]), torch.cat([b.weight for b in beliefs]))
    return Starts(np.concatenate(kept), moment, belief, metres)


@torch.no_grad()
def imagine_fall(model, starts: Starts, belief: Belief | None = None, batch: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """The decoded start at rest and the imagined fall from it under a belief, measured in the pictures.

    Returns:
        tracked positions (M, 1 + STEPS, 2) in m, and each body's size (M, 11) up to ten frames on: the radius in m of a disc
        with its light, up to a factor that is the same for all.
    """
    belief, paths, sizes = belief or starts.belief, [], []
    for begin in range(0, len(starts.clips), batch):
        rows = slice(begin, begin + batch)
        state = at_rest(model, starts.state[rows], belief[rows])
        path = state.apply(lambda a, b: torch.cat([a, b], 1), model.imagine(state, STEPS, belief[rows]))
        place, light = find_body(model, path)
        paths.append(place)
        sizes.append(np.sqrt(np.maximum(light[:, :11], 0) / np.pi))
    return np.concatenate(paths) * starts.metres, np.concatenate(sizes) * starts.metres


def fall_freely(model, clips) -> dict[str, np.ndarray]:
    """Test C on a set: ``clips`` (M,) which could be used, ``g`` (M,) in m/s^2 and ``galileo`` (M,)."""
    starts = high_starts(model, clips)
    path, _ = imagine_fall(model, starts)
    return {"clips": starts.clips, "g": fall_gravity(path), "galileo": galileo(path)}


def frames_in_flight(positions: np.ndarray) -> np.ndarray:
    """How many frames (M,) of each fall (M, T, 2) come before its first contact.

    The contact is where the body is about to be lower than `CLEAR`, or lost, or turns back up.
    """
    y = positions[..., 1]
    over = ~(y > CLEAR) | (np.diff(y, append=-np.inf) > 0.1)
    return np.where(over.any(1), over.argmax(1), y.shape[1])


def fall_gravity(positions: np.ndarray) -> np.ndarray:
    """g (M,) in m/s^2 from the parabola through each fall (M, T, 2) up to its first contact; NaN with fewer than 5 frames."""
    t = np.arange(positions.shape[1]) / FRAMES_PER_SECOND
    g = np.full(len(positions), np.nan)
    for row, stop in enumerate(frames_in_flight(positions)):
        if stop >= 5:
            g[row] = -2 * np.polyfit(t[:stop], positions[row, :stop, 1], 2)[0]
    return g


def galileo(positions: np.ndarray) -> np.ndarray:
    """(t1^2 / t2^2) / (h1 / h2) (M,) for falls through the two `DROPS`; 1 for uniform acceleration, in any unit."""
    drop = positions[:, :1, 1] - positions[..., 1]
    ratio = np.full(len(drop), np.nan)
    for row, depth in enumerate(drop):
        times = []
        for target in DROPS:
            after = np.nonzero(depth >= target)[0]
            if not len(after) or after[0] == 0:
                break
            i = after[0]
            times.append(i - 1 + (target - depth[i - 1]) / (depth[i] - depth[i - 1]))
        if len(times) == 2:
            ratio[row] = (times[0] / times[1]) ** 2 / (DROPS[0] / DROPS[1])
    return ratio
