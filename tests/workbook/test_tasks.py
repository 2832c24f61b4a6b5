"""The tasks' logs are as long as they may be, and the controls of a recorded seed are given what they should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel import control
from worldmodel.control import PixelEnv
from worldmodel.physics import WORLDS
from worldmodel.workbook import tasks
from worldmodel.workbook.scales import SCALES
from worldmodel.workbook.tasks import TASKS


def test_the_detectors_control_is_given_other_true_paths(lander, lander_model, monkeypatch):
    given, nothing = [], {name: np.zeros(1) for name in ("true", "dream", "windows.true", "windows.dream")}
    monkeypatch.setattr(tasks.evaluation, "tell_dreams", lambda *paths: given.append(paths) or nothing)
    torch.manual_seed(0)
    policy = control.Policy(lander_model.feature_size, 2, 8)
    tasks.Pupil(TASKS["lander"], 0, replace(SCALES["quick"], episodes=6), lander_model, lander).gap(policy)
    (true, valid, dream, _, _), (one, of_one, other, of_other, _) = given
    assert not np.array_equal(true[:, : dream.shape[1]], dream[:, : true.shape[1]])
    for part, start in ((one, 0), (other, 1)):
        np.testing.assert_array_equal(part, true[start::2])
    for part, start in ((of_one, 0), (of_other, 1)):
        np.testing.assert_array_equal(part, valid[start::2])


def test_dreams_to_learn_in_may_be_cut_off_early_and_those_to_be_examined_in_are_not(lander, lander_model):
    pupil = tasks.Pupil(replace(TASKS["lander"], spell=7), 0, SCALES["quick"], lander_model, lander)
    practice, whole = pupil.practice(), pupil.dreams()
    assert (practice.limit, practice.num_envs, whole.limit) == (7, SCALES["quick"].dreams, WORLDS["lander"].law.limit)
    assert tasks.Pupil(TASKS["lander"], 0, SCALES["quick"], lander_model, lander).practice().limit == whole.limit


@pytest.mark.parametrize("task", TASKS)
def test_a_log_keeps_within_its_frames(task, tmp_path, monkeypatch):
    if TASKS[task].world not in WORLDS:
        try:
            TASKS[task].env(1)
        except Exception as error:  # a missing package or driver shows in many ways
            pytest.skip(f"{task} cannot be entered here: {error}")
    # Gymnasium's worlds need not be drawn for this: who wanders sees no picture.
    monkeypatch.setattr(PixelEnv, "_look", lambda env: np.zeros((env.num_envs, 64, 64, 1), np.uint8))
    ends = TASKS[task].log(tmp_path).ends
    lived = (ends.cumsum(1) - ends == 0).sum()
    assert 10_000 < lived <= 20_000
