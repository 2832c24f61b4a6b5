"""Training: the same bytes from the same seed, whatever interrupts it; what cannot be trained is refused, by name."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

import worldmodel
from worldmodel.model import WorldModel
from worldmodel.model.objectives import find_loss, predict_loss
from worldmodel.settings import CheckpointError, ConfigError, TrainingDiverged
from worldmodel.training import FitConfig, encode_all, fit, load
from worldmodel.videos.store import save_manifest, save_shard

loop = import_module("worldmodel.training.loop")


def train(videos, config, sizes, out=None):
    return fit(videos, config, sizes, out, device="cpu", progress=False)


def same_weights(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.fixture(scope="module")
def uninterrupted(lander, tiny_fit, sizes, tmp_path_factory):
    return train(lander, tiny_fit, sizes, tmp_path_factory.mktemp("whole"))


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(lander, tiny_fit, sizes, lander_model, uninterrupted):
    assert same_weights(lander_model, uninterrupted)
    assert not same_weights(uninterrupted, train(lander, replace(tiny_fit, seed=1), sizes))


def test_what_torch_drew_before_does_not_matter(lander, tiny_fit, sizes, uninterrupted):
    torch.manual_seed(1234), torch.rand(7)
    assert same_weights(train(lander, tiny_fit, sizes), uninterrupted)


def test_the_shape_of_frames_and_log_comes_from_the_videos(ball, tiny_fit, sizes, uninterrupted):
    assert (uninterrupted.config.actions, uninterrupted.config.rewards, uninterrupted.config.size) == (2, True, 64)
    watched = train(ball, replace(tiny_fit, find_steps=1, predict_steps=1), replace(sizes, actions=5, rewards=True, size=32))
    assert watched.config == replace(sizes, actions=0, rewards=False, size=64)


def test_both_losses_fall(ball, tiny_fit, sizes):
    def losses(find_steps, predict_steps):
        model = train(ball, replace(tiny_fit, find_steps=find_steps, predict_steps=predict_steps, straighten=0.0), sizes)
        clips, starts = encode_all(model, ball), torch.arange(2, 7).expand(len(ball), -1)
        frames = torch.from_numpy(ball.frames)
        found = find_loss(model, frames, frames[:, -1:], 0.0)["loss"]
        return found.item(), predict_loss(model, clips, starts, starts, 4)["loss"].item()

    untrained, found, foretold = losses(0, 0), losses(60, 0), losses(60, 120)
    assert found[0] < 0.85 * untrained[0]
    assert foretold[0] == found[0] and foretold[1] < 0.8 * found[1]


def test_the_log_has_a_line_every_fifty_steps_and_at_the_end_of_a_phase(ball, tiny_fit, sizes, tmp_path):
    train(ball, replace(tiny_fit, find_steps=55, predict_steps=2), sizes, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["phase"]) for line in lines] == [(50, "find"), (55, "find"), (57, "predict")]
    assert all(math.isfinite(line["loss"]) and line["seconds"] >= 0 for line in lines)


class Stop:
    """A signal that arrives in the n-th update, when AdamW has stepped and Muon has not, before the loop has counted it."""

    def __init__(self, step, number):
        self.left, self.number = step, number

    def __enter__(self):
        self.hook = register_optimizer_step_post_hook(self)

    def __exit__(self, *_):
        self.hook.remove()

    def __call__(self, optimizer, *_):
        self.left -= isinstance(optimizer, torch.optim.AdamW)
        if self.left == 0 and isinstance(optimizer, torch.optim.AdamW):
            signal.raise_signal(self.number)


@pytest.fixture(autouse=True)
def interruptible():
    """A program that was started in the background may have been told to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("step", [1, 3, 6, 7, 10, 12], ids="after step {}".format)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(lander, tiny_fit, sizes, uninterrupted, tmp_path, step, number):
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Stop(step, number):
        train(lander, tiny_fit, sizes, tmp_path)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    assert json.loads((tmp_path / "manifest.json").read_text())["step"] == step
    assert same_weights(train(lander, tiny_fit, sizes, tmp_path), uninterrupted)
    assert same_weights(load(tmp_path), uninterrupted)


