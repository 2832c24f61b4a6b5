"""Belief: a running weighted mean with a prior that counts once, in any order and in any pieces."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from worldmodel.model import Belief
from worldmodel.model.belief import PRIOR_WEIGHT, accumulate
from worldmodel.settings import ConfigError


def evidence(seed, frames, clips=3, constants=4):
    rng = torch.Generator().manual_seed(seed)
    shape = clips, frames, constants
    return 3 * torch.randn(shape, generator=rng), 2 * torch.rand(shape, generator=rng)


def oracle(guess, weight):
    """The posterior mean and weight after all of the evidence, in a plain float64 loop; the prior mean is 0."""
    clips, frames, constants = guess.shape
    mean, mass = np.zeros((clips, constants)), np.zeros((clips, constants))
    for b in range(clips):
        for k in range(constants):
            total, m = 0.0, PRIOR_WEIGHT
            for t in range(frames):
                total += float(weight[b, t, k]) * float(guess[b, t, k])
                m += float(weight[b, t, k])
            mean[b, k], mass[b, k] = total / m, m
    return mean, mass


def close(belief, mean, weight):
    torch.testing.assert_close(belief.mean, torch.as_tensor(mean, dtype=torch.float32), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(belief.weight, torch.as_tensor(weight, dtype=torch.float32), rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), frames=st.integers(1, 30))
def test_accumulate_is_the_weighted_mean_of_a_plain_loop(seed, frames):
    guess, weight = evidence(seed, frames)
    belief = accumulate(guess, weight)
    for t in (0, frames // 2, frames - 1):
        close(belief[:, t], *oracle(guess[:, : t + 1], weight[:, : t + 1]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), frames=st.integers(2, 30), data=st.data())
def test_evidence_in_two_pieces_gives_the_belief_of_one(seed, frames, data):
    guess, weight = evidence(seed, frames)
    cut = data.draw(st.integers(1, frames - 1))
    first = accumulate(guess[:, :cut], weight[:, :cut])
    carried = accumulate(guess[:, cut:], weight[:, cut:], first[:, -1])
    close(carried[:, -1], *oracle(guess, weight))
    merged = first[:, -1].merge(accumulate(guess[:, cut:], weight[:, cut:])[:, -1])
    close(merged, *oracle(guess, weight))


def test_merging_is_commutative_and_associative():
    a, b, c = (accumulate(*evidence(seed, 5))[:, -1] for seed in range(3))
    ab_c, cb_a = a.merge(b).merge(c), c.merge(b).merge(a)
    close(ab_c, cb_a.mean, cb_a.weight)


def test_no_evidence_leaves_a_belief_as_it_is():
    belief = accumulate(*evidence(0, 5))[:, -1]
    nothing = Belief(torch.zeros(3, 4), torch.full((3, 4), PRIOR_WEIGHT))
    close(belief.merge(nothing), belief.mean, belief.weight)
    close(nothing.merge(nothing), nothing.mean, nothing.weight)  # the prior counts once, however often it is merged


def test_frames_without_weight_change_nothing():
    guess, weight = evidence(1, 6)
    weight[:, 3:] = 0
    belief = accumulate(guess, weight)
    close(belief[:, 5], belief[:, 2].mean, belief[:, 2].weight)


def test_beliefs_over_other_constants_are_not_merged():
    with pytest.raises(ConfigError, match="4 and 5 constants"):
        accumulate(*evidence(0, 3)).merge(accumulate(*evidence(0, 3, constants=5)))


def test_a_belief_comes_back_from_its_file(tmp_path):
    belief = Belief(torch.randn(2, 3), torch.rand(2, 3))
    belief.save(tmp_path / "belief.npz")
    again = Belief.load(tmp_path / "belief.npz")
    assert torch.equal(again.mean, belief.mean) and torch.equal(again.weight, belief.weight)
