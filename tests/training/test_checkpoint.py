"""Saved models: back bit for bit, refused by name where damaged, and never lost to a kill."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import worldmodel
from worldmodel.model import WorldModel
from worldmodel.settings import CheckpointError
from worldmodel.training import load, save
from worldmodel.training.checkpoint import load_optimizers
from worldmodel.training.optimizer import optimizers


@pytest.fixture
def saved(tmp_path, sizes):
    torch.manual_seed(0)
    return save(WorldModel(sizes), tmp_path / "run", step=7, note="hello")


def weights_file(folder):
    (file,) = folder.glob("weights*.safetensors")
    return file


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def rewrite(folder, **changes):
    (folder / "manifest.json").write_text(json.dumps(manifest(folder) | changes))


def replace_weights(folder, change):
    """Other weights, with their right sha256 in the manifest: a file that is whole and still wrong."""
    file = weights_file(folder)
    tensors = safetensors.torch.load_file(file)
    change(tensors)
    file.write_bytes(safetensors.torch.save(tensors))
    files = manifest(folder)["files"]
    files["weights"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    rewrite(folder, files=files)


def refused(folder, name):
    """Loading fails with a `CheckpointError` that names the file."""
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert str(folder / name) in str(caught.value)
    return str(caught.value)


def test_a_model_comes_back_bit_for_bit(saved, sizes):
    torch.manual_seed(0)
    model, back = WorldModel(sizes), load(saved)
    assert back.config == sizes and not back.training
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in model.state_dict().items())
    frames = np.random.default_rng(0).integers(0, 256, (2, 6, 64, 64, 1), np.uint8)
    np.testing.assert_array_equal(model.eval().features(frames), back.features(frames))
    assert manifest(saved)["about"] == {"note": "hello"}


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
    (saved / f".{weights_file(saved).name}.999").write_bytes(b"left behind by a kill")
    with torch.no_grad():
        model.encoder.sharpness += 1
    save(model, saved, step=8)
    assert sorted(p.suffix for p in saved.iterdir()) == [".json", ".safetensors"]
    assert load(saved).encoder.sharpness == model.encoder.sharpness


@pytest.mark.parametrize("where", [0.0, 0.01, 0.5, 0.999])
def test_one_flipped_bit_is_found(saved, where):
    data = bytearray(weights_file(saved).read_bytes())
    data[int(where * len(data))] ^= 1
    weights_file(saved).write_bytes(data)
    assert "sha256" in refused(saved, weights_file(saved).name)


@pytest.mark.parametrize("length", [0, 5, 0.5, 0.999])
def test_a_truncated_file_is_refused(saved, length):
    data = weights_file(saved).read_bytes()
    weights_file(saved).write_bytes(data[: int(length if length >= 1 else length * len(data))])
    refused(saved, weights_file(saved).name)


def test_missing_files_are_named(saved, tmp_path):
    name = weights_file(saved).name
    weights_file(saved).unlink()
    assert "missing" in refused(saved, name)
    (saved / "manifest.json").unlink()
    assert "missing" in refused(saved, "manifest.json")
    refused(tmp_path / "nowhere", "manifest.json")


def test_weights_of_another_shape_than_the_config_states_are_refused(saved):
    rewrite(saved, config=manifest(saved)["config"] | {"dynamics_width": 24})
    assert "dynamics" in refused(saved, weights_file(saved).name)


@pytest.mark.parametrize("change", [lambda t: t.popitem(), lambda t: t.update(extra=torch.zeros(2))], ids=["lacking", "extra"])
def test_weights_with_a_tensor_too_few_or_too_many_are_refused(saved, change):
    replace_weights(saved, change)
    refused(saved, weights_file(saved).name)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(saved, value):
    replace_weights(saved, lambda tensors: tensors["encoder.sharpness"].fill_(value))
    assert "finite" in refused(saved, weights_file(saved).name)


def test_another_format_is_refused(saved):
    rewrite(saved, format=2)
    assert "format 2" in refused(saved, "manifest.json")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe\x00", b"[" * 100_000], ids=lambda t: repr(t[:8]))
def test_a_manifest_of_garbage_is_refused(saved, text):
    (saved / "manifest.json").write_bytes(text)
    refused(saved, "manifest.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"size": 63}}, {"config": {"size": "64"}}, {"config": {"colour": 1}}, {"config": []}, {"config": 3},
        {"config": {"dynamics_width": 8.5}}, {"files": {}}, {"files": []}, {"files": {"weights": 3}},
        {"files": {"weights": {}}},
        {"files": {"weights": {"file": 3, "sha256": 4}}}, {"step": "seven"},
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_that_states_nonsense_is_refused(saved, changes):
    rewrite(saved, **changes)
    refused(saved, "manifest.json")


def test_a_manifest_cannot_lead_out_of_its_folder(saved, tmp_path):
    shutil.copy(weights_file(saved), tmp_path / "elsewhere.safetensors")
    files = manifest(saved)["files"]
    files["weights"]["file"] = "../elsewhere.safetensors"
    rewrite(saved, files=files)
    with pytest.raises(CheckpointError):
        load(saved)


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from worldmodel.model import WorldModel, WorldModelConfig
from worldmodel.training import load, save

torch.set_num_threads(1)
model, rng = WorldModel(WorldModelConfig(dynamics_width=128)), random.Random(0)

def save_for_ever(folder, step, first):
    for value in range(first, 10**9):
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.fill_(value)
        save(model, folder, value if step is None else step)

for number in range(24):
    folder, step = Path(sys.argv[1]) / str(number % 2), (None, 3)[number % 2]  # steps that rise; always the same step
    child = os.fork()
    if not child:
        save_for_ever(folder, step, 1000 * number)
    time.sleep(0.02)
    while not (folder / "manifest.json").exists():
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    values = {float(tensor.flatten()[0]) for tensor in load(folder).state_dict().values()}
    assert len(values) == 1, values
print("survived")
"""


def test_kills_while_saving_leave_a_model_that_loads_and_is_of_one_save(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(worldmodel.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, env=environment, timeout=120, capture_output=True, text=True, check=False)
    assert done.stdout == "survived\n", done.stderr
