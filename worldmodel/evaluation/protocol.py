"""The protocol through which the battery reads a model that is not ours, frozen under a version; PROTOCOL.md is its page."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Protocol

import numpy as np

from ..settings import ConfigError, WorldModelError
from .rollout import imagine_frames

VERSION = "1"
FRAMES = (1, 8, 20, 32)  # k, the numbers of frames after which a state is read
BATCH = 50  # clips that a model is given at once


class Readable(Protocol):
    """What a model must offer. Frames are uint8 (B, T, H, W, C), C 1 or 3.

    It may also offer ``prepare(frames)``, called once before all else with the probe's training clips, without their labels
    (a PCA is fitted there), and ``dream(frames, steps) -> uint8 (B, steps, H, W, C)``, the frames that it expects to follow.
    """

    def features(self, frames: np.ndarray) -> np.ndarray:
        """Float (B, T, D): the state after each frame, from that frame and the ones before it in its clip alone."""
        ...


class Checked:
    """A `Readable` whose every answer is checked for its form, and which is given a batch of clips at a time."""

    def __init__(self, model: Readable, name: str):
        self.model, self.name = model, name
        if not callable(getattr(model, "features", None)):
            raise ConfigError(f"{name}: a {type(model).__name__} has no features(frames)")
        if hasattr(model, "dream") or hasattr(model, "imagine"):  # ours imagines states and decodes them
            self.dream = self._dream

    def prepare(self, frames: np.ndarray) -> None:
        if hasattr(self.model, "prepare"):
            self._ask("prepare", self.model.prepare, frames)

    def features(self, frames: np.ndarray) -> np.ndarray:
        """float32 (B, T, D).

        Raises:
            ConfigError: the model raised, or its features are of another shape, not numbers, or not finite.
        """
        parts = [self._ask("features", self.model.features, frames[i : i + BATCH]) for i in range(0, len(frames), BATCH)]
        for part, begin in zip(parts, range(0, len(frames), BATCH)):
            due = (len(frames[begin : begin + BATCH]), frames.shape[1])
            if part.ndim != 3 or part.shape[:2] != due or part.shape[2:] != parts[0].shape[2:] or part.dtype.kind not in "fiu":
                raise ConfigError(f"{self.name}: features are {part.dtype} {part.shape}; these frames need float {(*due, 'D')}")
            if not np.isfinite(part).all():
                raise ConfigError(f"{self.name}: features hold {np.sum(~np.isfinite(part))} values that are not finite")
        return np.concatenate(parts).astype(np.float32)

    def _dream(self, frames: np.ndarray, steps: int) -> np.ndarray:
        dream, due = self._ask("dream", imagine_frames, self.model, frames, steps), (len(frames), steps, *frames.shape[2:])
        if dream.shape != due or dream.dtype != np.uint8:
            raise ConfigError(f"{self.name}: its dream is {dream.dtype} {dream.shape}; it must be uint8 {due}")
        return dream

    def _ask(self, what, function, *arguments) -> np.ndarray:
        try:
            return np.asarray(function(*arguments))
        except WorldModelError:
            raise
        except Exception as error:
            raise ConfigError(f"{self.name}: {what} failed: {type(error).__name__}: {error}") from error


def check_causal(model: Checked, frames: np.ndarray) -> None:
    """Refuse a model whose features look ahead, or at anything but their own clip. ``frames``: 2 clips or more, of 2 or more.

    Raises:
        ConfigError: saying what the features of the first half change with.
    """
    k = frames.shape[1] // 2
    whole, other = model.features(frames)[:, :k], np.concatenate([frames[:, :k], 255 - frames[:, k:]], 1)
    tolerance = 1e-4 * np.abs(whole).max()  # another batch size may round differently
    for found, why in (
        (model.features(other)[:, :k], "look ahead: those of the first frames change with the frames after them"),
        (model.features(frames[:, :k]), "depend on how many frames follow"),
        (np.concatenate([model.features(clip[None])[:, :k] for clip in frames]), "depend on the clips beside it in a batch"),
    ):
        if not np.abs(found - whole).max() <= tolerance:
            raise ConfigError(f"{model.name}: the features of a clip {why}")


def load_readable(place: str, seed: int = 0):
    """The model at ``place``: a folder where one of ours is saved, or ``module:factory``, called without arguments.

    Args:
        place: modules are looked for in the current folder too.
        seed: of torch's global generator, which random weights are drawn from.

    Raises:
        ConfigError: there is no such module or name in it, or the import or the factory failed.
    """
    import torch

    from ..training import load

    if Path(place).is_dir() or ":" not in place:
        return load(place)
    module, _, factory = place.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    torch.manual_seed(seed)
    try:
        return getattr(importlib.import_module(module), factory)()
    except WorldModelError:
        raise
    except Exception as error:
        raise ConfigError(f"{place}: {type(error).__name__}: {error}") from error
