"""Tests C and E for every family of model: flights that it imagines on from a clip, as seen and with g moved in its memory.

A fall from rest (`falling`) needs constants kept apart from the motion, which only a belief has; a recurrent memory holds
both in one. So here the model sees `SEEN` frames of a clip that is in flight, flies on by itself, and the pictures are measured.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..model import Belief, LatentState, WorldModel
from ..physics import FRAMES_PER_SECOND
from .causal import ASKED, direction_of
from .reading import gravity_of
from .rollout import find_body

SEEN = 20  # frames of a clip that the model sees
STEPS = 8  # frames imagined
ROOM = 0.8  # m, least distance of the true body's centre from every wall in those frames: a moved g must not lead to a contact
EVEN = 1e-3  # m, farthest that a path in flight may be from its parabola


def flying(clips) -> np.ndarray:
    """The clips (M,) whose true body is in flight, far from all walls, from the last frame seen to the last imagined."""
    path = clips.truth["position"][:, SEEN - 1 : SEEN + STEPS].astype(float)
    basis = parabolas(STEPS + 1)
    bent = np.abs(path - np.einsum("ij,njk->nik", basis @ np.linalg.pinv(basis), path)).max((1, 2))
    size = clips.videos.shape[1] * float(clips.truth["metres_per_pixel"][0])
    inside = ((path > ROOM) & (path < size - ROOM)).all((1, 2))
    return np.nonzero((bent < EVEN) & inside)[0]


def held(state: LatentState) -> torch.Tensor:
    """What a state holds besides where things are: the belief's mean, or the memory; (B, T, K)."""
    return state.belief.mean if state.belief.mean.shape[-1] else state.memory


def holding(state: LatentState, values: torch.Tensor) -> LatentState:
    """The same state with other `held` values."""
    if state.belief.mean.shape[-1]:
        return replace(state, belief=Belief(values, state.belief.weight))
    return replace(state, memory=values)


@torch.no_grad()
def fly_on(model: WorldModel, sets, batch: int = 100) -> dict[str, np.ndarray]:
    """Imagined flights of the ``test`` clips in flight (M of them), and with g moved by each of `ASKED`.

    Returns:
        ``clips`` (M,); ``read`` (M,), g by the probe on what is held; ``none`` (M,) and ``asked`` (M, 4), g in m/s^2 of the
        flights' pictures; NaN where a body was lost.
    """
    states = {name: last_states(model, sets[name], batch) for name in ("train", "validation")}
    features = {name: held(state)[:, 0].numpy(force=True) for name, state in states.items()}
    g = gravity_of(sets)
    direction = direction_of(features, g)
    clips = flying(sets["test"])
    state, metres = last_states(model, sets["test"], batch, clips), float(sets["test"].truth["metres_per_pixel"][0])

    def flown(by: float) -> np.ndarray:
        change = torch.as_tensor(by * direction.step, dtype=torch.float32, device=model.device)
        found = []
        for begin in range(0, len(clips), batch):
            start = state[begin : begin + batch]
            found.append(find_body(model, model.imagine(holding(start, held(start) + change), STEPS))[0])
        return flight_gravity(np.concatenate(found) * metres)

    read = direction.read(held(state)[:, 0].numpy(force=True))
    return {"clips": clips, "read": read, "none": flown(0.0), "asked": np.stack([flown(by) for by in ASKED], 1)}


@torch.no_grad()
def last_states(model: WorldModel, clips, batch: int = 100, which=None) -> LatentState:
    """The state (N, 1) after `SEEN` frames of every clip, or of those named."""
    which = np.arange(len(clips.videos)) if which is None else which
    parts = [model.observe(clips.videos.read(which[i : i + batch], 0, SEEN))[:, -1:] for i in range(0, len(which), batch)]
    return parts[0].apply(lambda *all_of: torch.cat(all_of), *parts[1:])


def flight_gravity(positions: np.ndarray) -> np.ndarray:
    """g (M,) in m/s^2 of the parabola through each flight (M, T, 2) in m; NaN where the body was lost."""
    return 2 * positions[..., 1] @ -np.linalg.pinv(parabolas(positions.shape[1]))[2] * FRAMES_PER_SECOND**2


def parabolas(frames: int) -> np.ndarray:
    """1, t and t^2 at so many frames, (frames, 3)."""
    return np.arange(frames)[:, None] ** np.arange(3.0)
