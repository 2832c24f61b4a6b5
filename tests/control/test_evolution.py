"""A linear controller, evolved where the best one is known."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv

from worldmodel.control.evolution import LinearPolicy, evolve


class Reach(VectorEnv):
    """Reward is minus the squared distance of the action from half of what is seen; an episode is one step."""

    num_envs = 64
    single_action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.seen = 0.5 * torch.randn(self.num_envs, 3, generator=torch.Generator().manual_seed(seed))
        return self.seen, {}

    def step(self, actions):
        over = torch.ones(self.num_envs, dtype=torch.bool)
        return self.seen, -((actions[:, 0] - self.seen[:, 0] / 2) ** 2), over, ~over, {}


def test_evolution_finds_the_known_controller():
    env = Reach()
    policy, history = evolve(env, generations=60, population=16, progress=False)
    seen = env.reset(seed=999)[0]
    assert ((policy.act(seen)[:, 0] - seen[:, 0] / 2) ** 2).mean() < 0.003 < -history[0]
    assert np.mean(history[-5:]) > np.mean(history[:5])


def test_arrays_give_arrays_and_actions_stay_in_range():
    policy = LinearPolicy(torch.zeros(3), torch.ones(3), torch.full((2, 4), 50.0))
    actions = policy.act(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    assert isinstance(actions, np.ndarray) and actions.shape == (5, 2) and np.abs(actions).max() <= 1
    assert policy.act(np.zeros((1, 3), np.float32)) == pytest.approx(1.0)
