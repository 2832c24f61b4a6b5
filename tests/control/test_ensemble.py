"""Doubt: heads agree where the log has taught them, and disagree far from it; a penalised dream pays less there."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.control import DreamEnv, fit_ensemble
from worldmodel.training import encode_all


@pytest.fixture(scope="module")
def taught(lander_model, lander):
    clips = encode_all(lander_model, lander)
    return clips, fit_ensemble(lander_model, clips, heads=3, steps=150, batch=128, progress=False)


def test_doubt_is_usual_in_the_log_and_greater_far_from_it(taught, lander_model):
    clips, ensemble = taught
    state = lander_model.track(clips["points"], clips["appearance"], clips["actions"])[:, 4:5]
    actions = clips["actions"][:, 5]
    usual = ensemble.doubt(state, actions)
    far = ensemble.doubt(state.apply(lambda value: value + 3 * value.std()), actions)
    assert usual.shape == (len(actions),) and 0.2 < usual.mean() < 5
    assert far.mean() > 2 * usual.mean()


def test_heads_see_different_clips_and_are_repeatable(taught, lander_model):
    clips, ensemble = taught
    again = fit_ensemble(lander_model, clips, heads=3, steps=150, batch=128, progress=False)
    assert all(torch.equal(one, other) for one, other in zip(ensemble.parameters(), again.parameters()))
    assert not torch.equal(ensemble.weights[2][0], ensemble.weights[2][1])


@pytest.mark.parametrize("alike", [False, True], ids=["rewards that differ", "rewards all alike"])
def test_a_penalised_dream_pays_less_by_what_is_doubted(taught, lander_model, alike):
    (clips, ensemble), model = taught, copy.deepcopy(lander_model)
    if alike:
        model.outcome.logged[:2, 0] = torch.tensor([-0.7, 1e-3])  # as where each step costs the same
    unit = 0.7 if alike else model.outcome.logged[1, 0]
    plain, careful = (DreamEnv(model, clips, 16, **more) for more in ({}, {"ensemble": ensemble, "penalty": 0.5}))
    paid = []
    for env in (plain, careful):
        env.reset(seed=0)
        paid.append(env.step(np.zeros((16, 2)))[1])
    start = plain.reset(seed=0) and plain.state
    due = 0.5 * unit * (ensemble.doubt(start, torch.zeros(16, 2)) - 1).clamp(min=0)
    torch.testing.assert_close(paid[0] - paid[1], due, atol=1e-6, rtol=1e-5)
    assert (due > 0).any()


@pytest.mark.parametrize("choices", [False, True])
def test_where_actions_are_choices_doubt_is_of_the_one_that_is_made(taught, lander_model, choices):
    """How far a number is from 0 changes nothing in the world there: so nothing is to be feared or gained by it."""
    (clips, ensemble), model = taught, copy.deepcopy(lander_model)
    model.config, pushes = replace(model.config, choices=choices), torch.linspace(-1, 1, 32).reshape(16, 2)
    plain, careful = (DreamEnv(model, clips, 16, **more) for more in ({}, {"ensemble": ensemble, "penalty": 5.0}))
    paid = []
    for env in (plain, careful):
        start = env.reset(seed=0) and env.state
        paid.append(env.step(pushes)[1])
    doubts = [(ensemble.doubt(start, push) - 1).clamp(min=0) for push in (pushes, pushes.sign())]
    assert not torch.allclose(*doubts, atol=1e-3)
    torch.testing.assert_close(paid[0] - paid[1], 5 * model.outcome.logged[1, 0] * doubts[choices], atol=1e-5, rtol=1e-4)
