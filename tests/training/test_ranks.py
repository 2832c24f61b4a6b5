"""Data-parallel training with two real processes: the losses of one, resuming with another number, and the loss of a rank."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from worldmodel.model import WorldModel
from worldmodel.training import fit, load
from worldmodel.videos import Film, film

PROGRAM = """
import json, sys
from worldmodel.model import WorldModelConfig
from worldmodel.training import FitConfig, fit
from worldmodel.videos import Videos
for out, config, sizes in json.loads(sys.argv[2]):
    fit(Videos.open(sys.argv[1]), FitConfig(**config), WorldModelConfig(**sizes), out, device="cpu")
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return film(Film("lander", 31, 24), tmp_path_factory.mktemp("lander"), progress=False)


@pytest.fixture(scope="module")
def exact(tiny_fit):
    """In float32, where a bfloat16 product may round otherwise in a smaller batch; in small steps, which hardly magnify that."""
    return replace(tiny_fit, bf16=False, find_rate=1e-3, predict_rate=1e-3)


def command(videos, *runs):
    """To train, one after the other, what each of the runs (folder, config, sizes) asks for."""
    program = Path(runs[0][0]).with_suffix(".py")
    program.write_text(PROGRAM)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    asked = [(str(out), asdict(config), asdict(sizes)) for out, config, sizes in runs]
    return [*start, str(program), str(videos.path), json.dumps(asked)]


FAMILIES = ({"paid": True}, {"jepa": True}, {"dynamics": "kinematic"})


@pytest.fixture(scope="module")
def runs(videos, exact, sizes, tmp_path_factory):
    """Of each family its folders: trained by one process, and by two, which are started once for all."""
    folder, asked = tmp_path_factory.mktemp("runs"), []
    for number, family in enumerate(FAMILIES):
        config = replace(exact, find_steps=4, predict_steps=4) if number else replace(exact, noise=0.3, landmarks=0.3)
        asked.append((folder / f"two-{number}", config, replace(sizes, **family)))
        fit(videos, *asked[-1][1:], folder / f"one-{number}", device="cpu", progress=False)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command(videos, *asked), env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {str(family): (folder / f"one-{number}", folder / f"two-{number}") for number, family in enumerate(FAMILIES)}


def losses(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_two_processes_have_the_losses_of_one(runs):
    one, two = map(losses, runs[str(FAMILIES[0])])
    assert [line["step"] for line in one] == [line["step"] for line in two] and one
    for mine, theirs in zip(one, two):
        assert mine.keys() == theirs.keys()
        assert all(
            mine[name] == pytest.approx(theirs[name], rel=1e-5, abs=1e-5) for name in mine if name not in ("seconds", "phase")
        )


@pytest.mark.parametrize("family", FAMILIES[1:], ids=str)
def test_so_do_the_other_families(runs, family):
    for mine, theirs in zip(*map(losses, runs[str(family)]), strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-5, abs=1e-5)


GRADIENTS = """
import json, sys
import torch
from worldmodel.model import WorldModel, WorldModelConfig
from worldmodel.model.objectives import Stretch, find_loss, jepa_loss, predict_loss
from worldmodel.model.ranks import average_gradients, join_ranks, rank_and_ranks
join_ranks("cpu")
rank, ranks = rank_and_ranks()
mine, draw = slice(rank, None, ranks), torch.Generator().manual_seed(0)
found = {}
for name in ("find", "jepa", "predict"):
    torch.manual_seed(0)
    model = WorldModel(WorldModelConfig(**json.loads(sys.argv[2]) | {"jepa": name == "jepa", "still": name == "find"}))
    frames = torch.randint(0, 255, (4, 9, 64, 64, 1), dtype=torch.uint8, generator=draw)
    if name == "find":
        loss = find_loss(model, Stretch(frames[mine, :6], frames[mine, 6:], frames[mine, 0]), 0.3, 0.3)
    elif name == "jepa":
        loss = jepa_loss(model, Stretch(frames[mine, :6], frames[mine, 6:]), torch.Generator().manual_seed(1))
    else:
        points, appearance = torch.rand(4, 9, 4, generator=draw), torch.rand(4, 9, model.config.appearance, generator=draw)
        starts = torch.tensor([[2, 3]] * 4)
        loss = predict_loss(model, {"points": points[mine], "appearance": appearance[mine]}, starts[mine], starts[mine], 4)
    loss["loss"].backward()
    average_gradients(list(model.parameters()))
    found |= {f"{name}.{key}": p.grad.tolist() for key, p in model.named_parameters() if p.grad is not None}
if rank == 0:
    json.dump(found, open(sys.argv[1], "w"))
"""


def test_two_processes_find_the_gradient_of_one(sizes, tmp_path):
    program, environment = tmp_path / "gradients.py", os.environ | {"OMP_NUM_THREADS": "1"}
    program.write_text(GRADIENTS)
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for start, out in (([sys.executable], "one"), (two, "two")):
        subprocess.run(
            [*start, str(program), str(tmp_path / out), json.dumps(asdict(sizes))], env=environment, check=True, timeout=120
        )
    one, two = (json.loads((tmp_path / out).read_text()) for out in ("one", "two"))
    assert one.keys() == two.keys() and {name.split(".")[0] for name in one} == {"find", "jepa", "predict"}
    for name, values in one.items():
        torch.testing.assert_close(torch.tensor(two[name]), torch.tensor(values), rtol=1e-3, atol=1e-5, msg=name)


def test_a_run_goes_on_with_another_number_of_processes(videos, exact, sizes, tmp_path):
    """Two begin and are stopped after the first checkpoint; one goes on and ends as one would have alone."""
    exact = replace(exact, find_steps=30, predict_steps=6)  # long enough to be stopped on the way
    fit(videos, exact, sizes, tmp_path / "one", device="cpu", progress=False)
    run = subprocess.Popen(command(videos, (tmp_path / "two", replace(exact, save_every=1), sizes)))
    wait_for(lambda: (tmp_path / "two/manifest.json").exists())
    run.terminate()
    run.wait(timeout=60)
    assert 0 < json.loads((tmp_path / "two/manifest.json").read_text())["step"] < exact.steps
    fit(videos, replace(exact, save_every=1), sizes, tmp_path / "two", device="cpu", progress=False)
    one, two = losses(tmp_path / "one")[-1], losses(tmp_path / "two")[-1]
    assert one["step"] == two["step"] and one["loss"] == pytest.approx(two["loss"], rel=1e-5, abs=1e-5)


def test_when_a_rank_is_killed_the_others_stop_and_the_last_checkpoint_stands(videos, exact, sizes, tmp_path):
    config = replace(exact, find_steps=40, predict_steps=40, save_every=2)
    run = subprocess.Popen(command(videos, (tmp_path / "run", config, sizes)))
    try:
        wait_for(lambda: (tmp_path / "run/manifest.json").exists())
        os.kill(children(run.pid)[-1], signal.SIGKILL)
        assert run.wait(timeout=90) != 0
    finally:
        run.kill()
    assert json.loads((tmp_path / "run/manifest.json").read_text())["step"] < config.steps
    assert isinstance(load(tmp_path / "run"), WorldModel)


def test_uneven_shares_are_refused(videos, exact, sizes, monkeypatch):
    from worldmodel.settings import ConfigError
    from worldmodel.training import loop

    monkeypatch.setattr(loop, "rank_and_ranks", lambda: (0, 3))
    with pytest.raises(ConfigError, match="3 ranks"):
        fit(videos, exact, sizes, device="cpu", progress=False)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing was saved"
        time.sleep(0.02)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
