"""The ball against scipy's integrator with events: 1,000 random clips within 1e-6 m; energy; the limits of the law."""

from math import factorial

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from worldmodel.physics import Ball
from worldmodel.physics.ball import REST_SPEED, phi
from worldmodel.settings import ConfigError

DT = 0.05


def reference(constants, x, v, box, frames, dt):
    """One clip by scipy's DOP853, which an event stops at each contact: positions, velocities (T, 2), contacts (T,).

    Each axis is integrated alone, since a wall acts on one of them only, and from turning point to turning point, so
    that no step can reach out of the box and back into it.
    """
    position, velocity, contacts = np.empty((frames, 2)), np.empty((frames, 2)), np.zeros(frames, int)
    low, high, drag = constants["radius"], box - constants["radius"], constants["drag"]
    below, above, turning = lambda _, y: y[0] - low, lambda _, y: high - y[0], lambda _, y: y[1]
    below.terminal = above.terminal = turning.terminal = True
    times = np.arange(frames) * dt
    for axis, a in enumerate((constants["sideways"], -constants["g"])):

        def integrate(start, stop, y, at, events):
            law = lambda _, y: (y[1], a - drag * y[1])  # noqa: B023
            return solve_ivp(law, (start, stop), y, "DOP853", at, events=events, rtol=1e-10, atol=1e-12)

        now, end, y, filled = 0.0, times[-1] + 1e-9, [x[axis], v[axis]], 0
        while now < end:
            stop = end
            if y[1] * a < 0:
                turn = integrate(now, end, y, None, turning)
                stop = turn.t[-1]
            inside = times[filled:][times[filled:] < stop]
            flown = integrate(now, stop, y, np.append(inside, stop), (below, above))
            shown = flown.t[: len(inside)]
            until = filled + len(shown)
            if len(shown):
                position[filled:until, axis], velocity[filled:until, axis] = flown.y[:, : len(shown)]
            filled = until
            if flown.status == 0:
                now, y = stop, [flown.y[0, -1], 0.0 if stop < end else flown.y[1, -1]]
                continue
            which = 0 if len(flown.t_events[0]) else 1
            now, arrival = flown.t_events[which][0], flown.y_events[which][0][1]
            contacts[filled] += 1
            rebound = -constants["restitution"] * arrival
            if abs(rebound) < REST_SPEED and a * rebound < 0:
                rebound, a = 0.0, 0.0
            y = [(low + 1e-12, high - 1e-12)[which], rebound]  # just inside, or the event would find itself again
    return position, velocity, contacts


def compare(ball, gravity, frames, dt, rng):
    constants, start = ball.draw(gravity, rng)
    states = ball.simulate(constants, start, frames, dt)
    bounces = 0
    for clip in range(len(gravity)):
        mine = {name: value[clip] for name, value in constants.items()}
        x, v, contacts = reference(mine, start["position"][clip], start["velocity"][clip], ball.box, frames, dt)
        assert np.abs(states["position"][clip] - x).max() < 1e-6, mine
        # A frame within 1e-9 s of a contact may fall before it here and behind it there.
        agree = states["contacts"][clip] == contacts
        assert np.abs(states["velocity"][clip] - v)[agree].max() < 1e-5, mine
        assert agree.all(), mine
        bounces += contacts.sum()
    return constants, states, bounces


def test_a_thousand_clips_against_scipy():
    rng = np.random.default_rng(0)
    anywhere = {"height": (0.0, 4.0), "speed": 4.0}
    dragged, pushed = {"drag": (0.0, 0.5)}, {"sideways": (-5.0, 5.0)}
    quarters = [Ball(**anywhere), Ball(**anywhere, **dragged), Ball(**anywhere, **pushed),
                Ball(**anywhere, **dragged, **pushed, restitution=(0.2, 1.0))]  # fmt: skip
    bounces = sum(compare(ball, rng.uniform(1, 30, 250), 11, 0.1, rng)[2] for ball in quarters)
    assert bounces > 2000


def test_into_the_corners_and_to_rest():
    rng = np.random.default_rng(1)
    corner = Ball(box=1.0, speed=15.0, height=(0, 1), drag=(0, 0.5))  # many contacts on both axes, some in one frame
    _, states, bounces = compare(corner, rng.uniform(1, 30, 30), 6, DT, rng)
    assert bounces > 80 and states["contacts"].max() >= 3
    constants, states, _ = compare(Ball(restitution=(0.2, 0.5), speed=1.0), np.full(15, 30.0), 50, 0.1, rng)
    assert (states["velocity"][:, -1, 1] == 0).all() and (states["position"][:, -1, 1] == constants["radius"]).all()


def test_the_closed_form_and_its_series_meet():
    t, drag = 0.05, np.array([0.0, 1e-6, 0.0199, 0.0201, 0.5])  # the series serves up to drag * t = 1e-3
    terms = [(-drag * t) ** k for k in range(8)]
    phi1 = t * sum(term / factorial(k + 1) for k, term in enumerate(terms))
    phi2 = t**2 * sum(term / factorial(k + 2) for k, term in enumerate(terms))
    found = phi(drag, t)
    assert np.allclose(found[0], phi1, rtol=1e-12, atol=0) and np.allclose(found[1], phi2, rtol=1e-10, atol=0)


