"""The lander against scipy's integrator with events on 1,000 random clips; its reward, its success and its oracle."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from worldmodel.physics import FRAMES_PER_SECOND, Lander, draw_gravity
from worldmodel.settings import ConfigError

LAW, DT = Lander(), 1 / FRAMES_PER_SECOND
IDLE = (0.0, -1.0)


def reference(constants, x, v, actions, dt):
    """One clip by scipy, frame by frame under the thrust of each action: positions, velocities, the frame it ends in.

    A step of dt / 4 can miss a contact that is grazed for less; none of the clips below is so.
    """
    low, high = LAW.radius, LAW.box - LAW.radius
    walls = [lambda _, y, n=n: y[n] - low for n in (0, 1)] + [lambda _, y, n=n: high - y[n] for n in (0, 1)]
    for wall in walls:
        wall.terminal, wall.direction = True, -1
    states, y = [], np.concatenate([x, v])
    for frame, (side, up) in enumerate(actions):
        pull = constants["thrust"] * np.array([side * LAW.sideways_share, (up + 1) / 2]) - [0, constants["g"]]
        motion = lambda _, y, pull=pull: (y[2], y[3], pull[0], pull[1])
        flown = solve_ivp(motion, (0, dt), y, "DOP853", [dt], events=walls, max_step=dt / 4, rtol=1e-10, atol=1e-12)
        y = flown.y[:, -1] if not flown.status else next(y[0] for y in flown.y_events if len(y))
        states.append(y)
        if flown.status:
            return np.array(states), frame
    return np.array(states), None


def run(constants, state, policy, frames, dt=DT):
    """Act until the end; returns the states as they were at the end, the summed reward, ended and landed, each (N,)."""
    n = len(constants["g"])
    over, landed, total = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n)
    for _ in range(frames):
        after, reward, ended, landed_now = LAW.step(constants, state, policy(state), dt)
        total += np.where(over, 0, reward)
        landed |= landed_now & ~over
        state = {name: np.where(over[:, None], state[name], after[name]) for name in ("position", "velocity")}
        over |= ended
    return state, total, over, landed


def test_a_thousand_clips_against_scipy():
    rng, dt = np.random.default_rng(0), 0.1
    constants, start = LAW.draw(rng.uniform(1, 30, 1000), rng)
    actions = rng.uniform(-1, 1, (1000, 6, 2))
    state, over, ends = start, np.zeros(1000, bool), np.full(1000, -1)
    states = np.empty((1000, 6, 4))
    for frame in range(6):
        after, _, ended, _ = LAW.step(constants, state, actions[:, frame], dt)
        states[:, frame] = np.concatenate([after["position"], after["velocity"]], 1)
        ends[ended & ~over] = frame
        over |= ended
        state = after
    for clip in range(1000):
        mine = {name: value[clip] for name, value in constants.items()}
        expected, end = reference(mine, start["position"][clip], start["velocity"][clip], actions[clip], dt)
        assert ends[clip] == (-1 if end is None else end), mine
        error = np.abs(states[clip, : len(expected)] - expected).max(0)
        assert error[:2].max() < 1e-6 and error[2:].max() < 1e-5, mine
    assert 300 < over.sum() < 990


def test_the_reward_and_success_are_what_they_are_said_to_be():
    rng = np.random.default_rng(1)
    n = 4000
    constants, state = LAW.draw(rng.uniform(1, 20, n), rng)
    state["position"][:, 1] = LAW.radius + rng.uniform(0.0, 0.1, n)  # near the floor, where most touch it
    state["position"][:, 0] = np.where(rng.random(n) < 0.2, LAW.radius + 0.01, state["position"][:, 0])
    state["velocity"] = rng.uniform((-1.5, -2.0), (1.5, -0.2), (n, 2))
    action = rng.uniform(-1, 1, (n, 2))
    after, reward, ended, landed_now = LAW.step(constants, state, action, DT)
    landed = np.zeros(n, bool)
    for i in range(n):
        on_floor = ended[i] and abs(after["position"][i, 1] - LAW.radius) < 1e-6
        miss, speed = abs(after["position"][i, 0] - constants["pad"][i]), np.hypot(*after["velocity"][i])
        landed[i] = on_floor and miss <= LAW.near and speed <= LAW.soft_speed
        fuel = LAW.fuel_cost * (abs(action[i, 0]) * LAW.sideways_share + (action[i, 1] + 1) / 2)
        touch = 5 / (1 + (miss / 0.4) ** 2 + (speed / 1.5) ** 2) if on_floor else -2 * ended[i]
        away = np.hypot(after["position"][i, 0] - constants["pad"][i], after["position"][i, 1] - LAW.radius)
        assert reward[i] == pytest.approx(-0.05 * away - 0.01 * speed - fuel + touch)
    assert (landed_now == landed).all() and 50 < landed.sum() < 2000 and 100 < (ended & ~landed).sum()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.01, -1.5])
def test_an_action_out_of_range_is_refused(value):
    constants, state = LAW.draw(np.full(3, 9.81), np.random.default_rng(2))
    action = np.zeros((3, 2))
    action[1, 1] = value
    with pytest.raises(ConfigError, match="action"):
        LAW.step(constants, state, action, DT)


@pytest.mark.parametrize("band", ["train", "earth", "beyond"])
def test_the_oracle_lands_and_doing_nothing_does_not(band):
    rng = np.random.default_rng(3)
    constants, start = LAW.draw(draw_gravity(band, 1000, rng), rng)
    _, reward, over, landed = run(constants, start, lambda state: LAW.oracle(constants, state, DT), LAW.limit)
    assert landed.mean() >= 0.95 and over.mean() >= 0.95
    _, idle_reward, _, idle_landed = run(constants, start, lambda _: np.tile(IDLE, (1000, 1)), LAW.limit)
    assert idle_landed.sum() == 0
    noise = np.random.default_rng(4)
    _, random_reward, _, random_landed = run(constants, start, lambda _: noise.uniform(-1, 1, (1000, 2)), LAW.limit)
    assert random_landed.mean() < 0.05
    assert reward.mean() > max(idle_reward.mean(), random_reward.mean()) + 3


def test_falling_alone_is_the_parabola():
    constants, start = LAW.draw(np.array([9.81]), np.random.default_rng(5))
    after, _, _, _ = LAW.step(constants, start, np.array([IDLE]), DT)
    fall = start["velocity"] * DT - [0, 9.81 * DT**2 / 2]
    assert np.abs(after["position"] - start["position"] - fall).max() < 1e-12


@pytest.mark.parametrize("wrong", [{"box": 0.0}, {"radius": 2.0}, {"soft_speed": float("nan")}, {"near": -1.0},
                                   {"thrust": (0.0, 1.0)}, {"thrust": (2.0, 1.0)}])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Lander(**wrong)
