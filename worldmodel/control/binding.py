"""Latent actions bound to real ones by a few labelled steps, and a true environment that is acted on through the binding."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from ..settings import ConfigError


@dataclass(frozen=True)
class Binding:
    """How a real action (A,) shows as a latent one (L,): latent = weights @ real + offset."""

    weights: np.ndarray  # (L, A)
    offset: np.ndarray  # (L,)

    def real(self, latent: np.ndarray) -> np.ndarray:
        """The real actions (..., A) in [-1, 1] that come nearest to showing as the latent ones (..., L)."""
        asked = (np.asarray(latent, float) - self.offset) @ np.linalg.pinv(self.weights).T
        return np.clip(asked, -1, 1)


def bind(latent: np.ndarray, real: np.ndarray) -> Binding:
    """Least squares over labelled steps: latent (n, L) on real (n, A).

    The latent action is what was inferred with an error, so it is regressed on the real one and the line is then turned
    round; the other way about, the error would make every action too small.

    Raises:
        ConfigError: fewer steps than numbers to fit.
    """
    if len(latent) != len(real) or len(real) <= real.shape[1]:
        raise ConfigError(f"{len(real)} labels for {len(latent)} steps: {real.shape[1]} actions need {real.shape[1] + 1} or more")
    found = np.linalg.lstsq(np.column_stack([real, np.ones(len(real))]), latent, rcond=None)[0]
    return Binding(found[:-1].T, found[-1])


class Bound(VectorWrapper):
    """An environment that takes latent actions (N, L) in [-1, 1], and whose world is given the real ones they are bound to.

    Wrapped in `Observed`, the model hears of the latent actions alone, as in its dream.
    """

    def __init__(self, env: VectorEnv, binding: Binding):
        super().__init__(env)
        self.binding = binding
        self.single_action_space = gym.spaces.Box(-1, 1, (len(binding.offset),), np.float32)
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    def step(self, actions):
        return self.env.step(self.binding.real(actions))
