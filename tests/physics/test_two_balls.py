"""Two balls against scipy's integrator with events; momentum and energy where they meet; a picture that neither leaves."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from worldmodel.physics import Ball, TwoBalls
from worldmodel.physics.two_balls import HOP
from worldmodel.settings import ConfigError

DT = 0.05


def reference(law, c, x, v, frames):
    """One clip by scipy's DOP853, stopped by an event at each contact: positions (T, 2, 2) and contacts (T,)."""
    radius = np.array([c["radius"], c["radius_2"]])
    mass = np.array([1.0, c["mass_ratio"]])
    gaps = [lambda y, b=b, k=k: y[2 * b + k] - radius[b] for b in (0, 1) for k in (0, 1)]
    gaps += [lambda y, b=b, k=k: law.box - radius[b] - y[2 * b + k] for b in (0, 1) for k in (0, 1)]
    gaps.append(lambda y: np.linalg.norm(y[2:4] - y[:2]) - radius.sum())
    events = [lambda _, y, gap=gap: gap(y) for gap in gaps]
    for event in events:
        event.terminal, event.direction = True, -1
    motion = lambda _, y: np.array([*y[4:], 0.0, -c["g"], 0.0, -c["g"]])
    y, path, contacts = np.concatenate([x.ravel(), v.ravel()]), [x], [0]
    for _ in range(1, frames):
        now, count = 0.0, 0
        while now < DT:
            flown = solve_ivp(motion, (now, DT), y, "DOP853", events=events, max_step=DT / 4, rtol=1e-10, atol=1e-12)
            now, y = flown.t[-1], flown.y[:, -1].copy()
            if flown.status == 0:
                break
            count += 1
            which = next(n for n, times in enumerate(flown.t_events) if len(times))
            speed = y[4:].reshape(2, 2)
            if which == 8:
                n = (y[2:4] - y[:2]) / np.linalg.norm(y[2:4] - y[:2])
                nearing = (speed[0] - speed[1]) @ n
                impulse = (max(c["restitution"] * nearing, HOP) + nearing) / (1 / mass).sum()
                speed += impulse / mass[:, None] * np.stack([-n, n])
            else:
                ball, axis = which % 4 // 2, which % 2
                back = max(c["restitution"] * abs(speed[ball, axis]), HOP)
                speed[ball, axis] = back if which < 4 else -back
            y[4:] = speed.ravel()
        path.append(y[:4].reshape(2, 2))
        contacts.append(count)
    return np.array(path), np.array(contacts)


def test_sixty_clips_against_scipy():
    rng = np.random.default_rng(0)
    law = TwoBalls(restitution=(0.8, 1.0))  # no clip comes to hop in these frames: scipy would take minutes over it
    constants, start = law.draw(rng.uniform(1, 30, 60), rng)
    states = law.simulate(constants, start, 16, DT)
    assert states["contacts"].max() < 5
    for clip in range(60):
        mine = {name: value[clip] for name, value in constants.items()}
        path, contacts = reference(law, mine, start["position"][clip], start["velocity"][clip], 16)
        assert np.abs(states["position"][clip] - path).max() < 1e-5, mine
        assert (states["contacts"][clip] == contacts).all(), mine
    assert states["contacts"].sum() > 100 and states["meetings"].sum() > 50


