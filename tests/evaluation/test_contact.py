"""Contacts are read where they can be, and not by a probe whose labels were permuted; only what is left of an episode counts."""

import numpy as np
import pytest
import torch

from worldmodel import Film, film
from worldmodel.evaluation import contact_auroc, read_contacts
from worldmodel.model import LatentState
from worldmodel.model.belief import Belief
from worldmodel.videos.truth import truth


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return film(Film("catcher", clips=120, frames=48), tmp_path_factory.mktemp("log"), progress=False)


class Knowing:
    """A stand-in for a model whose states are the true ones, in the order of the log."""

    def __init__(self, videos, names):
        true, self.at = truth(videos), 0
        self.states = np.concatenate([true[name].reshape(*true[name].shape[:2], -1) for name in names], -1)

    def observe(self, frames, actions):
        values = torch.from_numpy(self.states[self.at : self.at + len(frames)])
        self.at += len(frames)
        nothing = values[..., :0]
        return LatentState(values, nothing, nothing, Belief(nothing, nothing), nothing, nothing)


def test_true_states_tell_of_contacts_and_permuted_labels_do_not(log):
    found = read_contacts(Knowing(log, ("position", "velocity", "paddle")), log)
    assert found["label"].shape == (60, 48) and 20 < found["label"].sum()
    assert contact_auroc(found["label"], found["valid"], found["score"]) > 0.95
    assert 0.1 < contact_auroc(found["label"], found["valid"], found["shuffled"]) < 0.9


def test_a_state_that_holds_nothing_tells_nothing(log):
    found = read_contacts(Knowing(log, ("touched",)), log)
    assert contact_auroc(found["label"], found["valid"], found["score"]) < 0.9


def test_frames_after_the_end_do_not_count():
    label = np.array([[False, True, True]])
    valid, score = np.array([[True, True, False]]), np.array([[0.0, 1.0, -5.0]])
    assert contact_auroc(label, valid, score) == 1
