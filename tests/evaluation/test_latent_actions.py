"""Of latent actions that are the real ones all is read, and each code moves the body one way; with noise none of it holds."""

from types import SimpleNamespace

import numpy as np
import pytest

from worldmodel import Film, film
from worldmodel.evaluation import CODES, actions_r2, one_way, push, read_latent_actions


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return film(Film("catcher", clips=60, frames=24), tmp_path_factory.mktemp("log"), progress=False)


def latent(videos, values):
    ends = videos.ends
    told = (np.cumsum(ends, 1) - ends == 0) & (np.arange(24) >= 3)
    noise = np.random.default_rng(1).normal(size=values.shape)
    return SimpleNamespace(values=values, told=told, acceleration=noise, surprise=noise)


def test_the_real_actions_are_read_from_themselves_and_from_nothing_else(log):
    found = read_latent_actions(latent(log, -log.actions), log)
    score = {key: actions_r2(found["told"], found["real"], found[key]) for key in found if key.startswith("read")}
    assert score["read"] > 0.999
    assert all(score[key] < 0.1 for key in ("read.shuffled", "read.acceleration", "read.surprise"))


def test_codes_of_the_real_actions_push_the_paddle_one_way_each_and_random_ones_do_not(log):
    found = read_latent_actions(latent(log, log.actions), log)
    code, change = np.where(found["told"], found["code"][..., 0], -1), found["change"][..., 0]
    pushes = [push(code, change, which) for which in range(CODES)]
    assert pushes == sorted(pushes) and pushes[0] < -0.2 and pushes[-1] > 0.2  # px/frame^2
    assert one_way(code, change) > 0.7 and one_way(np.where(code < 0, -1, CODES - 1 - code), change) > 0.7
    mixed = np.where(found["told"], np.random.default_rng(0).integers(0, CODES, code.shape), -1)
    assert one_way(mixed, change) < 0.65


def test_a_code_that_never_came_has_no_push():
    assert np.isnan(push(np.zeros((2, 2), int), np.ones((2, 2)), 1))
