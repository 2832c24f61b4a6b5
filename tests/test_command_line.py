"""The command line as a newcomer meets it: help, the path from film to dream, and one clear line for bad input."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from worldmodel.__main__ import COMMANDS, main
from worldmodel.model import WorldModel, WorldModelConfig
from worldmodel.training import save
from worldmodel.videos import save_video


def call(*arguments) -> int:
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code or 0
    return 0


def test_help_names_every_command():
    shell = subprocess.run(
        [sys.executable, "-m", "worldmodel", "--help"], capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}
    )
    assert shell.returncode == 0 and all(name in shell.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    assert call(command, "--help") == 0
    text = capsys.readouterr().out
    assert COMMANDS[command].__doc__.split()[0] in text and "usage" in text.lower()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["film", "--world", "moon"], "no world is called 'moon'"),
        (["film", "--clips", "0"], "at least 1"),
        (["ingest", "nowhere"], "nowhere"),
        (["train", "nowhere", "--out", "x"], "nowhere"),
        (["probe", "nowhere"], "nowhere"),
        (["imagine", "nowhere", "nowhere", "--out", "x.gif"], "nowhere"),
        (["control", "nowhere", "--out", "x"], "nowhere"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error and len(error.strip().splitlines()) == 1


def test_an_unknown_option_is_refused_without_a_traceback(capsys):
    assert call("film", "--nonsense", "3") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_from_a_video_file_to_a_dream(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    save_video(rng.integers(0, 255, (60, 32, 32, 1), np.uint8), tmp_path / "mine" / "noise.mp4", zoom=2)
    (tmp_path / "mine" / "notes.mp4").write_text("not a video")
    with pytest.warns(UserWarning, match="notes.mp4"):
        assert call("ingest", "mine", "--root", "data", "--frames", "25", "--size", "32") == 0
    printed = capsys.readouterr().out
    assert "1 files passed over" in printed
    recording = re.match(r"(\S+):", printed)[1]
    save(WorldModel(WorldModelConfig(size=32)), tmp_path / "model")
    assert call("imagine", "model", recording, "--out", "dream.gif", "--seen", "10", "--steps", "10") == 0
    assert (tmp_path / "dream.gif").stat().st_size and (tmp_path / "dream.png").stat().st_size
    assert "copy" in capsys.readouterr().out
    assert call("imagine", "model", recording, "--out", "dream.gif", "--seen", "20", "--steps", "20") == 2


def test_film_says_what_it_made(tmp_path, capsys):
    assert call("film", "--clips", "3", "--frames", "4", "--root", tmp_path) == 0
    assert "3 clips of 4x64x64x1, 20 frames/s" in capsys.readouterr().out
