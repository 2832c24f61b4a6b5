"""Saved models under fire: killed writers, full disks, damaged, forged and foreign files. Refused by name, and never executed."""

import fcntl
import hashlib
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import worldmodel
from worldmodel.model import Belief, WorldModel
from worldmodel.settings import CheckpointError
from worldmodel.training import load, save
from worldmodel.training.checkpoint import load_optimizers, signed
from worldmodel.training.optimizer import optimizers

PARTS = ("weights", "optimizer", "manifest")


def optimisers(model):
    return optimizers(list(model.dynamics.parameters()), 1e-2, 1e-4)


@pytest.fixture
def saved(tmp_path, sizes):
    """A model and its optimisers, which have stepped once."""
    torch.manual_seed(0)
    model = WorldModel(sizes)
    both = optimisers(model)
    sum((p**3).sum() for p in model.dynamics.parameters()).backward()
    for one in both:
        one.step()
    return save(model, tmp_path / "run", 7, both)


def file_of(folder, part):
    (file,) = folder.glob(f"{part}*")
    return file


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def rewrite(folder, **changes):
    """Another manifest, with its right sha256: a file that is whole and still wrong."""
    changed = manifest(folder) | changes
    changed.pop("sha256")
    (folder / "manifest.json").write_text(json.dumps(signed(changed)))


def replace_weights(folder, data: bytes):
    """Other weights, with their right sha256 in the manifest."""
    file, files = file_of(folder, "weights"), manifest(folder)["files"]
    file.write_bytes(data)
    files["weights"]["sha256"] = hashlib.sha256(data).hexdigest()
    rewrite(folder, files=files)


def change_tensors(folder, change):
    tensors = safetensors.torch.load_file(file_of(folder, "weights"))
    change(tensors)
    replace_weights(folder, safetensors.torch.save(tensors))


def refused(folder, file):
    """Opening the model and its optimisers fails with a `CheckpointError` that names the file."""
    with pytest.raises(CheckpointError) as caught:
        load_optimizers(folder, optimisers(load(folder)))
    assert str(folder / file) in str(caught.value)
    return str(caught.value)


DAMAGE = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "trailing junk": lambda data: data + b"\0junk",
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_refused_by_name(saved, fault, part, how):
    file = file_of(saved, part)
    with fault(f"checkpoint: {how}"):
        file.write_bytes(DAMAGE[how](file.read_bytes()))
        refused(saved, file.name)


@pytest.mark.parametrize("part", PARTS)
def test_a_flipped_byte_in_any_file_is_refused(saved, fault, part):
    file, rng = file_of(saved, part), np.random.default_rng(0)
    good = file.read_bytes()
    for at in [0, len(good) - 1, *rng.integers(0, len(good), 48)]:
        with fault("checkpoint: a flipped byte"):
            flipped = bytearray(good)
            flipped[at] ^= int(rng.integers(1, 256))
            file.write_bytes(flipped)
            told = refused(saved, file.name)
            assert part == "manifest" or "sha256" in told
    file.write_bytes(good)
    load_optimizers(saved, optimisers(load(saved)))


def test_a_manifest_changed_by_hand_or_without_its_sha256_is_refused(saved, fault):
    unsigned = manifest(saved)
    del unsigned["sha256"]
    for changed in (manifest(saved) | {"step": 8}, unsigned):
        with fault("checkpoint: a number in the manifest changed"):
            (saved / "manifest.json").write_text(json.dumps(changed))
            assert "sha256" in refused(saved, "manifest.json")


def test_missing_files_are_named(saved, fault, tmp_path):
    for part in ("optimizer", "weights", "manifest"):
        with fault("checkpoint: a file missing"):
            file = file_of(saved, part)
            file.unlink()
            assert "missing" in refused(saved, file.name)
    refused(tmp_path / "nowhere", "manifest.json")


@pytest.mark.parametrize("change, told", [
    (lambda t: t.pop("encoder.sharpness"), "sharpness"),
    (lambda t: t.update(extra=torch.zeros(2)), "extra"),
    (lambda t: t.update({"encoder.sharpness": torch.zeros(3, 3)}), "sharpness"),
    (lambda t: t["encoder.sharpness"].fill_(float("nan")), "finite"),
    (lambda t: t["encoder.sharpness"].fill_(float("inf")), "finite"),
], ids=["missing key", "extra key", "wrong shape", "nan", "inf"])  # fmt: skip
def test_weights_that_do_not_fit_are_refused(saved, fault, change, told):
    with fault("checkpoint: weights missing, extra, misshapen or not finite"):
        change_tensors(saved, change)
        assert told in refused(saved, file_of(saved, "weights").name)


