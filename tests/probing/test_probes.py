import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from worldmodel.probing import median_relative_error, r2, ridge
from worldmodel.settings import ConfigError, generator


def linear_data(rng, n=300, d=12, noise=0.5):
    x = rng.normal(size=(n, d)) * np.logspace(-2, 2, d) + rng.normal(size=d) * 10
    y = StandardScaler().fit_transform(x) @ rng.normal(size=d) + 5 + noise * rng.normal(size=n)
    return x, y


@pytest.mark.parametrize("shape", [(300, 12), (40, 90)], ids=["tall", "wide"])
@pytest.mark.parametrize("strength", [1e-4, 1.0, 300.0])
def test_ridge_is_scikit_learns_on_standardised_features(shape, strength):
    x, y = linear_data(generator(0), *shape)
    scaler = StandardScaler().fit(x)
    oracle = Ridge(alpha=strength).fit(scaler.transform(x), y)
    probe = ridge(x, y, x, y, strengths=[strength])
    new = x + generator(1).normal(size=x.shape)
    np.testing.assert_allclose(probe.predict(new), oracle.predict(scaler.transform(new)), rtol=1e-6, atol=1e-6)
    assert (probe.n, probe.features, probe.strength) == (*shape, strength)


def test_strength_is_the_one_with_the_best_validation_r2():
    rng = generator(2)
    x, y = linear_data(rng, 130, 60, noise=4.0)  # noisy and nearly square: neither extreme is best
    parts = x[:70], y[:70], x[70:], y[70:]
    strengths = np.logspace(-6, 3, 10)
    scores = [r2(y[70:], ridge(*parts, strengths=[s]).predict(x[70:])) for s in strengths]
    probe = ridge(*parts)
    assert probe.strength == pytest.approx(strengths[np.argmax(scores)])
    assert strengths[0] < probe.strength < strengths[-1]
    assert r2(y[70:], probe.predict(x[70:])) == pytest.approx(max(scores))


def test_prediction_does_not_depend_on_an_affine_map_of_the_features():
    rng = generator(3)
    x, y = linear_data(rng, 200, 6)
    mapped = x / x.std(0) @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    plain, other = (ridge(f, y, f, y, strengths=[1e-9]).predict(f) for f in (x, mapped))
    np.testing.assert_allclose(plain, other, atol=1e-5)


def test_constant_and_rounded_columns_get_no_weight():
    rng = generator(4)
    x, y = linear_data(rng, 100, 3)
    flat = np.full((100, 1), 0.1)
    jitter = (7 + rng.integers(0, 2, (100, 1)) * 4e-7).astype(np.float32)  # one float32 step
    probe = ridge(np.hstack([x, flat, jitter]), y, np.hstack([x, flat, jitter]), y)
    assert np.all(probe.weights[3:] == 0) and np.all(probe.weights[:3] != 0)
    np.testing.assert_allclose(probe.predict(np.hstack([x, flat + 9, jitter])), ridge(x, y, x, y).predict(x))


def test_mean_and_scale_come_from_the_training_part_alone():
    x, y = linear_data(generator(5))
    first = ridge(x[:200], y[:200], x[200:], y[200:], strengths=[10.0])
    shifted = ridge(x[:200], y[:200], 3 * x[200:] + 40, y[200:], strengths=[10.0])
    np.testing.assert_array_equal(first.weights, shifted.weights)


@pytest.mark.parametrize("fault", ["nan", "length", "width", "strength", "empty"])
def test_ridge_refuses(fault):
    x, y = linear_data(generator(6), 20, 3)
    train_x, train_y, validation_x, strengths = x.copy(), y, x, [1.0]
    if fault == "nan":
        train_x[3, 1] = np.nan
    elif fault == "length":
        train_y = y[:-1]
    elif fault == "width":
        validation_x = x[:, :2]
    elif fault == "strength":
        strengths = [0.0]
    else:
        train_x, train_y = x[:0], y[:0]
    with pytest.raises(ConfigError):
        ridge(train_x, train_y, validation_x, y, strengths=strengths)


def test_r2_is_scikit_learns():
    rng = generator(7)
    y, guess = rng.normal(size=(2, 50))
    assert r2(y, guess) == pytest.approx(r2_score(y, guess))
    assert r2(y, y) == 1 and r2(y, np.full(50, y.mean())) == pytest.approx(0)
    assert np.isnan(r2(np.full(7, 0.1), guess[:7]))


def test_r2_of_several_predictions_is_the_mean_of_theirs():
    y, *guesses = generator(8).normal(size=(4, 50))
    assert r2(y, np.stack(guesses, 1)) == pytest.approx(np.mean([r2(y, guess) for guess in guesses]))


def test_median_relative_error():
    assert median_relative_error([1, 2, 4], [1.1, 2, 2]) == pytest.approx(0.1)
    assert np.isnan(median_relative_error([1, 2, 4], [1, 2, np.nan]))  # a lost body is no smaller error
