"""Unlabelled by construction: training gives the same weights whether or not there is a truth to read."""

import os
import shutil
import sys

import pytest
import torch

from worldmodel.settings import DataError
from worldmodel.training import fit
from worldmodel.videos import Film, film, truth

LOCKED = []  # folders of which no file may be opened


def refuse(event, args):
    """An audit hook sees every opening of a file, by any library; it stays for good, so `LOCKED` gates it."""
    if LOCKED and event in ("open", "os.listdir", "os.scandir") and isinstance(args[0], (str, bytes, os.PathLike)):
        path = os.path.abspath(os.fsdecode(args[0]))
        if any(path.startswith(folder) for folder in LOCKED):
            raise PermissionError(f"{path}: the truth was looked at")


sys.addaudithook(refuse)


def weights(videos, fit_config, sizes):
    return fit(videos, fit_config, sizes, progress=False).state_dict()


@pytest.mark.parametrize("name", ["ball", "lander"])
@pytest.mark.parametrize("fate", ["removed", "garbage"])
def test_training_needs_no_truth_and_looks_at_none(tmp_path, fault, monkeypatch, tiny_fit, sizes, name, fate):
    videos = film(Film(name, 8, 12), tmp_path, progress=False)
    with_truth = weights(videos, tiny_fit, sizes)
    if fate == "removed":
        shutil.rmtree(tmp_path / "truth")
    else:
        for file in (tmp_path / "truth").rglob("*.*"):
            file.write_bytes(b"garbage")
    monkeypatch.setattr(sys.modules[__name__], "LOCKED", [str(tmp_path / "truth")])
    with fault(f"recording: trained with the truth {fate}, and locked"):
        without = weights(videos, tiny_fit, sizes)
        assert with_truth.keys() == without.keys()
        assert all(torch.equal(with_truth[key], without[key]) for key in with_truth)


def test_the_lock_would_catch_a_look_at_the_truth(tmp_path, monkeypatch):
    videos = film(Film("ball", 4, 6), tmp_path, progress=False)
    assert truth(videos)["g"].shape == (4,)
    monkeypatch.setattr(sys.modules[__name__], "LOCKED", [str(tmp_path / "truth")])
    with pytest.raises((PermissionError, DataError)):
        truth(videos)
