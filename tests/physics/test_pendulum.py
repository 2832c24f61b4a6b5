"""The pendulums against scipy's integrator, their energy, and a picture that no bob leaves."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ellipk

from worldmodel.physics import DoublePendulum, Pendulum
from worldmodel.settings import ConfigError

DT = 0.05


def test_forty_pendulums_against_scipy():
    rng = np.random.default_rng(0)
    law = Pendulum()
    constants, start = law.draw(rng.uniform(1, 30, 40), rng)
    states = law.simulate(constants, start, 40, DT)
    for clip in range(40):
        g, length, damping = (constants[name][clip] for name in ("g", "length", "damping"))
        rate = lambda _, y: (y[1], -g / length * np.sin(y[0]) - damping * y[1])  # noqa: B023
        y0, times = [start["angle"][clip], start["spin"][clip]], np.arange(40) * DT
        angle, spin = solve_ivp(rate, (0, times[-1]), y0, "DOP853", times, rtol=1e-10, atol=1e-12).y
        pivot = np.array([constants["pivot_x"][clip], constants["pivot_y"][clip]])
        bob = pivot + length * np.stack([np.sin(angle), -np.cos(angle)], 1)
        assert np.abs(states["position"][clip] - bob).max() < 1e-5
        assert np.abs(np.linalg.norm(states["velocity"][clip], axis=-1) - length * np.abs(spin)).max() < 1e-4


def test_the_period_of_a_large_swing():
    amplitude, g, length = 2.0, 9.0, 0.8
    law = Pendulum(length=(length, length), damping=(0, 0), angle=amplitude, spin=0.0)
    constants, _ = law.draw(np.full(1, g), np.random.default_rng(0))
    period = 4 * np.sqrt(length / g) * ellipk(np.sin(amplitude / 2) ** 2)
    states = law.simulate(constants, {"angle": np.full(1, amplitude), "spin": np.zeros(1)}, 5, period / 4)
    assert np.allclose(states["angle"][0], [amplitude, 0, -amplitude, 0, amplitude], atol=1e-3)


def test_the_double_pendulum_keeps_its_energy():
    rng = np.random.default_rng(1)
    law = DoublePendulum()
    constants, start = law.draw(rng.uniform(1, 30, 300), rng)
    states = law.simulate(constants, start, 40, DT)
    height, speed = states["position"][..., 1].sum(-1), (states["velocity"] ** 2).sum((2, 3))
    energy = speed / 2 + constants["g"][:, None] * height
    scale = constants["g"] * law.length
    assert (np.abs(energy - energy[:, :1]).max(1) / scale).max() < 1e-4
    upper, lower = np.moveaxis(states["position"], 2, 0)
    assert np.allclose(np.linalg.norm(upper - lower, axis=-1), law.length)
    swinging = np.diff(states["position"], axis=1) / DT  # the stated velocity is that of the positions
    assert np.abs(swinging - (states["velocity"][:, 1:] + states["velocity"][:, :-1]) / 2).mean() < 0.1


def test_the_double_pendulum_swings_in_its_two_normal_modes():
    """Small swings of equal rods and masses: omega^2 = (2 -+ sqrt 2) g / length, the lower rod at +-sqrt 2 of the upper."""
    law, g = DoublePendulum(), 9.0
    constants = {"g": np.full(2, g), "pivot_x": np.full(2, 2.0), "pivot_y": np.full(2, 2.0)}
    shape, root = np.sqrt(2) * np.array([1.0, -1.0]), np.array([2 - np.sqrt(2), 2 + np.sqrt(2)])
    angle = 1e-4 * np.stack([np.ones(2), shape], 1)
    states = law.simulate(constants, {"angle": angle, "spin": np.zeros((2, 2))}, 40, DT)
    expected = angle[:, None] * np.cos(np.sqrt(root * g / law.length)[:, None] * np.arange(40) * DT)[..., None]
    assert np.abs(states["angle"] - expected).max() < 1e-8


@pytest.mark.parametrize("law", [Pendulum(), DoublePendulum()])
def test_no_bob_leaves_the_picture_at_any_gravity(law):
    rng = np.random.default_rng(2)
    constants, start = law.draw(rng.uniform(1, 30, 1000), rng)
    position = law.simulate(constants, start, 40, DT)["position"]
    radius = np.asarray(law.radius).max()
    assert (position > radius).all() and (position < 4 - radius).all()
    assert np.abs(np.corrcoef([constants["g"], *position[:, 0].reshape(1000, -1).T])[0, 1:]).max() < 0.1


@pytest.mark.parametrize("law, wrong", [(Pendulum, {"length": (2.0, 1.0)}), (Pendulum, {"damping": (-1.0, 0.0)}),
                                        (Pendulum, {"angle": 4.0}), (DoublePendulum, {"length": 0.0}),
                                        (DoublePendulum, {"spin": float("nan")})])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(law, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        law(**wrong)