def test_a_stop_before_the_update_counts_that_step_as_not_done(lander, tiny_fit, sizes, uninterrupted, tmp_path, monkeypatch):
    calls = []

    def stopped(*args):
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)
        return find_loss(*args)

    monkeypatch.setattr(loop, "find_loss", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(lander, tiny_fit, sizes, tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["step"] == 3
    assert same_weights(train(lander, tiny_fit, sizes, tmp_path), uninterrupted)


def test_a_finished_run_is_opened_without_a_step(lander, tiny_fit, sizes, uninterrupted, tmp_path, monkeypatch):
    train(lander, tiny_fit, sizes, tmp_path)
    monkeypatch.setattr(loop, "find_loss", None)
    monkeypatch.setattr(loop, "predict_loss", None)
    assert same_weights(train(lander, tiny_fit, sizes, tmp_path), uninterrupted)


TRAIN = """
import sys, torch
from worldmodel.model import WorldModelConfig
from worldmodel.training import FitConfig, fit
from worldmodel.videos import Videos
torch.set_num_threads(1)
fit(Videos.open(sys.argv[1]), eval(sys.argv[2]), eval(sys.argv[3]), sys.argv[4], "cpu", progress=False)
"""


def process(videos, config, sizes, out):
    environment = os.environ | {"PYTHONPATH": str(Path(worldmodel.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAIN, str(videos.path), repr(config), repr(sizes), str(out)]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while not (out / "manifest.json").exists():
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.002)
    return running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_a_process_ended_by_a_signal_goes_on_bit_for_bit(lander, tiny_fit, sizes, tmp_path, number):
    config = replace(tiny_fit, find_steps=60, predict_steps=10, save_every=7)
    running = process(lander, config, sizes, tmp_path / "cut")
    running.send_signal(number)
    assert "Error" not in running.communicate(timeout=60)[1]
    assert running.returncode == {signal.SIGTERM: -signal.SIGINT, signal.SIGKILL: -signal.SIGKILL}[number]
    load(tmp_path / "cut")
    assert 0 < json.loads((tmp_path / "cut" / "manifest.json").read_text())["step"] < 60
    resumed = train(lander, config, sizes, tmp_path / "cut")
    assert same_weights(resumed, train(lander, config, sizes))


@pytest.mark.parametrize("phase, step", [("find", 5), ("predict", 11)])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_ends_the_run(lander, tiny_fit, sizes, tmp_path, monkeypatch, phase, step, what):
    """The sixth step of a phase goes wrong; the checkpoint after the fifth is still there and good."""
    seen, real = [], getattr(loop, f"{phase}_loss")

    def spoiled(*args):
        losses = real(*args)
        seen.append(1)
        if len(seen) == 6:
            zero = losses["loss"] - losses["loss"].detach()
            losses["loss"] = losses["loss"] * math.nan if what == "loss" else losses["loss"] + torch.sqrt(zero)  # slope inf at 0
        return losses

    monkeypatch.setattr(loop, f"{phase}_loss", spoiled)
    with pytest.raises(TrainingDiverged, match=rf"step {step} \({phase}\).*clips \["):
        train(lander, replace(tiny_fit, save_every=1), sizes, tmp_path)
    load(tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["step"] == step


def test_a_log_with_a_nan_reward_ends_the_run_and_leaves_the_checkpoint(tiny_fit, sizes, tmp_path):
    rng = np.random.default_rng(0)
    log = {
        "actions": rng.uniform(-1, 1, (6, 12, 2)),
        "rewards": np.full((6, 12), np.nan),
        "ends": np.zeros((6, 12), bool),
    }
    shard = save_shard(tmp_path, 0, 6, [rng.integers(0, 256, (6, 12, 64, 64, 1), np.uint8)], log)
    videos = save_manifest(tmp_path, (12, 64, 64, 1), 20, [shard], 2)
    with pytest.raises(TrainingDiverged, match=r"step 6 \(predict\)"):
        train(videos, tiny_fit, sizes, tmp_path / "run")
    assert load(tmp_path / "run").config.rewards


@pytest.mark.parametrize("change", [{"seed": 1}, {"predict_steps": 8}, {"find_rate": 1e-3}], ids=str)
def test_a_run_with_other_settings_is_not_carried_on(lander, tiny_fit, sizes, tmp_path, change):
    config = replace(tiny_fit, find_steps=1, predict_steps=0)
    train(lander, config, sizes, tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        train(lander, replace(config, **change), sizes, tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        train(lander, config, replace(sizes, constants=4), tmp_path)


def test_a_damaged_checkpoint_is_not_carried_on(lander, tiny_fit, sizes, tmp_path):
    train(lander, replace(tiny_fit, find_steps=2, predict_steps=0), sizes, tmp_path)
    (weights,) = tmp_path.glob("weights*")
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="sha256"):
        train(lander, replace(tiny_fit, find_steps=2, predict_steps=0), sizes, tmp_path)


@pytest.mark.parametrize("change", [{"horizon": 10}, {"find_frames": 13}], ids=str)
def test_clips_too_short_for_the_horizon_are_refused(ball, tiny_fit, sizes, change):
    with pytest.raises(ConfigError, match="12 frames: training needs clips of 13"):
        train(ball, replace(tiny_fit, **change), sizes)
    with pytest.raises(ConfigError, match="0 clips"):
        train(ball[:0], tiny_fit, sizes)


def test_clips_just_long_enough_will_do(ball, tiny_fit, sizes):
    train(ball, replace(tiny_fit, horizon=9, find_frames=12, find_steps=2, predict_steps=2), sizes)


@pytest.mark.parametrize("name", [name for name, value in asdict(FitConfig()).items() if not isinstance(value, bool)])
def test_a_setting_that_makes_no_sense_is_refused_by_name(name):
    for value in (-1, math.nan, 1e12):
        with pytest.raises(ConfigError, match=name):
            replace(FitConfig(), **{name: value})


def test_encoded_clips_are_valid_up_to_the_end_of_their_episode(lander, lander_model):
    clips, ends = encode_all(lander_model, lander, batch=7), lander.ends
    assert ends.any()
    for clip in range(len(lander)):
        length = int(np.argmax(ends[clip])) + 1 if ends[clip].any() else ends.shape[1]
        assert clips["valid"][clip, :length].all() and not clips["valid"][clip, length:].any()
    torch.testing.assert_close(clips["points"], lander_model.encode(lander.frames)[0])
    np.testing.assert_array_equal(clips["actions"], lander.actions)


def test_latents_that_are_not_finite_are_refused(ball, sizes):
    model = WorldModel(sizes)
    torch.nn.init.constant_(model.encoder.sharpness, math.nan)
    with pytest.raises(TrainingDiverged, match="latents"):
        encode_all(model, ball)
