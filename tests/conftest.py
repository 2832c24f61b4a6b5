"""What several rooms' tests share: one thread, tiny recordings, and a tiny model trained for a few steps."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch

from worldmodel.model import WorldModelConfig
from worldmodel.training import FitConfig, fit
from worldmodel.videos import Film, film

torch.set_num_threads(1)
WIDTHS = {"encoder_width": 8, "decoder_width": 8, "dynamics_width": 16}
SIZES = WorldModelConfig(points=2, anchors=1, vector=2, constants=3, **WIDTHS)
FIT = FitConfig(find_steps=6, find_clips=4, predict_steps=6, predict_clips=8, starts=2, horizon=4, save_every=4)


@pytest.fixture(scope="session")
def sizes():
    return SIZES


@pytest.fixture(scope="session")
def tiny_fit():
    return FIT


@pytest.fixture(scope="session")
def ball(tmp_path_factory):
    """30 clips of 12 frames, which were never acted in."""
    return film(Film("ball", 30, 12), tmp_path_factory.mktemp("ball"), progress=False)


@pytest.fixture(scope="session")
def lander(tmp_path_factory):
    """30 clips of 24 frames with actions, rewards and ends; many end on the way."""
    return film(Film("lander", 30, 24), tmp_path_factory.mktemp("lander"), progress=False)


@pytest.fixture(scope="session")
def lander_model(lander):
    """A world model that knows actions, rewards and ends, barely trained."""
    return fit(lander, FIT, SIZES, progress=False)
