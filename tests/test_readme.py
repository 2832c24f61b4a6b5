"""The README does what it says: each of its code blocks is run, on small sizes."""

import re
import shlex
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

HOME = Path(__file__).parents[1]
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", (HOME / "README.md").read_text(), re.S)
SMALL = {"find_steps": 2, "find_clips": 4, "predict_steps": 2, "predict_clips": 4, "starts": 2, "horizon": 4}


def block(kind: str, having: str) -> str:
    (found,) = [text for name, text in BLOCKS if name == kind and having in text]
    return found


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in text.splitlines()]


def test_every_block_is_one_that_is_run_here_or_the_map():
    assert [name for name, _ in BLOCKS] == ["sh", "python", "sh", "python", "sh", ""]


def test_make_knows_the_two_commands():
    for line in commands(block("sh", "make run")):
        told = subprocess.run([*line, "--dry-run", "VENV=."], cwd=HOME, capture_output=True, text=True)
        assert told.returncode == 0 and "python -m" in told.stdout


def test_the_five_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = block("python", "Film(").replace("clips=2000", "clips=20")
    small = small.replace("fit(videos)", "fit(videos, FitConfig(find_steps=2, predict_steps=2))")
    assert small.count("clips=20") == 1 and "FitConfig" in small
    names = {}
    exec("from worldmodel import FitConfig\n" + small, names)
    assert names["dream"].shape == (1, 20, 64, 64, 1) and names["features"].shape[:2] == (1, 20)


def test_from_video_files_to_a_dream_of_them(tmp_path, monkeypatch, capsys):
    from worldmodel import Film, film, save_video, training
    from worldmodel.__main__ import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(training.PRESETS, "quick", training.FitConfig(**SMALL))
    for clip, frames in enumerate(film(Film(clips=2), tmp_path / "made", progress=False).frames):
        save_video(frames, tmp_path / "my_videos" / f"{clip}.mp4", 20)
    ingest, train, imagine = commands(block("sh", "ingest"))
    main(ingest[1:])
    folder = capsys.readouterr().out.split(":")[0]
    for line in (train, imagine):
        assert "data/videos/NAME" in line
        main([folder if word == "data/videos/NAME" else word for word in line[1:]])
    assert (tmp_path / "dream.mp4").stat().st_size and (tmp_path / "runs/mine/manifest.json").exists()


def test_an_environment_of_gymnasiums_is_dreamt_and_acted_in(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pygame", reason="Gymnasium's classic worlds are drawn by pygame, which is not installed")
    from worldmodel import control, training

    monkeypatch.chdir(tmp_path)
    text, sizes = block("python", "PixelEnv"), {
        "num_envs=10": "num_envs=2", "clips=100, frames=200": "clips=4, frames=12", "FitConfig(stir=1)": "FEW",
        "num_envs=256)": "num_envs=4), SHORT",
    }  # fmt: skip
    for large, small in sizes.items():
        assert text.count(large) == 1, large
        text = text.replace(large, small)
    exec(text, {"FEW": training.FitConfig(**SMALL, stir=1), "SHORT": replace(control.QUICK, updates=2, horizon=4)})
    assert np.isfinite(float(capsys.readouterr().out.split()[-1]))


def test_a_model_of_ones_own_is_measured(tmp_path, monkeypatch, capsys):
    from worldmodel.__main__ import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mymodule.py").write_text(
        "class Mean:\n    def features(self, frames):\n        return frames.mean((2, 3), dtype='float32')\n\n"
        "def factory():\n    return Mean()\n"
    )
    (line,) = commands(block("sh", "measure"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main([*line[1:], "--share", "0.01"])
    assert (tmp_path / "card.json").exists() and "A.r2.k20" in capsys.readouterr().out
