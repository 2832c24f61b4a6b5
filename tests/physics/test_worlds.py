"""The worlds by name, and the bands of gravity: what is held out is never drawn."""

import numpy as np
import pytest

from worldmodel.physics import BANDS, WORLDS, bodies, draw_gravity, world
from worldmodel.settings import ConfigError


@pytest.mark.parametrize("band", BANDS)
def test_bands_hold(band):
    g = draw_gravity(band, 100_000, np.random.default_rng(0))
    low, high = np.array(BANDS[band]).T
    inside = (g[:, None] >= low) & (g[:, None] <= high)
    assert inside.any(1).all()
    share = inside.mean(0)
    assert np.abs(share - (high - low) / (high - low).sum()).max() < 0.01  # uniform over the union
    for piece in range(len(low)):
        mine = g[inside[:, piece]]
        assert mine.min() - low[piece] < 0.01 and high[piece] - mine.max() < 0.01
        assert mine.mean() == pytest.approx((low[piece] + high[piece]) / 2, abs=0.05)


def test_earth_is_never_seen_in_training():
    g = draw_gravity("train", 200_000, np.random.default_rng(1))
    assert not ((g > 9) & (g < 11)).any() and g.min() >= 1 and g.max() <= 20
    assert BANDS["earth"][0][0] < 9.81 < BANDS["earth"][0][1]


def test_the_same_generator_draws_the_same():
    one, two = (draw_gravity("train", 50, np.random.default_rng(2)) for _ in range(2))
    assert (one == two).all()


def test_unknown_names_are_refused_and_the_known_ones_listed():
    with pytest.raises(ConfigError, match=r"moon.*ball"):
        world("moon")
    with pytest.raises(ConfigError, match=r"mars.*train"):
        draw_gravity("mars", 3, np.random.default_rng(3))


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_world_draws_integrates_and_becomes_bodies(name, channels):
    rng = np.random.default_rng(4)
    law = world(name).law
    constants, start = world(name).draw("train", 5, rng)
    assert all(value.shape == (5,) for value in constants.values())
    states = {key: value[:, None] for key, value in start.items()}
    if hasattr(law, "simulate"):
        states = law.simulate(constants, start, 3, 1 / world(name).frames_per_second)
    assert all(len(value) == 5 and np.isfinite(value).all() for value in states.values())
    for body in bodies(world(name), constants, states, channels):
        assert all(end.shape == (*states["position"].shape[:2], 2) for end in body.ends)
        assert body.radius.shape == (5,) and body.colour.shape == (5, channels)
        assert (body.colour >= 0).all() and (body.colour <= 1).all()
