"""A path that is in the log is not new; one that is moved away is as new as it was moved; a clip is not compared with itself."""

import numpy as np

from worldmodel.evaluation import novelty


def test_distance_to_the_nearest_stretch_of_the_log():
    rng = np.random.default_rng(0)
    log, valid = rng.normal(size=(20, 30, 4)), np.ones((20, 30), bool)
    np.testing.assert_allclose(novelty(log[:3], valid[:3], log, valid), 0, atol=1e-6)
    late = log[:3, 7:25]  # found wherever it lies
    np.testing.assert_allclose(novelty(late, valid[:3, 7:25], log, valid), 0, atol=1e-6)
    np.testing.assert_allclose(novelty(log[:3] + 0.01, valid[:3], log, valid), 0.01, rtol=1e-6)


def test_a_clip_of_the_log_is_compared_with_the_others():
    rng = np.random.default_rng(1)
    log, valid = rng.normal(size=(20, 30, 4)), np.ones((20, 30), bool)
    log[5] = log[4] + 0.1
    own = np.array([4, 9])
    near, far = novelty(log[own], valid[own], log, valid, own=own)
    np.testing.assert_allclose(near, 0.1, rtol=1e-6)
    assert far > 0.5


def test_what_comes_after_the_end_is_not_looked_at():
    log, valid = np.zeros((3, 30, 2)), np.ones((3, 30), bool)
    path, lived = np.zeros((2, 30, 2)), np.zeros((2, 30), bool)
    path[:, 15:], lived[0, :15] = 9.0, True
    found = novelty(path, lived, log, valid)
    assert found[0] == 0 and np.isnan(found[1])
