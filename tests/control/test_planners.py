"""Planners against brute force, closed forms, and the dream they are to look into."""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch

from worldmodel.control import PlanConfig, Planner, foresee
from worldmodel.control.planners import METHODS
from worldmodel.settings import ConfigError


def push(state, actions):
    """A mass at x with speed v, pushed: minus the squared distance from 0, and minus the effort, summed over the steps."""
    x, v = (value[:, None] for value in state)
    earned = torch.zeros(actions.shape[:2])
    for t in range(actions.shape[2]):
        v = v + 0.5 * actions[:, :, t, 0]
        x = x + v
        earned = earned - x**2 - 0.1 * actions[:, :, t, 0] ** 2
    return earned


@pytest.mark.parametrize("method", METHODS)
def test_a_plan_earns_as_much_as_the_best_of_all_sequences_on_a_grid(method):
    state, grid = (torch.tensor([1.5, -1.0]), torch.tensor([-0.5, 0.2])), [-1.0, -0.5, 0.0, 0.5, 1.0]
    every = torch.tensor(list(product(grid, repeat=4)))[None, :, :, None].expand(2, -1, -1, -1)
    best, worst = push(state, every).max(1)[0], push(state, torch.zeros(2, 1, 4, 1))[:, 0]
    planner = Planner(push, 1, PlanConfig(method, horizon=4, iterations=12, temperature=0.02))
    planner.act(state, batch=2)
    share = (push(state, planner.plan.unsqueeze(1))[:, 0] - worst) / (best - worst)
    assert (share > 0.97).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_plans_the_same_and_actions_stay_in_range(method):
    near, far = ((torch.tensor([x]), torch.tensor([0.0])) for x in (0.5, 50.0))
    one, other, third = (Planner(push, 1, PlanConfig(method, seed=seed)).act(near) for seed in (0, 0, 1))
    assert torch.equal(one, other) and not torch.equal(one, third) and one.shape == (1, 1)
    assert -1 <= Planner(push, 1, PlanConfig(method)).act(far) < -0.8


def test_the_next_plan_begins_with_the_rest_of_the_last_until_a_reset():
    seen = []

    def watch(state, actions):
        seen.append(actions.mean(1))
        return push(state, actions)

    planner = Planner(watch, 1, PlanConfig(iterations=1, spread=1e-3))
    planner.plan = torch.linspace(-0.9, 0.9, 12).view(1, 12, 1)
    planner.act((torch.zeros(1), torch.zeros(1)))
    torch.testing.assert_close(seen[0][0, :11, 0], torch.linspace(-0.9, 0.9, 12)[1:], atol=1e-3, rtol=0)
    planner.reset()
    planner.act((torch.zeros(1), torch.zeros(1)))
    assert seen[1].abs().max() < 1e-3


def test_white_and_coloured_noise_have_unit_variance_and_neighbours_are_alike_in_the_coloured():
    def neighbours(config):
        noise = Planner(push, 2, replace(config, samples=20_000))._noise(1)[0]
        assert noise.shape == (20_000, 12, 2)
        assert noise.var().item() == pytest.approx(1, abs=0.03)
        return np.corrcoef(noise[:, 5, 0], noise[:, 6, 0])[0, 1]

    assert abs(neighbours(PlanConfig("cem"))) < 0.03 < 0.5 < neighbours(PlanConfig("icem"))


def test_the_spectrum_of_coloured_noise_falls_with_its_exponent():
    for colour in (0.0, 1.0, 2.0):
        noise = Planner(push, 1, PlanConfig("icem", samples=4000, horizon=32, colour=colour))._noise(1)[0, :, :, 0]
        power = torch.fft.rfft(noise).abs().square().mean(0)[1:-1]
        slope = np.polyfit(np.log(np.arange(1, len(power) + 1)), np.log(power.numpy()), 1)[0]
        assert slope == pytest.approx(-colour, abs=0.05)


def test_icem_tries_its_best_again():
    seen = []

    def watch(state, actions):
        seen.append(actions)
        return push(state, actions)

    state = (torch.tensor([1.0]), torch.tensor([0.0]))
    Planner(watch, 1, PlanConfig("icem", iterations=2)).act(state)
    best = seen[0][0, push(state, seen[0])[0].argmax()]
    assert (seen[1][0] == best).all((1, 2)).any()


def test_what_is_foreseen_is_what_a_dream_step_by_step_would_earn(lander_model, lander):
    state = lander_model.observe(lander.read([0, 1], 0, 6), lander.actions[:2, :6])
    actions = 2 * torch.rand(2, 3, 5, 2, generator=torch.Generator().manual_seed(0)) - 1
    found = foresee(lander_model, state, actions, 0.9)
    for b, s in product(range(2), range(3)):
        now, going, total = state[b : b + 1, -1:], 1.0, 0.0
        for t in range(5):
            before, now = now, lander_model.imagine(now, actions[b : b + 1, s, t : t + 1])
            reward, end = (value.item() for value in lander_model.reward(before, now))
            total += 0.9**t * going * reward
            going *= 1 - end
        assert found[b, s].item() == pytest.approx(total, abs=1e-4)
    planner = Planner(partial(foresee, lander_model), 2, PlanConfig(samples=8, elites=3, kept=1, iterations=2, horizon=4))
    assert planner.act(state, batch=2).shape == (2, 2)


@pytest.mark.parametrize(
    "name, value", [("method", "luck"), ("samples", 1), ("elites", 301), ("temperature", 0.0), ("spread", np.nan)]
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        PlanConfig(**{name: value})
