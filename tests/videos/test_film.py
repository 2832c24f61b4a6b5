"""Recordings: the same bytes from the same seed, whatever interrupts them; the truth in a tree of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import BALL, bytes_below, module, record, small_shards  # noqa: F401

from worldmodel.files import signed
from worldmodel.physics import ALL, BANDS, WORLDS, bodies, world
from worldmodel.settings import ConfigError, DataError, generator
from worldmodel.videos import Film, truth

pytestmark = pytest.mark.usefixtures("small_shards")


@pytest.mark.parametrize("config", [BALL, Film("lander", 50, 6, "clutter")])
def test_the_same_seed_gives_the_same_bytes(tmp_path, config):
    videos = record(config, tmp_path / "one", workers=1)
    record(config, tmp_path / "two", workers=2)
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")
    assert len(videos) == 50 and [s["clips"] for s in videos.manifest["shards"]] == [20, 20, 10]
    assert videos.frames_per_second == 20 and videos.manifest["source"]["world"] == config.world
    videos.verify()


@pytest.mark.parametrize("change", [{"split": "test"}, {"split": "validation"}, {"band": "earth"}, {"seed": 1}])
def test_no_two_recordings_share_a_clip(tmp_path, change):
    both = [record(Film(clips=50, frames=6, **other), tmp_path) for other in ({}, change)]
    clips = np.concatenate([videos.frames.reshape(50, -1) for videos in both])
    assert len(np.unique(clips, axis=0)) == 100
    starts = np.concatenate([truth(videos)["position"][:, 0] for videos in both])
    assert len(np.unique(starts, axis=0)) == 100


def test_a_finished_recording_is_opened_and_another_one_is_refused(tmp_path, monkeypatch):
    videos = record(BALL, tmp_path)
    monkeypatch.setattr(module, "_film_shard", None)
    assert (record(BALL, tmp_path).frames == videos.frames).all()
    manifest = videos.manifest | {"source": {"world": "other"}}
    (videos.path / "manifest.json").write_text(json.dumps(signed(manifest)))
    with pytest.raises(DataError, match="another recording"):
        record(BALL, tmp_path)


@pytest.mark.parametrize("band", BANDS)
def test_the_truth_lies_in_its_own_tree(tmp_path, band):
    videos = record(Film(clips=50, frames=6, band=band), tmp_path)
    assert {p.suffix for p in videos.path.iterdir()} == {".npy", ".json"}
    words = (videos.path / "manifest.json").read_text()
    assert not any(word in words for word in ('"g"', "restitution", "position"))
    hidden = truth(videos[10:30])
    assert hidden["g"].shape == (20,) and hidden["position"].shape == (20, 6, 2)
    assert all(value.dtype == np.float32 for value in hidden.values.values())
    assert (hidden["g"] == truth(videos)["g"][10:30]).all() and np.allclose(hidden["metres_per_pixel"], 4 / 64)
    g = hidden["g"][:, None]
    assert ((np.array(BANDS[band])[:, 0] <= g) & (g <= np.array(BANDS[band])[:, 1])).any(1).all()
    # The picture shows what the truth says: the brightness above the background has its middle at the position, but
    # that the soft rim of a ball on a wall lies outside of the picture.
    bright = videos[10:30].frames[..., 0].astype(float) - 26
    ticks = np.arange(64) + 0.5
    x = (bright.sum(2) * ticks).sum(-1) / bright.sum((2, 3)) / 16
    y = 4 - (bright.sum(3) * ticks).sum(-1) / bright.sum((2, 3)) / 16
    assert np.abs(np.stack([x, y], -1) - hidden["position"]).max() < 0.03 / 16


def test_all_the_watched_worlds_in_one_recording(tmp_path):
    videos = record(Film("all", 130, 6), tmp_path)
    sizes = [s["clips"] for s in videos.manifest["shards"]]
    assert len(sizes) == 18 and sum(sizes) == 130 and max(sizes) - min(sizes) <= 1  # three rounds of six worlds
    hidden = truth(videos)
    assert set(hidden.values) == {"g", "world", "metres_per_pixel"}
    assert (hidden["world"] == np.repeat(np.arange(18) % 6, sizes)).all() and len(hidden["g"]) == 130
    again = record(Film("all", 130, 6), tmp_path / "again", workers=2)
    assert (again.frames == videos.frames).all()
    for shard, start in enumerate(np.cumsum([0, *sizes[:-1]])):
        mine, clips = world(ALL[shard % 6]), slice(start, start + sizes[shard])
        constants, state = mine.draw("train", sizes[shard], generator(0, 0, 0, 0, shard))
        states = mine.law.simulate(constants, state, 6, 1 / 20)
        assert (hidden["g"][clips] == constants["g"].astype(np.float32)).all()
        filmed = mine.camera("clean").film(bodies(mine, constants, states, 1), None)
        assert (filmed == videos.frames[clips]).mean() > 0.999  # a patch's size may turn a rounding


@pytest.mark.parametrize("name", [name for name in WORLDS if name not in ("ball", "lander")])
def test_every_world_is_filmed_at_its_rate_and_scale(tmp_path, name):
    videos, mine = record(Film(name, 10, 5), tmp_path), world(name)
    assert videos.frames_per_second == mine.frames_per_second
    hidden = truth(videos)
    assert np.allclose(hidden["metres_per_pixel"], mine.metres / 64)
    at = hidden["position"].reshape(10, 5, -1, 2)[:, 0, -1] / hidden["metres_per_pixel"][:, None]
    column, row = np.floor(at[:, 0]).astype(int), 63 - np.floor(at[:, 1]).astype(int)
    assert (videos.frames[np.arange(10), 0, row, column, 0] > 0.55 * 255).all()  # a body where the truth says


def test_bands_are_the_worlds_own():
    with pytest.raises(ConfigError, match="earth"):
        Film("uniform", band="earth")
    with pytest.raises(ConfigError, match="clips"):
        Film("all", clips=5)


def test_the_log_describes_the_arrival(tmp_path):
    videos = record(Film("lander", 60, 40), tmp_path)
    hidden, actions, rewards, ends = truth(videos), videos.actions, videos.rewards, videos.ends
    assert actions.shape == (60, 40, 2) and rewards.shape == ends.shape == (60, 40)
    assert not actions[:, 0].any() and not rewards[:, 0].any() and not ends[:, 0].any()
    assert np.abs(actions).max() <= 1 and 0.2 < ends.any(1).mean() <= 1
    assert ends.sum(1).max() == 1
    law, over = world("lander").law, np.zeros(60, bool)
    constants = {name: hidden[name].astype(float) for name in ("g", "thrust", "pad")}
    for t in range(1, 40):
        before = {name: hidden[name][:, t - 1].astype(float) for name in ("position", "velocity")}
        after, reward, ended, _ = law.step(constants, before, actions[:, t].astype(float), 1 / 20)
        assert np.abs(after["position"] - hidden["position"][:, t])[~over].max(initial=0) < 1e-4
        assert np.abs(reward - rewards[:, t])[~over].max(initial=0) < 1e-3
        assert (ended == ends[:, t])[~over].all()
        still = videos.frames[over]  # after the end the picture stands, nobody acts and nothing is earned
        assert (still[:, t] == still[:, t - 1]).all()
        assert not actions[over, t].any() and not rewards[over, t].any() and not ends[over, t].any()
        over |= ends[:, t]


@pytest.mark.parametrize("wrong", [{"world": "moon"}, {"scene": "dark"}, {"band": "mars"}, {"split": "all"},
                                   {"clips": 0}, {"frames": 0}, {"seed": -1}])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Film(**wrong)


def test_memory_stays_flat(tmp_path):
    """Filming ten times as many clips takes no more memory: a recording is never held as a whole."""
    program = (
        "import resource, sys; from worldmodel.videos import Film, film\n"
        "film(Film(clips=int(sys.argv[2])), sys.argv[1], workers=1, progress=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(module.__file__).parents[2])}
    used = []
    for clips in (100, 1000):
        command = [sys.executable, "-c", program, str(tmp_path), str(clips)]
        used.append(int(subprocess.run(command, env=environment, timeout=60, capture_output=True, check=True).stdout))
    assert used[1] - used[0] < 60_000  # KB; the recording itself has 160,000
