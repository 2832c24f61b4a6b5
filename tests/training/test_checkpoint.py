"""Saved models come back bit for bit. What damage, kills and strangers do to them is in tests/faults."""

import json

import numpy as np
import pytest
import torch

from worldmodel.model import WorldModel
from worldmodel.training import load, save
from worldmodel.training.checkpoint import load_optimizers
from worldmodel.training.optimizer import optimizers


@pytest.fixture
def saved(tmp_path, sizes):
    torch.manual_seed(0)
    return save(WorldModel(sizes), tmp_path / "run", step=7, note="hello")


def test_a_model_comes_back_bit_for_bit(saved, sizes):
    torch.manual_seed(0)
    model, back = WorldModel(sizes), load(saved)
    assert back.config == sizes and not back.training
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in model.state_dict().items())
    frames = np.random.default_rng(0).integers(0, 256, (2, 6, 64, 64, 1), np.uint8)
    np.testing.assert_array_equal(model.eval().features(frames), back.features(frames))
    assert json.loads((saved / "manifest.json").read_text())["about"] == {"note": "hello"}


def test_the_optimisers_come_back_and_step_on_alike(tmp_path, sizes):
    torch.manual_seed(0)
    model = WorldModel(sizes)

    def step(net, of):
        for one in of:
            one.zero_grad()
        sum((p**3).sum() for p in net.dynamics.parameters()).backward()
        for one in of:
            one.step()

    mine = optimizers(list(model.dynamics.parameters()), 1e-2, 1e-4)
    step(model, mine)
    save(model, tmp_path, 1, mine)
    back = load(tmp_path)
    again = optimizers(list(back.dynamics.parameters()), 1e-2, 1e-4)
    load_optimizers(tmp_path, again)
    step(model, mine), step(back, again)
    assert all(torch.equal(a, b) for a, b in zip(model.dynamics.parameters(), back.dynamics.parameters()))


def test_a_later_save_leaves_nothing_of_the_earlier_one(saved):
    model = load(saved)
    (saved / ".weights-0000007-abcdef01.safetensors.999").write_bytes(b"left behind by a kill")
    with torch.no_grad():
        model.encoder.sharpness += 1
    save(model, saved, step=8)
    assert sorted(p.suffix for p in saved.iterdir()) == [".json", ".safetensors"]
    assert load(saved).encoder.sharpness == model.encoder.sharpness
