"""An oracle: points moved by known actions of a pilot with habits, beside a ball that bounces. What is inferred is the action."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.settings import ConfigError, DataError
from worldmodel.training import LatentActionConfig, fit, infer_actions
from worldmodel.training.latent_actions import independent_of, spread_axes

CONFIG = LatentActionConfig(steps=150, width=64)


def catcher(clips=80, frames=40, seed=0):
    """Points (N, T, 6): a paddle whose speed lags behind the action (N, T, 1), and a ball, twice, that falls and bounces."""
    rng = np.random.default_rng(seed)
    paddle, speed = rng.uniform(-0.8, 0.8, clips), np.zeros(clips)
    ball, fall, drift = rng.uniform(0, 0.8, clips), np.zeros(clips), rng.uniform(-0.8, 0.8, clips)
    aim, path, actions = drift, [], []
    for _ in range(frames):
        aim = np.where(rng.random(clips) < 0.1, rng.uniform(-0.9, 0.9, clips), aim)
        action = np.clip(3 * (aim - paddle) + rng.normal(0, 0.2, clips), -1, 1)
        speed += 0.5 * (0.08 * action - speed)
        paddle = paddle + speed
        fall = np.where(ball < -0.8, np.abs(fall) * 0.9, fall - 0.01)
        ball = ball + fall
        path.append(np.stack([paddle, 0 * ball, drift, ball, drift, ball], 1))
        actions.append(action)
    points = np.stack(path, 1) + rng.normal(0, 1e-3, (clips, frames, 6))
    return torch.from_numpy(points).float(), np.stack(actions, 1)[..., None]


def shared(told, found, real):
    """Squared correlation of a latent number and the real one, over the steps that count."""
    return np.corrcoef(found[told][:, 0], real[told][:, 0])[0, 1] ** 2


@pytest.fixture(scope="module")
def inferred():
    points, actions = catcher()
    return infer_actions(points, torch.ones(points.shape[:2]), CONFIG, progress=False), actions


def test_what_is_inferred_is_the_action_up_to_sign_and_scale(inferred):
    found, actions = inferred
    assert found.values.shape == actions.shape and np.abs(found.values).max() <= 1
    assert np.abs(found.axes[0]) > 0.95  # it moves the paddle, and not the ball, whose bounces are larger
    assert shared(found.told, found.values, actions) > 0.9


def test_the_labels_of_other_steps_are_not_told(inferred):
    found, actions = inferred
    mixed = np.random.default_rng(0).permutation(actions[found.told])
    assert np.corrcoef(found.values[found.told][:, 0], mixed[:, 0])[0, 1] ** 2 < 0.01


def test_neither_the_acceleration_nor_the_surprise_is_the_action(inferred):
    found, actions = inferred
    assert shared(found.told, found.acceleration, actions) < shared(found.told, found.values, actions) - 0.1
    assert shared(found.told, found.surprise, actions) < shared(found.told, found.values, actions) - 0.1


def test_the_first_frames_and_those_after_an_end_are_not_told():
    points, _ = catcher(20, 12)
    valid = torch.ones(20, 12)
    valid[0, 6:] = 0
    found = infer_actions(points, valid, replace(CONFIG, steps=2), progress=False)
    assert not found.told[:, :3].any() and not found.told[0, 6:].any() and found.told[0, 3:6].all() and found.told[1:, 3:].all()
    assert not found.values[~found.told].any()


def test_an_axis_is_where_most_frames_are_surprising_however_large_the_rare_ones():
    rng = np.random.default_rng(0)
    surprise = torch.from_numpy(np.stack([rng.normal(0, 1, 1000), 100 * (rng.random(1000) < 0.05), rng.normal(0, 0.1, 1000)], 1))
    axes, shares = spread_axes(surprise, 1)
    assert axes.abs()[0, 0] > 0.99 and shares[0] > 0.8


def test_extremes_do_not_hang_on_the_state_though_habits_do():
    rng = np.random.default_rng(0)
    state = rng.normal(0, 1, (4000, 2))
    action = np.clip(0.5 * state[:, 0] + rng.normal(0, 0.6, 4000), -1, 1)  # a habit
    values = torch.from_numpy(3 * action - 2 * state[:, 0] + 5).float()
    found = independent_of(values, torch.from_numpy(state).float(), 0.005).numpy()
    assert np.abs(found - action).mean() < 0.1


@pytest.mark.parametrize("size, frames, clips", [(7, 12, 20), (1, 3, 20), (1, 12, 5)])
def test_too_little_to_infer_from_is_refused(size, frames, clips):
    points, _ = catcher(clips, frames)
    with pytest.raises(ConfigError, match="latent actions need"):
        infer_actions(points, torch.ones(clips, frames), replace(CONFIG, size=size), progress=False)


def test_a_model_learns_other_actions_through_another_models_eyes(lander, lander_model, tiny_fit, sizes):
    relabelled = lander.with_actions(np.zeros((len(lander), 24, 1)))
    assert relabelled.action_size == 1 and relabelled[3:5].actions.shape == (2, 24, 1) and relabelled.digest != lander.digest
    model = fit(relabelled, replace(tiny_fit, find_steps=0), sizes, progress=False, eyes=lander_model)
    assert model.config.actions == 1
    for part in ("encoder", "decoder"):
        mine, theirs = (getattr(one, part).state_dict() for one in (model, lander_model))
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    with pytest.raises(DataError, match="one for each frame"):
        lander.with_actions(np.zeros((2, 24, 1)))
