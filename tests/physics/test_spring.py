"""The spring against scipy's integrator, where it comes to rest, and what a first frame may not tell."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from worldmodel.physics import Spring
from worldmodel.settings import ConfigError

DT = 0.05


def test_forty_springs_against_scipy():
    rng = np.random.default_rng(0)
    law = Spring(speed=2.0)
    constants, start = law.draw(rng.uniform(1, 30, 40), rng)
    states, times = law.simulate(constants, start, 40, DT), np.arange(40) * DT
    for clip in range(40):
        g, k, damping, top = (constants[name][clip] for name in ("g", "k_over_m", "damping", "anchor_y"))
        rate = lambda _, y: (y[1], -g - k * (y[0] - top + law.natural) - damping * y[1])  # noqa: B023
        y0 = [start["position"][clip, 1], start["velocity"][clip, 1]]
        path = solve_ivp(rate, (0, times[-1]), y0, "DOP853", times, rtol=1e-10, atol=1e-12).y
        assert np.abs(states["position"][clip, :, 1] - path[0]).max() < 1e-8
        assert np.abs(states["velocity"][clip, :, 1] - path[1]).max() < 1e-7
        assert (states["position"][clip, :, 0] == constants["anchor_x"][clip]).all()


def test_it_comes_to_rest_where_the_load_is_borne():
    rng = np.random.default_rng(1)
    law = Spring(damping=(1.0, 1.0))
    constants, start = law.draw(rng.uniform(1, 30, 50), rng)
    states = law.simulate(constants, start, 1000, DT)
    extension = constants["anchor_y"] - law.natural - states["position"][:, -1, 1]
    assert np.allclose(extension, constants["g"] / constants["k_over_m"], atol=1e-8)


def test_it_stays_in_the_picture_and_its_start_tells_nothing():
    rng = np.random.default_rng(2)
    law = Spring()
    constants, start = law.draw(rng.uniform(1, 30, 20_000), rng)
    y = law.simulate(constants, start, 40, DT)["position"][..., 1]
    assert (y > constants["radius"][:, None]).all() and (y < constants["anchor_y"][:, None] - 0.1).all()
    columns = [*constants.values(), constants["anchor_y"] - start["position"][:, 1], start["velocity"][:, 1]]
    assert np.abs(np.corrcoef(columns) - np.eye(len(columns))).max() < 0.03


@pytest.mark.parametrize("wrong", [{"k_over_m": (3.0, 2.0)}, {"natural": float("nan")}, {"speed": -1.0}])
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Spring(**wrong)
