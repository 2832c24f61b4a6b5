"""Orbits against scipy's integrator; energy and angular momentum; Kepler's third law; a picture that no body leaves."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from worldmodel.physics import Orbit
from worldmodel.settings import ConfigError

DT = 0.05


def test_forty_orbits_against_scipy():
    rng = np.random.default_rng(0)
    law = Orbit()
    constants, start = law.draw(rng.uniform(1, 30, 40), rng)
    states, times = law.simulate(constants, start, 40, DT), np.arange(40) * DT
    for clip in range(40):
        g, p, *centre = (constants[name][clip] for name in ("g", "exponent", "centre_x", "centre_y"))
        rate = lambda _, y: (*y[2:], *(-g * np.hypot(*y[:2]) ** (-p - 1) * y[:2]))  # noqa: B023
        y0 = [*(start["position"][clip] - centre), *start["velocity"][clip]]
        path = solve_ivp(rate, (0, times[-1]), y0, "DOP853", times, rtol=1e-10, atol=1e-12).y.T
        assert np.abs(states["position"][clip] - centre - path[:, :2]).max() < 1e-3


def test_energy_and_angular_momentum_are_kept():
    rng = np.random.default_rng(1)
    law = Orbit(exponent=(1.5, 2.5))
    constants, start = law.draw(rng.uniform(1, 30, 500), rng)
    states = law.simulate(constants, start, 40, DT)
    away = states["position"] - np.stack([constants["centre_x"], constants["centre_y"]], 1)[:, None]
    g, p = constants["g"][:, None], constants["exponent"][:, None]
    energy = (states["velocity"] ** 2).sum(-1) / 2 - g / (p - 1) * np.linalg.norm(away, axis=-1) ** (1 - p)
    turning = away[..., 0] * states["velocity"][..., 1] - away[..., 1] * states["velocity"][..., 0]
    assert (np.abs(energy - energy[:, :1]) / g).max() < 1e-3
    assert (np.abs(turning / turning[:, :1] - 1)).max() < 1e-3


def test_keplers_third_law():
    law = Orbit(exponent=(2.0, 2.0), pace=(0.9, 0.9), slant=0.0, distance=(1.0, 1.0))
    constants, start = law.draw(np.full(3, 12.0), np.random.default_rng(2))
    axis = 1 / (2 - 0.9**2)  # vis-viva
    period = 2 * np.pi * np.sqrt(axis**3 / 12.0)
    states = law.simulate(constants, start, 21, period / 20)
    assert np.abs(states["position"][:, 20] - start["position"]).max() < 1e-5
    assert np.abs(states["position"][:, 10] - start["position"]).max() > 0.5


def test_no_body_leaves_the_picture_and_the_start_tells_nothing():
    rng = np.random.default_rng(3)
    law = Orbit()
    constants, start = law.draw(rng.uniform(1, 30, 3000), rng)
    position, radius = law.simulate(constants, start, 40, DT)["position"], constants["radius"][:, None, None]
    assert (position > radius).all() and (position < 4 - radius).all()
    columns = [*constants.values(), *(start["position"].T - [constants["centre_x"], constants["centre_y"]])]
    assert np.abs(np.corrcoef(columns) - np.eye(len(columns))).max() < 0.08


@pytest.mark.parametrize("wrong", [{"exponent": (2.0, 3.0)}, {"distance": (1.0, 0.5)}, {"slant": float("nan")}])
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Orbit(**wrong)
