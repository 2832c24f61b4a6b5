"""Scores against known separations, known kinks and known falls."""

import numpy as np
import pytest
from scipy.stats import norm

from worldmodel.probing import auroc, gravity_change, linear_forecast, roughness, stretches, typical_error
from worldmodel.settings import ConfigError

DT = 0.05


def test_auroc_of_two_gaussians_is_known_and_ties_are_half():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(20_000), rng.standard_normal((10_000, 2)) + 1.5
    assert auroc(a, b) == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=0.005)
    assert auroc(b, a) == pytest.approx(1 - auroc(a, b), abs=1e-12)
    assert auroc(np.zeros(5), np.zeros(7)) == 0.5 and auroc([0, 1], [1, 2]) == 0.875


@pytest.mark.parametrize("ordinary, changed", [([1.0, np.nan], [1.0]), ([], [1.0]), ([1.0], [])])
def test_auroc_refuses_what_has_no_order(ordinary, changed):
    with pytest.raises(ConfigError):
        auroc(ordinary, changed)


def test_typical_error_follows_roughness_and_frame():
    rng = np.random.default_rng(1)

    def clips(n):
        rough = np.exp(rng.uniform(-3, 2, (n, 20)))
        return np.abs(rng.standard_normal(rough.shape)) * rough * np.where(np.arange(20) < 5, 4, 1), rough

    usual = typical_error(*clips(2000))
    error, rough = clips(2000)
    inside = error < usual(rough)
    for part in (rough < 0.3, rough > 2, np.arange(20) + 0 * rough < 5, np.arange(20) + 0 * rough >= 5):
        assert inside[part].mean() == pytest.approx(0.97, abs=0.012)


def test_roughness_is_zero_in_flight_and_the_kink_at_a_contact():
    t = np.arange(12.0)
    flight = np.stack([3 * t, 50 - 0.4 * t**2], -1)
    bounce = np.stack([3 * t, np.abs(t - 6)], -1)  # the speed turns from -1 to 1 at a frame
    assert roughness(flight) == pytest.approx(0, abs=1e-12)
    assert roughness(np.stack([flight, bounce]))[1] == pytest.approx(2 / np.sqrt(2))


def test_stretches_end_at_each_frame_and_begin_with_the_first():
    path = np.arange(10.0)[None, :, None]
    way = stretches(path, 3)
    assert way.shape == (1, 7, 8, 1)
    assert way[0, :, -1, 0].tolist() == [3, 4, 5, 6, 7, 8, 9] and way[0, 0, :, 0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]


def test_linear_forecast_foresees_flight_and_not_a_jump():
    rng = np.random.default_rng(2)
    t = np.arange(20)
    paths = rng.uniform(-1, 1, (200, 1, 2)) + rng.uniform(-0.1, 0.1, (200, 1, 2)) * t[:, None]
    expect = linear_forecast(paths, 4, strength=1e-6)
    jumped = paths[:50].copy()
    jumped[:, 12:] += 0.5
    plain, there = expect(paths[:50])[0], expect(jumped)[0]
    assert plain.shape == (50, 16) and plain[:, 4:].max() < 0.01
    assert there[:, 8].min() > 0.3 and np.allclose(there[:, :8], plain[:, :8])


def fall(g, later, at=18, frames=36, noise=0.0, rng=None):
    """Free falls (N, T, 2) whose g becomes ``later`` after a frame."""
    t, since = np.arange(frames) * DT, np.maximum(np.arange(frames) - at, 0) * DT
    y = 8 + 6 * t - g[:, None] * t**2 / 2 - (later - g)[:, None] * since**2 / 2
    y = y + noise * (0 if rng is None else rng.standard_normal(y.shape))
    return np.stack([np.full_like(y, 2.0), y], -1)


def test_ideal_observer_scores_a_change_by_its_error():
    rng = np.random.default_rng(3)
    g = rng.uniform(2, 18, 300)
    none, little = (gravity_change(fall(g, g * by, noise=1e-3, rng=rng), DT) for by in (1, 1.1))
    assert np.quantile(none, 0.95) < 4  # the greatest of many standard normal numbers
    assert auroc(none[g > 5], little[g > 5]) > 0.98
    exact = gravity_change(fall(np.array([10.0]), np.array([10.0])), DT)
    assert exact == pytest.approx(0, abs=1e-6)


def test_ideal_observer_finds_no_flight_in_a_body_that_is_lost_or_bounces_on_every_frame():
    lost = np.full((1, 36, 2), np.nan)
    zigzag = np.stack([np.zeros(36), np.arange(36) % 2 * 0.3], -1)[None]
    assert gravity_change(np.concatenate([lost, zigzag]), DT).tolist() == [0, 0]
