"""Training that is cut off, killed, spoiled or run twice: it goes on bit for bit, or stops and says at which step and clips."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

import worldmodel
from worldmodel.files import held
from worldmodel.model import WorldModel
from worldmodel.model.objectives import find_loss
from worldmodel.settings import CheckpointError, ConfigError, DataError, TrainingDiverged
from worldmodel.training import encode_all, fit, load
from worldmodel.videos import Videos
from worldmodel.videos.store import save_manifest, save_shard

loop = import_module("worldmodel.training.loop")


def train(videos, config, sizes, out):
    return fit(videos, config, sizes, out, device="cpu", progress=False)


def remains(folder):
    """All that a run leaves, but for its seconds. The manifest has the sha256 of weights and optimisers.

    There is no generator to compare: what a step draws follows from the seed and its number.
    """
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return json.loads((folder / "manifest.json").read_text()), [line | {"seconds": 0} for line in log]


def step_of(folder):
    return json.loads((folder / "manifest.json").read_text())["step"]


@pytest.fixture(scope="module")
def whole(lander, tiny_fit, sizes, tmp_path_factory):
    """What is left of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    train(lander, tiny_fit, sizes, folder)
    return remains(folder)


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
def test_a_run_that_was_stopped_goes_on_bit_for_bit(lander, tiny_fit, sizes, whole, fault, tmp_path, step, number):
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with fault(f"training: {number.name} within an update"):
        with pytest.raises(KeyboardInterrupt), Stop(step, number):
            train(lander, tiny_fit, sizes, tmp_path)
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
        assert step_of(tmp_path) == step
        train(lander, tiny_fit, sizes, tmp_path)
        assert remains(tmp_path) == whole


def test_a_stop_before_the_update_counts_that_step_as_not_done(lander, tiny_fit, sizes, whole, fault, tmp_path, monkeypatch):
    calls = []

    def stopped(*args):
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)
        return find_loss(*args)

    monkeypatch.setattr(loop, "find_loss", stopped)
    with fault("training: SIGTERM before an update"):
        with pytest.raises(KeyboardInterrupt):
            train(lander, tiny_fit, sizes, tmp_path)
        assert step_of(tmp_path) == 3
        train(lander, tiny_fit, sizes, tmp_path)
        assert remains(tmp_path) == whole


def test_the_log_of_a_run_that_crashed_between_checkpoints_says_nothing_twice(
    ball, tiny_fit, sizes, fault, tmp_path, monkeypatch
):
    """Steps after the last checkpoint are taken again, and were in the log already; half a line was left by the crash."""
    config = replace(tiny_fit, find_steps=55, predict_steps=1, save_every=40)
    train(ball, config, sizes, tmp_path / "whole")
    calls = []

    def crashes(*args):
        calls.append(1)
        return find_loss(*args) if len(calls) < 53 else 1 / 0

    with fault("training: a crash after lines that no checkpoint has"):
        monkeypatch.setattr(loop, "find_loss", crashes)
        with pytest.raises(ZeroDivisionError):
            train(ball, config, sizes, tmp_path / "cut")
        monkeypatch.undo()
        with open(tmp_path / "cut" / "log.jsonl", "a") as log:
            assert step_of(tmp_path / "cut") == 40 and log.tell() > 0
            log.write('{"step": 5')
        train(ball, config, sizes, tmp_path / "cut")
        assert remains(tmp_path / "cut") == remains(tmp_path / "whole")


# One process imports torch once; its children are the runs that are ended.
ENDED = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
from worldmodel.model import WorldModelConfig
from worldmodel.training import FitConfig, fit
from worldmodel.videos import Videos

torch.set_num_threads(1)
videos, config, sizes, out = (json.loads(text) for text in sys.argv[1:])
videos, config, sizes, rng = Videos.open(videos), FitConfig(**config), WorldModelConfig(**sizes), random.Random(0)
signal.signal(signal.SIGINT, signal.default_int_handler)
for number, name in enumerate(["SIGTERM", "SIGINT", "SIGKILL", "SIGKILL"]):
    folder = Path(out) / f"{number}-{name}"
    child = os.fork()
    if not child:
        try:
            fit(videos, config, sizes, folder, "cpu", progress=False)
        except KeyboardInterrupt:
            os._exit(130)
        os._exit(0)
    while not (folder / "manifest.json").exists():
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it had saved anything"
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.2))
    os.kill(child, getattr(signal, name))
    status = os.waitpid(child, 0)[1]
    print(name, os.WTERMSIG(status) or os.WEXITSTATUS(status))
