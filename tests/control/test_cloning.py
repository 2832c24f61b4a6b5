"""Behaviour cloning on a log whose pilot is known."""

import numpy as np
import torch

from worldmodel.control.cloning import clone


def test_a_clone_acts_as_a_pilot_whose_rule_is_in_the_features(lander_model):
    rng = torch.Generator().manual_seed(0)
    points = torch.randn(60, 20, 2 * lander_model.config.points, generator=rng)
    actions = torch.zeros(60, 20, 2)
    actions[:, 1:] = 0.9 * torch.tanh(points[:, :-1, :2])  # the action that led to a frame follows from the frame before
    clips = {"points": points, "appearance": torch.zeros(60, 20, lander_model.config.appearance), "actions": actions}
    clips["valid"] = torch.ones(60, 20)
    policy = clone(lander_model, clips, steps=400, batch=256, progress=False)
    with torch.no_grad():
        features = lander_model.track(points, clips["appearance"], actions).vector()
    asked = policy.act(features[:, 5:-1])
    assert ((asked - actions[:, 6:]) ** 2).mean() < 0.05 * actions[:, 6:].var()


def test_the_same_seed_clones_the_same(lander_model, lander):
    one, other = (clone(lander_model, lander, steps=5, batch=64, progress=False) for _ in range(2))
    seen = np.random.default_rng(0).normal(size=(4, lander_model.feature_size)).astype(np.float32)
    np.testing.assert_array_equal(one.act(seen), other.act(seen))
