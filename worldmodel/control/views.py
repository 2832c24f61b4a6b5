"""Views of a vector environment: through a model's eyes, with what is believed replaced, and as a single environment."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from ..model import WorldModel
from .episodes import as_array


class Observed(VectorWrapper):
    """Pixels of a true environment turned into the features that the model's own `observe` gives; nothing else is added.

    What a policy sees here has the form of what it sees in `DreamEnv`: (N, F), as an array.
    """

    def __init__(self, env: VectorEnv, model: WorldModel):
        super().__init__(env)
        self.model = model
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (model.feature_size,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(self, *, seed=None, options=None):
        frames, info = self.env.reset(seed=seed, options=options)
        self.state, self.over = self._observe(frames, None, None), np.zeros(self.num_envs, bool)
        return self.state.vector()[:, -1].cpu().numpy(), info

    def step(self, actions):
        frames, reward, terminated, truncated, info = self.env.step(actions)
        after = self._observe(frames, actions, self.state)
        if self.over.any():  # a new episode begins here: nothing of the last one may be remembered
            rows = np.nonzero(self.over)[0]
            fresh = self._observe(frames[rows], None, None)
            after = after.apply(lambda old, new: old.index_put((torch.from_numpy(rows),), new), fresh)
        self.state, self.over = after, terminated | truncated
        return after.vector()[:, -1].cpu().numpy(), reward, terminated, truncated, info

    @torch.no_grad()
    def _observe(self, frames, actions, before):
        """The state after one more frame, kept as long as a piece of evidence needs."""
        keep = self.model.config.window
        if actions is not None:
            actions = np.asarray(actions, np.float32)[:, None]
        state = self.model.observe(frames[:, None], actions, before)
        if before is None:  # the first frame stands in for those before it, as `observe` itself does
            return state[:, [0] * keep]
        return before.apply(lambda old, new: torch.cat([old, new], 1)[:, -keep:], state)


class Told(VectorWrapper):
    """An environment of features in which what was believed of constants is hidden, or something that is told stands for it.

    Args:
        env: a `DreamEnv`, or an `Observed` one.
        told: gives numbers (N,) of order 1 for the episodes at hand, such as g; None hides all.
    """

    def __init__(self, env: VectorEnv, told: Callable[[], np.ndarray] | None = None):
        super().__init__(env)
        self.told, believed = told, env.model.believed
        self.believed = slice(believed.start, believed.stop + env.model.config.constants)  # the means, and how sure they are

    def reset(self, *, seed=None, options=None):
        features, info = self.env.reset(seed=seed, options=options)
        return self._instead(features), info

    def step(self, actions):
        features, *rest = self.env.step(actions)
        return self._instead(features), *rest

    def _instead(self, features):
        features[:, self.believed] = 0
        if self.told is not None:
            features[:, self.believed.start] = self.told()
        return features


class SingleView(gym.Env):
    """The first episode of a vector environment of one, as a plain environment: for checkers and for other libraries."""

    def __init__(self, env: VectorEnv):
        self.env = env
        self.observation_space, self.action_space = env.single_observation_space, env.single_action_space
        self.render_mode = getattr(env, "render_mode", None)
        self.metadata = {"render_modes": [self.render_mode] if self.render_mode else [], "render_fps": 20}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        observation, _ = self.env.reset(seed=seed, options=options)
        return as_array(observation[0]), {}

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(np.asarray(action, np.float32)[None])
        info = {key: as_array(value)[0] for key, value in info.items() if not key.startswith("_")}
        return as_array(observation[0]), float(reward[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self):
        return self.env.render()[0]
