"""Latent actions bound to real ones by a few labelled steps, and a true environment that is acted on through the binding."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from sklearn.linear_model import QuantileRegressor

from ..settings import ConfigError


@dataclass(frozen=True)
class Binding:
    """How a real action (A,) shows as a latent one (L,): latent = weights @ real + offset."""

    weights: np.ndarray  # (L, A), or (N, L, A) where each of N environments has a binding of its own
    offset: np.ndarray  # (L,) or (N, L)

    def real(self, latent: np.ndarray) -> np.ndarray:
        """The real actions (..., A) in [-1, 1] that come nearest to showing as the latent ones (..., L)."""
        asked = np.linalg.pinv(self.weights) @ (np.asarray(latent, float) - self.offset)[..., None]
        return np.clip(asked[..., 0], -1, 1)


def bind(latent: np.ndarray, real: np.ndarray) -> Binding:
    """Least absolute deviations over labelled steps: latent (n, L) on real (n, A).

    The latent action is what was inferred with an error, so it is regressed on the real one and the line is then turned
    round; the other way about, the error would make every action too small. Deviations count as they are, not squared: where a
    wall stops the body, an action shows nothing, and a few such steps would flatten the line.

    Raises:
        ConfigError: fewer steps than numbers to fit.
    """
    if len(latent) != len(real) or len(real) <= real.shape[1]:
        raise ConfigError(f"{len(real)} labels for {len(latent)} steps: {real.shape[1]} actions need {real.shape[1] + 1} or more")
    lines = [QuantileRegressor(alpha=0).fit(real, numbers) for numbers in latent.T]
    return Binding(np.stack([line.coef_ for line in lines]), np.array([line.intercept_ for line in lines]))


class Bound(VectorWrapper):
    """An environment that takes latent actions (N, L) in [-1, 1], and whose world is given the real ones they are bound to.

    Wrapped in `Observed`, the model hears of the latent actions alone, as in its dream.
    """

    def __init__(self, env: VectorEnv, binding: Binding):
        super().__init__(env)
        self.binding = binding
        self.single_action_space = gym.spaces.Box(-1, 1, (binding.offset.shape[-1],), np.float32)
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    def step(self, actions):
        return self.env.step(self.binding.real(actions))
