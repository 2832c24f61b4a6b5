"""The catcher against tiny steps of brute force, frame by frame; its drops, its rest, its success and its oracle."""

import numpy as np
import pytest

from worldmodel.physics import FRAMES_PER_SECOND, Catcher, choose, draw_gravity
from worldmodel.settings import ConfigError

LAW, DT = Catcher(), 1 / FRAMES_PER_SECOND


def brute(constants, state, action, steps=4000):
    """One frame in ``steps`` small steps: the ball's place, the paddle's, whether it was dropped."""
    x, v = state["position"].copy(), state["velocity"].copy()
    paddle, speed = state["paddle"].T.copy()
    dropped, h, low = np.zeros(len(x), bool), DT / steps, [LAW.radius, LAW.radius + LAW.level]
    for _ in range(steps):
        going = ~dropped
        asked = action[:, 0] * LAW.top_speed
        middle = speed + (asked - speed) * h / 2 / LAW.lag
        speed = np.where(going, speed + (asked - middle) * h / LAW.lag, speed)
        paddle = np.where(going, paddle + middle * h, paddle)
        stopped = np.clip(paddle, LAW.half, LAW.box - LAW.half)
        speed, paddle = np.where(stopped == paddle, speed, 0), stopped
        lies = (x[:, 1] <= low[1]) & (v[:, 1] == 0)
        pull = np.stack([0 * constants["g"], np.where(lies, 0, constants["g"])], 1)
        x = np.where(going[:, None], x + v * h - pull * h * h / 2, x)
        v = np.where(going[:, None], v - pull * h, v)
        for axis in (0, 1):
            under, over = (x[:, axis] < low[axis]) & (v[:, axis] < 0), (x[:, axis] > LAW.box - LAW.radius) & (v[:, axis] > 0)
            if axis:
                dropped |= going & (under | lies) & (np.abs(x[:, 0] - paddle) > LAW.half)
            turned = (under | over) & ~dropped
            v[:, axis] = np.where(turned, -constants["restitution"] * v[:, axis], v[:, axis])
    return x, paddle, dropped


def start_of(n, seed=0, band="train"):
    rng = np.random.default_rng(seed)
    return (*LAW.draw(draw_gravity(band, n, rng), rng), rng)


def run(constants, state, policy, frames=LAW.limit):
    """Act until the end: the states at the end, the summed reward, ended and succeeded, each (N,)."""
    n = len(constants["g"])
    over, total = np.zeros(n, bool), np.zeros(n)
    for _ in range(frames):
        after, reward, ended, success = LAW.step(constants, state, policy(state), DT)
        total += np.where(over, 0, reward)
        state = choose(over, state, after)
        over |= ended
    return state, total, over, success & ~over


def test_frames_agree_with_small_steps():
    constants, state, rng = start_of(200)
    compared = drops = touches = 0
    for _ in range(14):
        action = rng.uniform(-1, 1, (200, 1))
        after, _, ended, _ = LAW.step(constants, state, action, DT)
        x, paddle, dropped = brute(constants, state, action)
        near = np.abs(np.abs(after["position"][:, 0] - after["paddle"][:, 0]) - LAW.half) < 0.01  # on the edge
        wall = np.abs(after["paddle"][:, 0] - LAW.box / 2) > LAW.box / 2 - LAW.half - 0.05  # it stops the paddle by frames
        hard = near | wall
        assert (ended == dropped)[~hard].all()
        assert np.abs(after["position"] - x)[~hard].max() < 5e-3 and np.abs(after["paddle"][:, 0] - paddle)[~hard].max() < 5e-3
        compared, drops = compared + (~hard).sum(), drops + ended.sum()
        touches += after["touch"].sum()
        fresh = LAW.draw(draw_gravity("train", 200, rng), rng)
        constants, state = choose(ended, fresh[0], constants), choose(ended, fresh[1], after)
    assert compared > 1500 and drops > 20 and touches > 20


def test_a_ball_that_lies_on_the_paddle_stays_until_the_paddle_leaves_it():
    constants = {"g": np.array([9.0, 9.0]), "restitution": np.array([0.5, 0.5])}
    state = {
        "position": np.full((2, 2), [2.0, LAW.level + LAW.radius]), "velocity": np.zeros((2, 2)),
        "paddle": np.array([[2.0, 0]] * 2),
        "touch": np.zeros(2, bool), "touched": np.ones(2, bool),
    }  # fmt: skip
    over = np.zeros(2, bool)
    for _ in range(10):
        after, _, ended, success = LAW.step(constants, state, np.array([[0.0], [1.0]]), DT)
        state = choose(over, state, after)
        over |= ended
    assert over.tolist() == [False, True] and success[0]
    np.testing.assert_allclose(state["position"][0], [2.0, LAW.level + LAW.radius])
    assert abs(state["position"][1, 0] - state["paddle"][1, 0]) > LAW.half


@pytest.mark.parametrize("band", ["train", "beyond"])
def test_the_oracle_catches_and_neither_chance_nor_a_still_paddle_does(band):
    constants, start, rng = start_of(1000, 1, band)
    _, reward, over, caught = run(constants, start, lambda state: LAW.oracle(constants, state, DT))
    assert caught.mean() >= 0.95 and (caught != over).all()
    _, still_reward, _, still = run(constants, start, lambda _: np.tile(LAW.idle, (1000, 1)))
    _, random_reward, _, random = run(constants, start, lambda _: rng.uniform(-1, 1, (1000, 1)))
    assert still.mean() < 0.2 and random.mean() < 0.2
    assert reward.mean() > max(still_reward.mean(), random_reward.mean()) + 2


def test_success_needs_a_catch():
    constants, start, _ = start_of(50)
    _, _, ended, success = LAW.step(constants, start, np.zeros((50, 1)), DT)
    assert not ended.any() and not success.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.01])
def test_an_action_out_of_range_is_refused(value):
    constants, start, _ = start_of(2)
    with pytest.raises(ConfigError, match="action"):
        LAW.step(constants, start, np.array([[0.0], [value]]), DT)


@pytest.mark.parametrize("wrong", [{"half": -1}, {"restitution": (0.5, 1.2)}, {"lag": 0.0}, {"top_speed": np.nan}], ids=str)
def test_settings_without_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        Catcher(**wrong)
