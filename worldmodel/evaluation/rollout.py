"""How far an imagined body strays from the true one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..physics import SCENES
from ..probing import track
from .sets import EvaluationSet

PLAIN = 26  # of 255, the grey on which the moving part of a cluttered scene is looked at by itself
FLOOR = 0.7  # brightness that in a textured scene only the body exceeds; see `probing.track`


def floor_of(scene: str) -> float | None:
    """The ``floor`` with which `track` finds the body in a scene: `FLOOR` in a textured one, else none."""
    return FLOOR if SCENES[scene].texture else None


def open_loop_error(model, clips: EvaluationSet, seen: int = 20, ahead: int = 10, batch: int = 100) -> np.ndarray:
    """See ``seen`` frames, imagine ``ahead``, decode, and find the body: its distance from the true centre, (N, ahead) in px.

    A body that the decoder lost counts as far away as the picture is wide.
    """
    pixels = 1 / float(clips.truth["metres_per_pixel"][0])
    true = clips.truth["position"][:, seen : seen + ahead] * pixels
    found = []
    for begin in range(0, len(true), batch):
        frames = clips.videos.read(np.arange(begin, min(begin + batch, len(true))), 0, seen)
        if hasattr(model, "dream"):  # a model that is not ours: see `protocol`
            found.append(track(imagine_frames(model, frames, ahead)))
        else:
            found.append(find_body(model, model.imagine(model.observe(frames), ahead))[0])
    error = np.linalg.norm(np.concatenate(found) - true, axis=-1)
    return np.where(np.isnan(error), clips.videos.shape[1], error)


@torch.no_grad()
def find_body(model, state) -> tuple[np.ndarray, np.ndarray]:
    """The tracked place of the body in the decoded states, (B, T, 2) in px, and its light above the background, (B, T).

    A model that paints over a still picture paints over a plain one here: the body is then brighter than all else.
    """
    if state.still is None:
        frames = model.decode(state).numpy(force=True)
        dark = np.median(frames / np.float32(255), (2, 3, 4), keepdims=True)
        return track(frames), (frames / np.float32(255) - dark).sum((2, 3, 4))  # signed: else faint specks would only add
    frames = model.decode(replace(state, still=torch.full_like(state.still, PLAIN))).numpy(force=True)
    return track(frames, floor=FLOOR), np.clip(frames / np.float32(255) - FLOOR, 0, 1).sum((2, 3, 4))


@torch.no_grad()
def imagine_frames(model, frames, steps: int) -> np.ndarray:
    """Observe uint8 (B, T, H, W, C), imagine ``steps`` more and decode them: uint8 (B, steps, H, W, C)."""
    if hasattr(model, "dream"):
        return model.dream(frames, steps)
    return model.decode(model.imagine(model.observe(frames), steps)).cpu().numpy()


def pixel_error(model, videos, seen: int, ahead: int, clips: int = 100) -> dict[str, np.ndarray]:
    """Open-loop error without any truth, for ingested videos: mean squared difference of pixels (0 to 1), (N, ahead).

    Returns:
        ``model``, and beside it ``copy`` of the last frame seen and ``mean`` of the frames seen: what a model must beat.
    """
    frames = videos.read(np.arange(min(clips, len(videos))), 0, seen + ahead)
    target = frames[:, seen:] / 255.0
    guesses = {
        "model": imagine_frames(model, frames[:, :seen], ahead) / 255.0,
        "copy": frames[:, seen - 1 : seen] / 255.0,
        "mean": frames[:, :seen].mean(1, keepdims=True) / 255.0,
    }
    return {name: ((guess - target) ** 2).mean((2, 3, 4)) for name, guess in guesses.items()}
