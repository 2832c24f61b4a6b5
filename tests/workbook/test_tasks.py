"""How a recorded seed is examined: what its controls are given."""

from dataclasses import replace

import numpy as np
import torch

from worldmodel import control
from worldmodel.workbook import tasks
from worldmodel.workbook.scales import SCALES


def test_the_detectors_control_is_given_other_true_paths(lander, lander_model, monkeypatch):
    given, nothing = [], {name: np.zeros(1) for name in ("true", "dream", "windows.true", "windows.dream")}
    monkeypatch.setattr(tasks.evaluation, "tell_dreams", lambda *paths: given.append(paths) or nothing)
    torch.manual_seed(0)
    policy = control.Policy(lander_model.feature_size, 2, 8)
    tasks.Pupil(tasks.TASKS["lander"], 0, replace(SCALES["quick"], episodes=6), lander_model, lander).gap(policy)
    (true, valid, dream, _, _), (one, of_one, other, of_other, _) = given
    assert not np.array_equal(true[:, : dream.shape[1]], dream[:, : true.shape[1]])
    for part, start in ((one, 0), (other, 1)):
        np.testing.assert_array_equal(part, true[start::2])
    for part, start in ((of_one, 0), (of_other, 1)):
        np.testing.assert_array_equal(part, valid[start::2])