def test_both_walls_at_once():
    constants = {"g": np.zeros(1), "radius": np.array([0.5]), "restitution": np.ones(1), "drag": np.zeros(1)}
    constants["sideways"] = np.zeros(1)
    start = {"position": np.array([[1.0, 1.0]]), "velocity": np.array([[-5.0, -5.0]])}
    states = Ball().simulate(constants, start, 4, 0.1)
    assert np.allclose(states["position"][0], [[1, 1], [0.5, 0.5], [1, 1], [1.5, 1.5]], atol=1e-12)
    assert states["contacts"][0].sum() == 2


def energy(constants, states):
    x, v = states["position"], states["velocity"]
    return (v**2).sum(-1) / 2 + constants["g"][:, None] * x[..., 1] - constants["sideways"][:, None] * x[..., 0]


@pytest.mark.parametrize("drag", [0.0, 0.5])
def test_energy_is_kept_in_flight_and_never_grows(drag):
    rng = np.random.default_rng(2)
    ball = Ball(drag=(drag, drag), sideways=(-3, 3), restitution=(0.0, 1.0))
    constants, start = ball.draw(rng.uniform(1, 30, 1000), rng)
    states = ball.simulate(constants, start, 80, DT)
    change = np.diff(energy(constants, states), axis=1)
    flight = states["contacts"][:, 1:] == 0
    assert change.max() < 1e-9
    if not drag:
        assert np.abs(change[flight]).max() < 1e-9
    assert (change[~flight] < 0).mean() > 0.9


def test_it_stays_in_the_box_and_repeats():
    rng = np.random.default_rng(3)
    ball = Ball(restitution=(0, 1), drag=(0, 5), sideways=(-30, 30), radius=(0.01, 1.9))
    constants, start = ball.draw(rng.uniform(0, 100, 500), rng)
    states = ball.simulate(constants, start, 60, DT)
    low = constants["radius"][:, None, None]
    assert (states["position"] >= low - 1e-9).all() and (states["position"] <= 4 - low + 1e-9).all()
    assert np.isfinite(states["velocity"]).all()
    alone = {name: value[7:8] for name, value in constants.items()}
    again = ball.simulate(alone, {name: value[7:8] for name, value in start.items()}, 60, DT)
    assert (again["position"] == states["position"][7:8]).all()  # a clip does not depend on its neighbours


def test_without_restitution_it_stays_where_it_falls():
    rng = np.random.default_rng(4)
    ball = Ball(restitution=(0.0, 0.0), speed=0.0)
    constants, start = ball.draw(rng.uniform(1, 30, 100), rng)
    states = ball.simulate(constants, start, 80, DT)
    assert (states["contacts"].sum(1) == 1).all() and (states["velocity"][:, -1] == 0).all()
    assert (states["position"][:, -1, 1] == constants["radius"]).all()
    assert (states["position"][:, :, 0] == start["position"][:, None, 0]).all()


def test_restitution_is_the_share_of_speed_kept():
    rng = np.random.default_rng(5)
    ball = Ball(speed=0.0)
    constants, start = ball.draw(rng.uniform(1, 30, 200), rng)
    fall = start["position"][:, 1] - constants["radius"]
    arrive = np.sqrt(2 * fall / constants["g"])
    states = ball.simulate(constants, start, 2000, 0.002)
    rising = arrive + constants["restitution"] * arrive  # when the first rebound is at its top
    height = np.array([np.interp(rising[n], np.arange(2000) * 0.002, states["position"][n, :, 1]) for n in range(200)])
    seen = rising < 3.9
    expected = constants["radius"] + constants["restitution"] ** 2 * fall
    assert seen.sum() > 100 and np.abs(height - expected)[seen].max() < 1e-4


def test_constants_are_drawn_apart_from_one_another():
    rng = np.random.default_rng(6)
    ball = Ball(drag=(0, 0.5), sideways=(-1, 1))
    constants, start = ball.draw(rng.uniform(1, 20, 20_000), rng)
    columns = [*constants.values(), *start["velocity"].T]
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 0.03
    # Where it starts depends on the radius alone, which a picture shows; never on g.
    assert np.abs(np.corrcoef([constants["g"], *start["position"].T])[0, 1:]).max() < 0.03


@pytest.mark.parametrize("wrong", [{"radius": (0.3, 0.2)}, {"radius": (0.2, 2.0)}, {"restitution": (-0.1, 0.5)},
                                   {"restitution": (0.5, 1.5)}, {"drag": (-1, 0)}, {"box": 0.0}, {"speed": -1.0},
                                   {"speed": float("nan")}, {"drag": (0, float("nan"))}])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Ball(**wrong)