def crafted(header, data=bytes(8), length=None):
    """A safetensors file by hand."""
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensors(*entries):
    """A header by hand, since JSON made from a dict states no key twice."""
    return crafted("{" + ", ".join(entries) + "}")


ONE = '"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}'
FORGED = {
    "an enormous header": crafted({}, length=2**62),
    "a lying shape": tensors(ONE.replace("[2]", "[1099511627776]")),
    "a negative shape": tensors(ONE.replace("[2]", "[-2]")),
    "offsets beyond the end": tensors(ONE.replace("[0, 8]", "[0, 1099511627776]")),
    "overlapping tensors": tensors(ONE, ONE.replace("a", "b", 1)),
    "a duplicate key": tensors(ONE, ONE.replace("F32", "I32")),
    "no header": b"\x00" * 8,
    "nothing but a length": b"\xff" * 8,
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_safetensors_file_is_refused(saved, fault, what):
    with fault("checkpoint: forged safetensors"):
        replace_weights(saved, FORGED[what])
        told = refused(saved, file_of(saved, "weights").name)
        assert "twice" in told or "duplicate" not in what


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_a_pickle_is_never_opened(saved, fault, tmp_path):
    went_off = tmp_path / "went off"
    torch.save(Bomb(went_off), tmp_path / "bomb.pt")
    np.save(tmp_path / "bomb.npy", np.array([Bomb(went_off)], object))
    np.savez(tmp_path / "bomb.npz", mean=np.array([Bomb(went_off)], object), weight=np.zeros(1))
    np.load(tmp_path / "bomb.npy", allow_pickle=True)
    assert went_off.exists()  # a bomb that does go off
    went_off.unlink()
    for name in ("bomb.pt", "bomb.npy"):
        with fault("checkpoint: a pickle as .safetensors"):
            replace_weights(saved, (tmp_path / name).read_bytes())
            refused(saved, file_of(saved, "weights").name)
        with fault("checkpoint: a pickle by its own name"):
            shutil.copy(tmp_path / name, saved)
            rewrite(saved, files={"weights": {"file": name, "sha256": hashlib.sha256((saved / name).read_bytes()).hexdigest()}})
            refused(saved, name)
            files = {"weights": {"file": file_of(saved, "weights").name, "sha256": ""}}
            rewrite(saved, files=files)
    with fault("checkpoint: a pickle as a belief"), pytest.raises(CheckpointError, match=r"bomb\.npz"):
        Belief.load(tmp_path / "bomb.npz")
    assert not went_off.exists()


def test_another_format_is_refused(saved, fault):
    with fault("checkpoint: a newer format"):
        rewrite(saved, format=2)
        assert "format 2" in refused(saved, "manifest.json")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe\x00", b"[" * 100_000, b'{"step": 1, "step": 2}'],
                         ids=lambda text: repr(text[:8]))  # fmt: skip
def test_a_manifest_of_garbage_is_refused(saved, fault, text):
    with fault("checkpoint: a manifest of garbage"):
        (saved / "manifest.json").write_bytes(text)
        refused(saved, "manifest.json")


@pytest.mark.parametrize("changes", [
    {"config": {"size": 63}}, {"config": {"size": "64"}}, {"config": {"colour": 1}}, {"config": []}, {"config": 3},
    {"config": {"dynamics_width": 8.5}}, {"files": {}}, {"files": []}, {"files": {"weights": 3}}, {"files": {"weights": {}}},
    {"files": {"weights": {"file": 3, "sha256": 4}}}, {"step": "seven"}, {"more": 1},
], ids=str)  # fmt: skip
def test_a_manifest_that_states_nonsense_is_refused(saved, fault, changes):
    with fault("checkpoint: a manifest of nonsense"):
        rewrite(saved, **changes)
        refused(saved, "manifest.json")


def test_weights_of_another_shape_than_the_config_states_are_refused(saved, fault):
    with fault("checkpoint: a config of other sizes"):
        rewrite(saved, config=manifest(saved)["config"] | {"dynamics_width": 24})
        assert "dynamics" in refused(saved, file_of(saved, "weights").name)


def test_a_manifest_cannot_lead_out_of_its_folder(saved, fault, tmp_path):
    shutil.copy(file_of(saved, "weights"), tmp_path / "elsewhere.safetensors")
    files = manifest(saved)["files"]
    files["weights"]["file"] = "../elsewhere.safetensors"
    with fault("checkpoint: a path that leads out"):
        rewrite(saved, files=files)
        assert "missing" in refused(saved, "elsewhere.safetensors")


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("limit", [0, 1000, 50_000], ids="{} bytes".format)
@pytest.mark.parametrize("again", [True, False], ids=["the same step", "another step"])
def test_a_full_disk_leaves_the_old_checkpoint_and_no_litter(saved, fault, limit, again):
    model, before = load(saved), contents(saved)
    largest = max(map(len, before.values()))
    assert limit < largest  # else nothing would go wrong
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with fault("checkpoint: a full disk"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(CheckpointError, match="too large"):
                save(model, saved, 7 if again else 8)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert contents(saved) == before
        load(saved)


def test_a_folder_that_may_not_be_written_to_is_named(sizes, fault):
    model, user = WorldModel(sizes), os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        saved = save(model, Path(folder) / "run")
        before = contents(saved)
        saved.chmod(0o555)
        with fault("checkpoint: a read-only folder"):
            if user == 0:  # who may write anywhere
                os.seteuid(65534)
            try:
                with pytest.raises(CheckpointError, match=f"{saved}.*[Pp]ermission"):
                    save(model, saved, 1)
            finally:
                os.seteuid(user)
        saved.chmod(0o755)
        assert contents(saved) == before


def test_a_file_in_the_place_of_the_folder_is_named(sizes, fault, tmp_path):
    (tmp_path / "run").write_text("a file")
    with fault("checkpoint: a file where the folder should be"), pytest.raises(CheckpointError, match="run"):
        save(WorldModel(sizes), tmp_path / "run")


PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from worldmodel.model import WorldModel, WorldModelConfig
from worldmodel.training import load, save

torch.set_num_threads(1)
model, rng = WorldModel(WorldModelConfig(dynamics_width=128)), random.Random(0)

def save_for_ever(folder, step, first, told):
    for value in range(first, 10**9):
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.fill_(value)
        save(model, folder, value if step is None else step)
        os.write(told, b"%d " % value)

def value_of(folder):
    values = {float(tensor.flatten()[0]) for tensor in load(folder).state_dict().values()}
    assert len(values) == 1, values
    return values.pop()
"""

KILLED = """
for number in range(24):
    folder, step = Path(sys.argv[1]) / str(number % 2), (None, 3)[number % 2]  # steps that rise; always the same step
    read, write = os.pipe()
    child = os.fork()
    if not child:
        save_for_ever(folder, step, 1000 * number, write)
    os.close(write)
    time.sleep(0.02)
    while not (folder / "manifest.json").exists():
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    finished = os.read(read, 10**6).split()
    if finished:
        assert value_of(folder) in (float(finished[-1]), float(finished[-1]) + 1)  # the last that was saved, or the next
    else:
        value_of(folder)
    print("survived")
"""

TWO_WRITERS = """
folder, children = Path(sys.argv[1]), []
for number in range(2):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        save_for_ever(folder, None, 1000 * number, write)
    children.append((child, read))
for child, read in children:
    os.read(read, 1)  # both have saved
for _ in range(20):
    time.sleep(rng.uniform(0, 0.02))
    for child, _ in children:
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
    value_of(folder)
    for child, _ in children:
        os.kill(child, signal.SIGCONT)
    print("survived")
for child, _ in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
value_of(folder)
"""


@pytest.mark.parametrize(
    "kind, program", [("checkpoint: SIGKILL while saving", KILLED), ("checkpoint: two writers", TWO_WRITERS)]
)
def test_what_is_found_is_always_one_whole_save(tmp_path, fault, kind, program):
    environment = os.environ | {"PYTHONPATH": str(Path(worldmodel.__file__).parents[1])}
    command = [sys.executable, "-c", PROGRAM + program, str(tmp_path)]
    times = 24 if program is KILLED else 20
    with fault(kind, times):
        done = subprocess.run(command, env=environment, timeout=120, capture_output=True, text=True, check=False)
        assert done.stdout.split() == ["survived"] * times and done.returncode == 0, done.stderr


def test_a_writer_waits_for_the_one_before(saved, fault):
    """Held by another, the folder is not written to."""
    program = (
        "import sys; from worldmodel import load, save; run = sys.argv[1]; m = load(run); print(flush=True); save(m, run, 9)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(worldmodel.__file__).parents[1])}
    descriptor = os.open(saved, os.O_RDONLY)
    with fault("checkpoint: two writers"):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        writer = subprocess.Popen([sys.executable, "-c", program, str(saved)], env=environment, stdout=subprocess.PIPE)
        writer.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(0.3)
        assert manifest(saved)["step"] == 7
        os.close(descriptor)
        assert writer.wait(30) == 0 and manifest(saved)["step"] == 9
