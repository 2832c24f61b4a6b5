"""Tests C and E: their measures against falls that are known, and the whole path on a model that was never trained."""

import numpy as np
import pytest
import torch

from worldmodel.evaluation import EvaluationSet, fall_freely, gravity_direction, open_sets, steer
from worldmodel.evaluation.causal import ASKED, drift, slope
from worldmodel.evaluation.falling import STEPS, fall_gravity, galileo
from worldmodel.evaluation.reports import squared_correlation
from worldmodel.model import WorldModel
from worldmodel.settings import generator


def falls(gravity, height=3.2, bounce=0.7):
    """Positions (N, 1 + STEPS, 2) of bodies of radius 0.25 m let go at ``height``, with one bounce after another."""
    t = np.arange(1 + STEPS) * 0.05
    path = np.full((len(gravity), len(t), 2), 2.0)
    for row, g in enumerate(gravity):
        y, v, out = height, 0.0, []
        for _ in t:
            out.append(y)
            for _ in range(1000):
                v -= g * 0.05 / 1000
                y += v * 0.05 / 1000
                if y < 0.25 and v < 0:
                    v = -bounce * v
        path[row, :, 1] = out
    return path


def test_the_parabola_up_to_the_contact_gives_g_back():
    gravity = np.array([1.0, 5.0, 9.81, 20.0, 30.0])
    np.testing.assert_allclose(fall_gravity(falls(gravity)), gravity, rtol=2e-3)


def test_a_fall_that_was_lost_is_nan():
    path = falls(np.array([9.81]))
    path[0, 3:] = np.nan
    assert np.isnan(fall_gravity(path)).all() and np.isnan(galileo(path)).all()


def test_galileo_is_one_for_uniform_acceleration_and_not_for_uniform_motion():
    np.testing.assert_allclose(galileo(falls(np.array([2.0, 9.81, 20.0]))), 1, atol=0.02)
    steady = falls(np.array([1.0]))
    steady[0, :, 1] = 3.2 - 0.1 * np.arange(1 + STEPS)
    assert galileo(steady)[0] == pytest.approx(0.25, abs=1e-6)


def test_slope_counts_only_what_was_asked_within_the_trained_range():
    read = np.array([2.0, 10.0, 19.0])
    moved = read[:, None] + 1.1 * np.array(ASKED)
    assert slope(read, moved, read) == pytest.approx(1.1)
    moved[0, 0], moved[2, 3] = 50, np.nan  # asked for -2 and for 23 m/s^2: neither counts
    assert slope(read, moved, read) == pytest.approx(1.1)


def test_drift_is_the_change_before_any_contact_as_a_share_of_the_range():
    gravity = np.array([2.0, 8.0, 24.0])
    plain, moved = (falls(gravity), np.tile([[0.2], [0.25], [0.3]], 11)), (falls(gravity + 4), np.full((3, 11), 0.25))
    moved[1][:] = plain[1] + [[0.0], [0.01], [0.0]]
    plain[0][..., 0], moved[0][..., 0] = [[1], [2], [3]], [[1.1], [2], [3]]
    moved[1][2, 9:] = 0.9  # the third has bounced by then, and does not count
    assert drift(plain, moved) == pytest.approx(np.array([[0.05, 0], [0, 0.1], [0, 0]]))
    moved[0][1, 4:] = np.nan
    assert drift(plain, moved)[1] == pytest.approx([1, 1])


def test_squared_correlation_is_that_of_a_line():
    truth = generator(0).normal(size=2000)
    assert squared_correlation(truth, 3 - 2 * truth) == pytest.approx(1)
    assert squared_correlation(truth, generator(1).normal(size=2000)) < 0.01


def test_an_untrained_model_is_measured_too_and_its_falls_know_no_g(tmp_path):
    sets = open_sets(root=tmp_path, share=0.05, progress=False)
    torch.manual_seed(0)
    model = WorldModel().eval()
    fell = fall_freely(model, sets["test"])
    assert len(fell["clips"]) == len(fell["g"]) > 5
    some = EvaluationSet(sets["test"].videos[:20], sets["test"].truth)
    found = steer(model, some, gravity_direction(model, sets), generator(0))
    assert found["asked"].shape == found["orthogonal"].shape == (len(found["clips"]), len(ASKED))
    assert (found["drift"] >= found["drift_x"]).all() and found["orthogonal_drift"].shape == found["clips"].shape
