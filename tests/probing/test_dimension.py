"""The estimator on manifolds of known dimension, turned into a space of twelve."""

import numpy as np
import pytest

from worldmodel.probing import inverse_dimension
from worldmodel.settings import ConfigError

RNG = np.random.default_rng(0)
N = 2000


def angles(n):
    angle = RNG.uniform(0, 2 * np.pi, (N, n))
    return np.concatenate([np.sin(angle), np.cos(angle)], 1)


def sphere():
    points = RNG.standard_normal((N, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def roll():
    t = 1.5 * np.pi * (1 + 2 * RNG.random(N))
    return np.stack([t * np.cos(t), 20 * RNG.random(N), t * np.sin(t)], 1) / 10


def ball():
    points = RNG.standard_normal((N, 4))
    return points / np.linalg.norm(points, axis=1, keepdims=True) * RNG.random((N, 1)) ** 0.25


MANIFOLDS = {"circle": (1, angles(1)), "sphere": (2, sphere()), "torus": (2, angles(2)), "roll": (2, roll()), "ball": (4, ball())}


def turned(points, noise=0.0):
    basis = np.linalg.qr(RNG.standard_normal((12, 12)))[0][:, : points.shape[1]]
    return points @ basis.T + noise * RNG.standard_normal((len(points), 12))


@pytest.mark.parametrize("name", MANIFOLDS)
def test_dimension_is_found(name):
    dimension, points = MANIFOLDS[name]
    assert 1 / inverse_dimension(turned(points)).mean() == pytest.approx(dimension, abs=0.3)


@pytest.mark.parametrize("name", ["sphere", "torus", "roll"])
def test_a_little_noise_does_not_mislead(name):
    dimension, points = MANIFOLDS[name]
    assert 1 / inverse_dimension(turned(points, 0.005)).mean() == pytest.approx(dimension, abs=0.3)


def test_unit_does_not_matter():
    points = turned(MANIFOLDS["torus"][1])
    assert np.allclose(inverse_dimension(points), inverse_dimension(1e3 * points))


def test_points_that_coincide_count_once():
    points = turned(MANIFOLDS["torus"][1])
    assert np.allclose(np.sort(inverse_dimension(np.concatenate([points, points[:500]]))), np.sort(inverse_dimension(points)))


@pytest.mark.parametrize("points", [np.zeros((50, 3)), np.full((50, 3), np.nan), RNG.random((11, 3)), RNG.random(50)])
def test_points_that_say_nothing_are_refused(points):
    with pytest.raises(ConfigError, match="points"):
        inverse_dimension(points)