"""


def test_a_process_ended_by_a_signal_goes_on_bit_for_bit(lander, tiny_fit, sizes, fault, tmp_path):
    config = replace(tiny_fit, find_steps=60, predict_steps=2, save_every=7)
    environment = os.environ | {"PYTHONPATH": str(Path(worldmodel.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    settings = [str(lander.path), asdict(config), asdict(sizes), str(tmp_path)]
    command = [sys.executable, "-c", ENDED, *map(json.dumps, settings)]
    done = subprocess.run(command, env=environment, timeout=300, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:-1] == ["SIGTERM 130", "SIGINT 130", "SIGKILL 9", "SIGKILL 9"], done.stderr
    train(lander, config, sizes, tmp_path / "whole")
    for folder in sorted(tmp_path.glob("*-SIG*")):
        with fault(f"training: {folder.name[2:]} to a process"):
            assert 0 < step_of(folder) < 60
            load(folder)
            train(lander, config, sizes, folder)
            assert remains(folder) == remains(tmp_path / "whole")


@pytest.mark.parametrize("phase, step", [("find", 5), ("predict", 11)])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_ends_the_run(
    lander, tiny_fit, sizes, fault, tmp_path, monkeypatch, phase, step, what
):
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
    told = fault(f"training: a {what} that is not finite")
    with told, pytest.raises(TrainingDiverged, match=rf"step {step} \({phase}\).*clips \["):
        train(lander, replace(tiny_fit, save_every=1), sizes, tmp_path)
    load(tmp_path)
    assert step_of(tmp_path) == step


def test_a_log_with_a_nan_reward_ends_the_run_and_leaves_the_checkpoint(tiny_fit, sizes, fault, tmp_path):
    rng = np.random.default_rng(0)
    log = {
        "actions": rng.uniform(-1, 1, (6, 12, 2)),
        "rewards": np.full((6, 12), np.nan),
        "ends": np.zeros((6, 12), bool),
    }
    shard = save_shard(tmp_path, 0, 6, [rng.integers(0, 256, (6, 12, 64, 64, 1), np.uint8)], log)
    videos = save_manifest(tmp_path, (12, 64, 64, 1), 20, [shard], 2)
    with fault("training: NaN rewards"), pytest.raises(TrainingDiverged, match=r"step 6 \(predict\).*clips \["):
        train(videos, tiny_fit, sizes, tmp_path / "run")
    assert load(tmp_path / "run").config.rewards


def test_a_damaged_checkpoint_is_not_carried_on(lander, tiny_fit, sizes, fault, tmp_path):
    train(lander, replace(tiny_fit, find_steps=2, predict_steps=0), sizes, tmp_path)
    (weights,) = tmp_path.glob("weights*")
    weights.write_bytes(weights.read_bytes()[:-1])
    with fault("training: a damaged checkpoint to go on from"), pytest.raises(CheckpointError, match="sha256"):
        train(lander, replace(tiny_fit, find_steps=2, predict_steps=0), sizes, tmp_path)


def test_latents_that_are_not_finite_are_refused(ball, sizes, fault):
    model = WorldModel(sizes)
    torch.nn.init.constant_(model.encoder.sharpness, math.nan)
    told = re.escape("latents are not finite; clips [0, 1, 2,")
    with fault("training: latents that are not finite"), pytest.raises(TrainingDiverged, match=told):
        encode_all(model, ball)


def test_frames_that_could_be_nan_are_not_taken(ball, sizes, fault, tmp_path):
    """Frames are bytes, which are never NaN; floats are refused before training sees them."""
    frames = np.full((4, 12, 64, 64, 1), np.nan, np.float32)
    shard = save_shard(tmp_path, 0, 4, [np.zeros(frames.shape, np.uint8)])
    save_manifest(tmp_path, frames.shape[1:], 20, [shard])
    np.save(tmp_path / shard["frames"], frames)
    with fault("training: NaN frames", 2):
        with pytest.raises(DataError, match=r"frames-00000\.npy: holds float32"):
            Videos.open(tmp_path)
        with pytest.raises(ConfigError, match="frames .*float32"):
            WorldModel(sizes).features(frames)


def test_a_second_run_in_the_same_folder_is_refused(ball, tiny_fit, sizes, fault, tmp_path):
    train(ball, replace(tiny_fit, find_steps=1, predict_steps=0), sizes, tmp_path)
    before = remains(tmp_path)
    with fault("training: two runs in one folder"), held(tmp_path / "log.jsonl"):  # locks of one process also exclude each other
        with pytest.raises(ConfigError, match="another process is training here"):
            train(ball, replace(tiny_fit, find_steps=1, predict_steps=0), sizes, tmp_path)
    assert remains(tmp_path) == before
