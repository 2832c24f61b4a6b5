"""Learning to act: it solves what can be solved in closed form, and its returns are those of a plain loop."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldmodel.control import ActorCriticConfig, DreamEnv, Policy, learn_to_act, load_policy, save_policy
from worldmodel.control.actor_critic import rollout, surrogate
from worldmodel.settings import ConfigError, TrainingDiverged

SMALL = ActorCriticConfig(updates=120, horizon=8, width=16, rate=3e-3)


class PointToOrigin:
    """A point on a line: an action moves it by up to 0.3, and every step costs its squared distance from 0.

    Cut off after ``limit`` steps; a point beyond 3 has fallen off. Keeps what it gave, for oracles.
    """

    single_action_space = SimpleNamespace(shape=(1,))

    def __init__(self, n=16, limit=12):
        self.n = self.num_envs = n
        self.limit, self.log = limit, []

    def reset(self, *, seed=None):
        self.rng = torch.Generator().manual_seed(seed)
        self.x, self.age = self.draw(), torch.arange(self.n) % self.limit
        self.over = torch.zeros(self.n, dtype=torch.bool)
        return self.x, {}

    def draw(self):
        return 4 * torch.rand(self.n, 1, generator=self.rng) - 2

    def step(self, action):
        fresh = self.over
        x = torch.where(fresh[:, None], self.draw(), self.x + 0.3 * action)
        reward = torch.where(fresh, 0.0, -(x[:, 0] ** 2))
        end = torch.where(fresh, 0.0, torch.sigmoid(20 * (x[:, 0].abs() - 3)))
        self.x, self.age = x, torch.where(fresh, 0, self.age + 1)
        terminated = end.detach() > 0.5
        truncated = (self.age >= self.limit) & ~terminated
        self.over = terminated | truncated
        self.log.append((reward.detach(), end.detach(), fresh))
        return x, reward, terminated, truncated, {"end_probability": end, "expected_reward": reward}


def mean_reward(act):
    env = PointToOrigin(200, limit=10**9)
    x, _ = env.reset(seed=99)
    rewards = []
    for _ in range(15):
        x, reward, *_ = env.step(act(x))
        rewards.append(reward.mean().item())
    return np.mean(rewards)


def test_it_learns_to_steer_a_point_almost_as_well_as_can_be_done():
    policy, history = learn_to_act(PointToOrigin(), SMALL, progress=False)
    best, still = mean_reward(lambda x: (-x / 0.3).clamp(-1, 1)), mean_reward(torch.zeros_like)
    assert (mean_reward(policy.act) - still) / (best - still) > 0.9
    assert len(history) == SMALL.updates and np.mean(history[-10:]) > np.mean(history[:10])


def test_the_same_seed_gives_the_same_policy():
    config = replace(SMALL, updates=5)
    one, other, third = (learn_to_act(PointToOrigin(), replace(config, seed=s), progress=False)[0] for s in (0, 0, 1))
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert not all(torch.equal(value, third.state_dict()[name]) for name, value in one.state_dict().items())


def test_what_is_kept_is_the_slow_copy():
    config = replace(SMALL, updates=5)
    first, quick, slow, still = (learn_to_act(PointToOrigin(), c, progress=False)[0].state_dict()
                                 for c in (replace(config, rate=0.0, lag=1.0), replace(config, lag=1.0), config,
                                           replace(config, lag=0.0)))  # fmt: skip
    assert all(torch.equal(first[name], still[name]) for name in first if name not in ("mean", "spread"))
    moved, lagged = (sum((one[name] - first[name]).abs().sum() for name in first) for one in (quick, slow))
    assert 0 < lagged < 0.5 * moved


def lambda_return(rewards, ends, fresh, values, t, discount, mix):
    """From step t, by the definition: the mixture of the n-step returns up to the episode's end or the horizon's."""
    last = next((s for s in range(t + 1, len(rewards)) if fresh[s]), len(rewards))  # first step of the next episode

    def n_step(n):
        total, weight = 0.0, 1.0
        for s in range(t, t + n):
            total += weight * rewards[s]
            weight *= discount * (1 - ends[s])
        return total + weight * values[t + n]

    longest = last - t
    mixture = sum((1 - mix) * mix ** (n - 1) * n_step(n) for n in range(1, longest))
    return mixture + mix ** (longest - 1) * n_step(longest)


def walk(limit, horizon=10, seed=0, **options):
    """One stretch of a policy with random weights, and what happened in it."""
    torch.manual_seed(seed)
    env, config = PointToOrigin(n=7, limit=limit), replace(SMALL, horizon=horizon, **options)
    policy = Policy(1, 1, 16)
    torch.nn.init.normal_(policy.critic[-1].weight)  # values that matter
    features, _ = env.reset(seed=seed)
    start = torch.zeros(7, dtype=torch.bool)
    slow = Policy(1, 1, 16)
    torch.nn.init.normal_(slow.critic[-1].weight)  # values other than the policy's own
    path, *_ = rollout(env, policy, slow.critic, features, start, config, torch.Generator().manual_seed(seed))
    rewards, ends, fresh_steps = (torch.stack(part).numpy().astype(float) for part in zip(*env.log))
    values = slow.value(torch.cat([path.features, env.x[None]])).detach().numpy().astype(float)
    return path, rewards, ends, fresh_steps, values, config


@pytest.mark.parametrize("limit", [100, 4, 2], ids="episodes of {}".format)
@pytest.mark.parametrize("mix", [0.0, 0.7, 1.0])
def test_returns_are_the_lambda_returns_of_a_plain_loop(limit, mix):
    path, rewards, ends, fresh, values, config = walk(limit, mix=mix, discount=0.9)
    for t in range(config.horizon):
        for i in range(7):
            if not fresh[t, i]:
                expected = lambda_return(rewards[:, i], ends[:, i], fresh[:, i], values[:, i], t, 0.9, mix)
                assert path.returns[t, i].item() == pytest.approx(expected, rel=1e-4, abs=1e-4), (t, i)
    assert (fresh.sum() > 0) == (limit < 100)
    np.testing.assert_array_equal(path.weight.numpy(), 1 - fresh)


def test_no_return_leaks_from_the_next_episode_into_the_last_one():
    class Jackpot(PointToOrigin):
        """Every episode after the first is worth a fortune."""

        def step(self, action):
            self.later = getattr(self, "later", torch.zeros(self.n, dtype=torch.bool)) | self.over
            x, reward, terminated, truncated, info = super().step(action)
            reward = reward + 1e6 * self.later * (reward != 0)
            return x, reward, terminated, truncated, info | {"expected_reward": reward}

    torch.manual_seed(0)
    env, policy = Jackpot(n=7, limit=4), Policy(1, 1, 16)
    features, _ = env.reset(seed=0)
    start = torch.zeros(7, dtype=torch.bool)
    path, *_ = rollout(env, policy, policy.critic, features, start, replace(SMALL, horizon=10), torch.Generator())
    fresh = torch.stack([entry[2] for entry in env.log])
    later = torch.cumsum(fresh, 0) > 0
    assert path.returns[~later].abs().max() < 1e3 and path.returns[later & ~fresh].abs().max() > 1e5


def test_the_advantage_is_the_return_above_the_value():
    path, _, _, _, values, _ = walk(limit=4)
    np.testing.assert_allclose(path.advantage, path.returns.numpy() - values[:-1], atol=1e-5)


def test_before_an_update_the_actor_goes_up_the_policy_gradient():
    """The ratio is then 1 everywhere, and its gradient that of the log-probability times the advantage (Williams 1992)."""
    path, *_, config = walk(limit=4, entropy=0.0)
    torch.manual_seed(0)  # the weights with which `walk` walked
    policy = Policy(1, 1, 16)
    torch.nn.init.normal_(policy.critic[-1].weight)
    normal = torch.distributions.Normal(policy.distribution(path.features)[0], policy.distribution(path.features)[1].exp())
    expected = -(path.weight * path.advantage / 2.0 * normal.log_prob(path.drawn).sum(-1)).mean()
    weights = list(policy.actor.parameters())
    for mine, theirs in zip(
        torch.autograd.grad(surrogate(policy, path, 2.0, config), weights), torch.autograd.grad(expected, weights)
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_an_action_already_made_likelier_by_the_clip_is_pushed_no_further():
    path, *_, config = walk(limit=100, entropy=0.0)
    gained = replace(path, log_probability=path.log_probability - 1, advantage=torch.ones_like(path.advantage))  # ratio e
    torch.manual_seed(0)
    policy = Policy(1, 1, 16)
    loss = surrogate(policy, gained, 1.0, config)
    assert loss.item() == pytest.approx(-(1 + config.clip))
    assert all((slope == 0).all() for slope in torch.autograd.grad(loss, list(policy.actor.parameters())))


@pytest.mark.parametrize("normalised", [False, True])
def test_advantages_are_counted_in_their_own_spread_where_that_is_asked_for(normalised, monkeypatch):
    given = []

    def kept(policy, path, unit, *rest):
        given.append((unit, path.advantage))
        return surrogate(policy, path, unit, *rest)

    monkeypatch.setattr("worldmodel.control.actor_critic.surrogate", kept)
    config = replace(SMALL, updates=1, epochs=1, batches=2, normalised=normalised)
    learn_to_act(PointToOrigin(n=8, limit=6), config, progress=False)
    spread = torch.cat([advantage for _, advantage in given], 1).std().item()
    assert (given[0][0] == pytest.approx(spread, rel=1e-4)) == normalised


def test_a_policy_takes_arrays_and_tensors_and_stays_in_range():
    torch.manual_seed(0)
    policy = Policy(5, 2, 16)
    policy.scale_to(torch.randn(50, 5))
    features = 1e3 * torch.randn(20, 5)
    action = policy.act(features)
    assert action.shape == (20, 2) and action.abs().max() <= 1
    as_array = policy.act(features.numpy())
    assert isinstance(as_array, np.ndarray) and np.array_equal(as_array, action.numpy())
    assert policy.sample(features, torch.Generator().manual_seed(0)).shape == (20, 2)


def test_a_feature_that_never_varies_does_no_harm():
    policy = Policy(2, 1, 8)
    policy.scale_to(torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]))
    assert torch.isfinite(policy.act(torch.tensor([[2.0, 5.0], [2.0, 900.0]]))).all()


def test_a_reward_that_is_not_finite_ends_the_learning():
    class Broken(PointToOrigin):
        def step(self, action):
            *rest, info = super().step(action)
            return *rest, info | {"expected_reward": info["expected_reward"] * torch.nan}

    with pytest.raises(TrainingDiverged, match="update 0"):
        learn_to_act(Broken(), SMALL, progress=False)


@pytest.mark.parametrize("name", [name for name, value in vars(ActorCriticConfig()).items() if not isinstance(value, bool)])
def test_a_setting_that_makes_no_sense_is_refused_by_name(name):
    for value in (-1, np.nan, 1e12):
        with pytest.raises(ConfigError, match=name):
            replace(ActorCriticConfig(), **{name: value})


def test_it_learns_in_a_dream_and_is_saved_and_loaded_with_what_it_learned(lander_model, lander, tmp_path):
    before = {name: value.clone() for name, value in lander_model.state_dict().items()}
    policy, history = learn_to_act(DreamEnv(lander_model, lander, 8), replace(SMALL, updates=3), progress=False)
    assert np.isfinite(history).all()
    assert all(torch.equal(value, before[name]) for name, value in lander_model.state_dict().items())
    save_policy(policy, tmp_path)
    features = torch.randn(5, lander_model.feature_size)
    assert torch.equal(load_policy(tmp_path).act(features), policy.act(features))