def test_momentum_and_energy_where_they_meet():
    """A frame in which the two meet and touch nothing else: momentum changes by gravity alone, energy by the loss stated."""
    rng = np.random.default_rng(1)
    law = TwoBalls()
    constants, start = law.draw(rng.uniform(1, 30, 3000), rng)
    states = law.simulate(constants, start, 12, DT)
    rows, frames = np.nonzero((states["meetings"] == 1) & (states["contacts"] == 1))
    assert len(rows) > 1000
    g, ratio, e = (constants[name][rows] for name in ("g", "mass_ratio", "restitution"))
    mass = np.stack([np.ones(len(rows)), ratio], 1)[..., None]
    before, after = states["velocity"][rows, frames - 1], states["velocity"][rows, frames]
    change = (mass * (after - before)).sum(1) + np.stack([0 * g, (1 + ratio) * g * DT], 1)
    assert np.abs(change).max() < 1e-9
    # In free fall the relative velocity changes only where they meet, and only along the line of their middles.
    kick = (after[:, 1] - after[:, 0]) - (before[:, 1] - before[:, 0])
    normal = kick / np.linalg.norm(kick, axis=1, keepdims=True)
    old, new = (((v[:, 1] - v[:, 0]) * normal).sum(1) for v in (before, after))
    assert np.abs(new - np.maximum(-e * old, HOP)).max() < 1e-9
    height = mass[..., 0] * states["position"][rows, :, :, 1][np.arange(len(rows)), frames - 1]
    later = mass[..., 0] * states["position"][rows, :, :, 1][np.arange(len(rows)), frames]
    gained = (mass * (after**2 - before**2)).sum((1, 2)) / 2 + g * (later - height).sum(1)
    lost = ratio / (1 + ratio) * (1 - e**2) * old**2 / 2
    fast = e * -old > HOP
    assert np.abs(gained + lost)[fast].max() < 1e-9


def test_a_ball_that_meets_nobody_moves_as_a_ball_alone():
    rng = np.random.default_rng(2)
    law = TwoBalls()
    constants, start = law.draw(rng.uniform(1, 30, 2000), rng)
    states = law.simulate(constants, start, 40, DT)
    until = np.where(states["meetings"].any(1), (states["meetings"] > 0).argmax(1), 40)
    nothing = np.zeros(2000)
    alone = {"g": constants["g"], "restitution": constants["restitution"], "drag": nothing, "sideways": nothing}
    for ball, radius in enumerate(("radius", "radius_2")):
        one = {name: value[:, ball] for name, value in start.items()}
        expected = Ball().simulate(alone | {"radius": constants[radius]}, one, 40, DT)["position"]
        apart = np.abs(states["position"][:, :, ball] - expected).max(-1)
        assert apart[np.arange(40) < until[:, None]].max() < 5e-3  # where one hops, the other lies still
        assert apart[:, :5][np.arange(5) < until[:, None]].max() < 1e-9


def test_most_meet_none_overlap_and_none_leaves():
    rng = np.random.default_rng(3)
    law = TwoBalls()
    constants, start = law.draw(rng.uniform(1, 30, 3000), rng)
    states = law.simulate(constants, start, 40, DT)
    assert (states["meetings"].sum(1) > 0).mean() > 0.9
    radius = np.stack([constants["radius"], constants["radius_2"]], 1)
    apart = np.linalg.norm(states["position"][:, :, 1] - states["position"][:, :, 0], axis=-1)
    assert (apart > radius.sum(1)[:, None] - 1e-9).all()
    x = states["position"]
    assert (x > radius[:, None, :, None] - 1e-9).all() and (x < 4 - radius[:, None, :, None] + 1e-9).all()
    assert states["contacts"].max() < 1000  # contacts in one frame: HOP bounds them


def test_constants_are_drawn_apart_from_one_another_and_from_the_start():
    rng = np.random.default_rng(4)
    constants, start = TwoBalls().draw(rng.uniform(1, 20, 20_000), rng)
    columns = [*constants.values()]
    assert np.abs(np.corrcoef(columns) - np.eye(len(columns))).max() < 0.03
    for name in ("g", "mass_ratio", "restitution"):
        begun = [*start["position"].reshape(20_000, -1).T, *start["velocity"].reshape(20_000, -1).T]
        assert np.abs(np.corrcoef([constants[name], *begun])[0, 1:]).max() < 0.03


@pytest.mark.parametrize("wrong", [{"restitution": (0.5, 1.5)}, {"mass_ratio": (0.0, 1.0)}, {"radius": (0.2, 1.0)},
                                   {"closing": (3.0, 2.0)}, {"aside": float("nan")}])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TwoBalls(**wrong)
