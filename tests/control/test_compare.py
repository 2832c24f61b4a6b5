"""Side by side in the true world: an episode counts once and to its end; the ratio says where a policy stands."""

import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv

from worldmodel.control import DreamEnv, Observed, PhysicsEnv, Policy, compare, return_ratio, run_episodes, side_by_side


class Script(VectorEnv):
    """Three environments whose episodes last 2, 3 and 5 steps; a step earns 1, and what comes after the end 100."""

    num_envs, lengths = 3, np.array([2, 3, 5])

    def reset(self, *, seed=None, options=None):
        self.t = 0
        return np.zeros((3, 1)), {}

    def step(self, actions):
        self.t += 1
        over = self.t == self.lengths
        truncated = over & [False, True, False]
        success = (over & [True, False, False]) | (self.t > self.lengths)
        reward = np.where(self.t <= self.lengths, 1.0, 100.0)
        return np.zeros((3, 1)), reward, over & ~truncated, truncated, {"success": success}


def test_only_the_first_episode_counts_and_to_its_end():
    outcome = run_episodes(Script(), lambda _: np.zeros((3, 1)), seed=0)
    assert outcome.returns.tolist() == [2, 3, 5]
    assert outcome.success.tolist() == [True, False, False]


def test_the_oracle_is_far_ahead_of_chance_and_all_play_the_same_episodes(lander_model):
    torch.manual_seed(0)
    policy = Policy(lander_model.feature_size, 2, 8)
    outcomes = compare(lander_model, {"dream": policy}, episodes=25, seed=3)
    assert outcomes.keys() == {"random", "no-op", "oracle", "dream"}
    random, oracle = outcomes["random"], outcomes["oracle"]
    assert oracle.returns.mean() > random.returns.mean() + 1
    assert oracle.success.mean() > 0.8 > 0.3 > random.success.mean()
    assert return_ratio(oracle.returns, random.returns, oracle.returns) == 1
    again = compare(lander_model, {"dream": policy}, episodes=25, seed=3)
    for name, outcome in outcomes.items():
        assert np.isfinite(outcome.returns).all()
        np.testing.assert_array_equal(outcome.returns, again[name].returns)


def test_where_every_action_is_a_push_nobody_does_nothing():
    pytest.importorskip("pygame", reason="pygame draws Gymnasium's classic worlds: pip install gymnasium[classic-control]")
    assert compare(None, {}, episodes=2, task="CartPole-v1").keys() == {"random"}
    assert compare(None, {}, episodes=1, task="Pendulum-v1").keys() == {"random", "no-op"}


def test_an_episodes_return_is_the_sum_of_its_rewards():
    outcome = run_episodes(PhysicsEnv(num_envs=4), lambda _: np.tile([0.0, -1.0], (4, 1)), seed=5)
    env = PhysicsEnv(num_envs=4)
    env.reset(seed=5)
    total, going = np.zeros(4), np.ones(4, bool)
    while going.any():
        _, reward, terminated, truncated, _ = env.step(np.tile([0.0, -1.0], (4, 1)))
        total[going] += reward[going]
        going &= ~(terminated | truncated)
    np.testing.assert_allclose(outcome.returns, total)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, -0.5, 1.2])
def test_the_ratio_is_0_at_random_and_1_at_the_oracle(share):
    random, oracle = np.array([-4.0, -2.0]), np.array([3.0, 5.0, 4.0])
    policy = np.full(3, -3.0 + share * 7)
    assert return_ratio(policy, random, oracle) == pytest.approx(share)


def test_side_by_side_the_true_half_is_the_true_episode_from_the_fork_on(lander_model, lander):
    torch.manual_seed(0)
    policy, env = Policy(lander_model.feature_size, 2, 8), PhysicsEnv(num_envs=12)
    played = side_by_side(lander_model, DreamEnv(lander_model, lander, 12), policy.act, env, seed=4, fork=2)
    alone = run_episodes(Observed(PhysicsEnv(num_envs=12), lander_model), policy.act, 4, keep=True)
    lived = alone.valid.sum(1)
    np.testing.assert_array_equal(played["true.valid"].sum(1), lived - 2)
    np.testing.assert_allclose(played["true.features"][:, 0], alone.seen[:, 3], atol=1e-5)
    early = np.array([sum(rewards) for rewards in first_rewards(policy, lander_model, 12, 4, 2)])
    np.testing.assert_allclose(played["true.return"], alone.returns - early, atol=1e-6)
    assert np.isfinite(played["dream.features"]).all() and (played["dream.valid"].sum(1) <= 58).all()


def first_rewards(policy, model, episodes, seed, steps):
    """The rewards (N, steps) of the first steps."""
    view, paid = Observed(PhysicsEnv(num_envs=episodes), model), []
    seen, _ = view.reset(seed=seed)
    for _ in range(steps):
        seen, reward, *_ = view.step(policy.act(seen))
        paid.append(reward)
    return np.stack(paid, 1)
