"""Editing gravity: exact on a model that obeys its belief exactly, within a tenth on the weights that travel with the project."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldmodel.__main__ import main
from worldmodel.evaluation import editing
from worldmodel.evaluation.causal import Direction
from worldmodel.evaluation.editing import Handle, asked_gravity, edit, gravity_handle, read_clip
from worldmodel.model import Belief, WorldModel
from worldmodel.physics import SCENES, Disc
from worldmodel.settings import ConfigError, DataError, generator
from worldmodel.training import save
from worldmodel.videos import Film, film, save_video

WEIGHTS = Path(__file__).parents[2] / "data" / "weights" / "ball"
METRES = 1 / SCENES["clean"].pixels_per_metre
HANDLE = Handle(Direction(np.ones(1), 0.0, np.ones(1), np.zeros(1), np.eye(1)), METRES, 20.0)


class Obedient:
    """Believes in one number, the gravity of its clip, and imagines a ball that moves by it exactly."""

    config = SimpleNamespace(actions=0)

    def __init__(self, gravity):
        self.belief = Belief(torch.tensor(gravity)[:, None], torch.ones(len(gravity), 1))

    def observe(self, frames):
        return SimpleNamespace(belief=Belief(self.belief.mean[:, None], self.belief.weight[:, None]))

    def imagine(self, state, steps, belief):
        t, g = np.arange(steps) / 20, belief.mean.numpy()
        return np.stack([np.full((len(g), steps), 2.0), 2 + 1.0 * t - g * t**2 / 2 + 0.5 * (g < 0)], -1)

    def decode(self, path):
        ball = Disc(path, np.full(len(path), 0.25), np.full((len(path), 1), 0.9))
        return torch.from_numpy(SCENES["clean"].film([ball], generator(0)))


@pytest.mark.parametrize("gravity", ["0.5x", "1x", "9.8", "-3"])
def test_what_is_asked_is_shown_where_the_model_obeys(gravity):
    read = np.array([4.0, 8.0], np.float32)
    edited = edit(Obedient(read), np.zeros((2, 8, 64, 64, 1), np.uint8), gravity, HANDLE, seen=8, steps=12)
    np.testing.assert_allclose(edited.read, read)
    np.testing.assert_allclose(edited.asked, asked_gravity(gravity, read))
    np.testing.assert_allclose(edited.measured, edited.asked, rtol=0.03)
    np.testing.assert_allclose(edited.before, read, rtol=0.03)
    assert edited.frames.shape == edited.dream.shape == (2, 12, 64, 64, 1)


def test_a_gravity_is_a_factor_or_a_number():
    read = np.array([2.0, 4.0])
    np.testing.assert_array_equal(asked_gravity(" 0.5X ", read), [1, 2])
    np.testing.assert_array_equal(asked_gravity("-1e1", read), [-10, -10])
    for word in ("heavy", "", "x", "nan", "infx", "0.5xx"):
        with pytest.raises(ConfigError, match="gravity is"):
            asked_gravity(word, read)


def test_what_cannot_be_edited_is_refused(lander_model, ball, tmp_path):
    with pytest.raises(ConfigError, match="action"):
        edit(lander_model, ball.read([0]), "1x", HANDLE, 5, 5)
    with pytest.raises(ConfigError, match="20 frames seen of 12"):
        edit(Obedient(np.ones(1, np.float32)), ball.read([0]), "1x", HANDLE, 20, 5)
    with pytest.raises(ConfigError, match="clip 30 of 12 frames"):
        read_clip(ball.path, WorldModel().config, 30, 12, 20.0)
    with pytest.raises(DataError, match="no video file"):
        read_clip(tmp_path, WorldModel().config, 0, 12, 20.0)


def test_the_handle_is_kept_beside_the_model_and_found_anew_for_other_weights(sizes, tmp_path, monkeypatch):
    monkeypatch.setattr(editing, "SHARE", 0.01)
    torch.manual_seed(0)
    models = [WorldModel(sizes).eval() for _ in range(2)]
    save(models[0], tmp_path / "model")
    found = gravity_handle(models[0], tmp_path / "model", tmp_path, progress=False)
    assert found.metres == pytest.approx(METRES) and found.frames_per_second == 20
    with monkeypatch.context() as closed:
        closed.setattr(editing, "open_sets", lambda *a, **k: pytest.fail("the handle was not kept"))
        kept = gravity_handle(models[0], tmp_path / "model", tmp_path)
    assert all(np.array_equal(getattr(kept.direction, name), value) for name, value in vars(found.direction).items())
    save(models[1], tmp_path / "model")
    assert not np.array_equal(gravity_handle(models[1], tmp_path / "model", tmp_path, False).direction.step, found.direction.step)


def test_an_mp4_edited_by_the_pretrained_model_shows_the_gravity_asked(tmp_path, capsys):
    shutil.copytree(WEIGHTS, tmp_path / "ball")
    videos = film(Film("ball", 4, split="validation", seed=7), tmp_path, progress=False)
    for clip in range(4):
        save_video(videos.read([clip])[0], tmp_path / f"{clip}.mp4", 20)
    errors = []
    for clip, gravity in ((0, "0.5x"), (1, "0.5x"), (2, "8"), (3, "12")):
        out = tmp_path / f"edited{clip}.mp4"
        main(["edit", f"{tmp_path / str(clip)}.mp4", "--model", str(tmp_path / "ball"), "--root", str(tmp_path),
              "--gravity", gravity, "--out", str(out)])  # fmt: skip
        said = re.search(r"asked (\S+) m/s\^2, shown by the edited dream (\S+)", capsys.readouterr().out)
        asked, shown = map(float, said.groups())
        errors.append(abs(shown / asked - 1))
        assert out.stat().st_size
    assert np.median(errors) < 0.1, errors
