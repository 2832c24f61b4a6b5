"""The detector: chance where there is nothing to tell, near 1 where dreams tremble, and its score goes with what is wrong."""

import numpy as np
import pytest

from worldmodel.evaluation import explained, gap_where_real, tell_dreams, told_apart

VALID = np.ones((60, 20), bool)


def walks(rng, noise=0.0, n=60):
    """Paths (n, 20, 2) of even speed; noise is n numbers or one."""
    start, speed = rng.normal(size=(2, n, 1, 2))
    return start + 0.1 * speed * np.arange(20)[:, None] + rng.normal(size=(n, 20, 2)) * np.reshape(noise, (-1, 1, 1))


def test_no_difference_is_chance_and_a_tremble_is_seen():
    rng = np.random.default_rng(0)
    same = tell_dreams(walks(rng), VALID, walks(rng), VALID)
    shaken = tell_dreams(walks(rng), VALID, walks(rng, 0.3), VALID)
    assert told_apart(same["windows.true"], same["windows.dream"]) == pytest.approx(0.5, abs=0.1)
    assert told_apart(shaken["windows.true"], shaken["windows.dream"]) > 0.95


def test_moments_after_the_end_are_not_seen():
    rng, valid = np.random.default_rng(1), VALID.copy()
    valid[:, 10:], true, dream = False, walks(rng), walks(rng)
    dream[:, 10:] = 1e3
    told = tell_dreams(true, valid, dream, valid)
    assert np.isfinite(told["windows.dream"]).sum() == 60 * 7
    assert told_apart(told["windows.true"], told["windows.dream"]) == pytest.approx(0.5, abs=0.15)
    assert np.isnan(told_apart(np.full((3, 2), np.nan), told["windows.dream"]))
    valid[0] = False
    assert np.isnan(tell_dreams(true, valid, dream, valid)["dream"][0])


def test_the_score_explains_a_gap_that_comes_with_what_it_sees_and_no_other():
    rng = np.random.default_rng(2)
    noise = np.repeat([0.0, 0.2], 30)
    told = tell_dreams(walks(rng), VALID, walks(rng, noise), VALID)
    true, flattered = rng.normal(size=60), rng.normal(size=60)
    assert explained(told["dream"], true, true + 10 * noise) > 0.7
    assert abs(explained(told["dream"], true, true + flattered)) < 0.35
    everywhere, where_real = gap_where_real(told["dream"], true, true + 10 * noise)
    assert everywhere == pytest.approx(1.0) and where_real < 0.2


def test_where_no_dream_lasted_long_enough_there_is_no_number():
    none, returns = np.full(5, np.nan), np.arange(5.0)
    assert np.isnan(explained(none, returns, -returns)) and np.isnan(gap_where_real(none, returns, -returns)).all()
