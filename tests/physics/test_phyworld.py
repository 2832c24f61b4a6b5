"""PhyWorld's scenes: closed forms, conservation, what is in and out of the distribution, and what stays in view."""

import numpy as np
import pytest

from worldmodel.physics import HeadOn, Throw, world
from worldmodel.settings import ConfigError

DT, FRAMES = 0.1, 32


@pytest.mark.parametrize("name", ["uniform", "parabola", "collision"])
def test_speeds_are_in_or_out_of_the_distribution_and_sizes_are_theirs(name):
    mine = world(name)
    assert (mine.metres, mine.frames_per_second) == (10, 10) and mine.camera("clean").pixels_per_metre == 6.4
    inside = mine.draw("train", 2000, np.random.default_rng(0))[0]["v"]
    out = mine.draw("beyond", 2000, np.random.default_rng(0))[0]["v"]
    assert inside.min() >= 1 and inside.max() <= 4 and inside.std() == pytest.approx(3 / 12**0.5, rel=0.05)
    assert (((out >= 0) & (out <= 0.8)) | ((out >= 4.5) & (out <= 6))).all() and (out < 1).any() and (out > 4).any()
    with pytest.raises(ConfigError, match="earth"):
        mine.draw("earth", 1, np.random.default_rng(0))


@pytest.mark.parametrize("law", [Throw(), Throw(gravity=2.5)])
def test_a_throw_has_constant_acceleration_and_stays_in_view_as_long_as_theirs(law):
    rng = np.random.default_rng(1)
    constants, start = law.draw(rng.uniform(1, 4, 500), rng)
    states = law.simulate(constants, start, FRAMES, DT)
    x = states["position"]
    assert np.abs(np.diff(x, 2, axis=1) / DT**2 - [0, -law.gravity]).max() < 1e-9
    assert np.abs(np.gradient(x, DT, axis=1)[:, 1:-1] - states["velocity"][:, 1:-1]).max() < 1e-9
    assert (x[:, 0] >= constants["radius"][:, None]).all() and (x[:, 0] <= 10 - constants["radius"][:, None]).all()
    slow = constants["v"] * 2.4 + 2 * constants["radius"] <= 10
    assert (x[slow, 24, 0] <= 10 - constants["radius"][slow] + 1e-9).all() and slow.mean() > 0.5


def test_collisions_conserve_momentum_and_energy_and_never_overlap():
    rng = np.random.default_rng(2)
    law = HeadOn()
    constants, start = law.draw(rng.uniform(1, 4, 1000), rng)
    states = law.simulate(constants, start, FRAMES, DT)
    mass = np.stack([constants["radius"] ** 2, constants["radius_2"] ** 2], 1)[:, None]
    v = states["velocity"][..., 0]
    for kept in (mass * v, mass * v**2):
        assert np.abs(kept.sum(-1) - kept.sum(-1)[:, :1]).max() < 1e-9
    gap = np.diff(states["position"][..., 0], axis=2)[..., 0] - (constants["radius"] + constants["radius_2"])[:, None]
    assert gap.min() > -1e-9 and (states["contacts"].sum(1) == 1).mean() > 0.99
    early = states["contacts"].argmax(1)
    assert np.median(early) > 7 and (np.diff(v, axis=2)[:, -1, 0] > 0).mean() > 0.99  # they part
    middle = (mass * states["position"][..., 0]).sum(-1) / mass.sum(-1)
    assert np.abs(np.diff(middle, 2, axis=1)).max() < 1e-9
    ends = np.stack([start["position"][:, 0, 0] - constants["radius"], start["position"][:, 1, 0] + constants["radius_2"]])
    assert ends.min() >= -1e-9 and ends.max() <= 10 + 1e-9
    assert np.abs(np.corrcoef(list(constants.values())) - np.eye(4)).max() < 0.12


def test_balls_that_stand_still_never_meet():
    constants, start = HeadOn().draw(np.zeros(5), np.random.default_rng(3))
    states = HeadOn().simulate(constants, start, FRAMES, DT)
    assert (states["position"] == start["position"][:, None]).all() and not states["contacts"].any()


WRONG = [(Throw, {"gravity": -1.0}), (Throw, {"radius": (2.0, 1.0)}), (HeadOn, {"radius": (-1, 1)})]


@pytest.mark.parametrize("law, wrong", WRONG)
def test_settings_out_of_range_are_refused_by_name(law, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        law(**wrong)
