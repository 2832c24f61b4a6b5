"""Clips on disk: opened lazily, sliced, read, and damage named."""

import numpy as np
import pytest

from worldmodel.videos import Videos
from worldmodel.videos.store import save_manifest, save_shard

FRAMES = np.random.default_rng(0).integers(0, 256, (7, 5, 8, 8, 3), dtype=np.uint8)
LOG = {
    "actions": np.arange(70.0).reshape(7, 5, 2),
    "rewards": -np.arange(35.0).reshape(7, 5),
    "ends": np.arange(35).reshape(7, 5) % 5 == 4,
}


@pytest.fixture
def recording(tmp_path):
    """Two shards of 4 and 3 clips; the first comes in two blocks."""
    path = tmp_path / "videos" / "some"
    blocks = [FRAMES[:3], FRAMES[3:4]]
    shards = [save_shard(path, 0, 4, blocks, {k: v[:4] for k, v in LOG.items()})]
    shards += [save_shard(path, 1, 3, [FRAMES[4:]], {k: v[4:] for k, v in LOG.items()})]
    (path / ".frames-00009.npy.123").write_bytes(b"left by a call that was killed")
    save_manifest(path, FRAMES.shape[1:], 20, shards, action_size=2, words="a test")
    return path


def test_what_was_written_is_read(recording):
    videos = Videos.open(recording)
    assert len(videos) == 7 and videos.shape == (5, 8, 8, 3) and videos.frames_per_second == 20.0
    assert (videos.frames == FRAMES).all() and videos.frames.dtype == np.uint8
    for name, values in LOG.items():
        assert (getattr(videos, name) == values).all()
    assert videos.actions.dtype == videos.rewards.dtype == np.float32 and videos.ends.dtype == bool
    assert videos.action_size == 2 and videos.manifest["source"] == {"words": "a test"}
    assert (np.load(recording / "frames-00000.npy") == FRAMES[:4]).all()  # a plain npy file for anybody
    assert not list(recording.glob(".*"))
    videos.verify()


def test_without_a_log(tmp_path):
    videos = save_manifest(tmp_path, FRAMES.shape[1:], 20, [save_shard(tmp_path, 0, 7, iter([FRAMES]))])
    assert videos.actions is None and videos.rewards is None and videos.ends is None and videos.action_size == 0


def test_slices_read_no_frame_and_compose(recording, monkeypatch):
    videos = Videos.open(recording)
    monkeypatch.setattr(Videos, "read", None)
    part = videos[[6, 0, 3, 2]][1:]
    monkeypatch.undo()
    assert len(part) == 3 and (part.index == [0, 3, 2]).all()
    assert (part.frames == FRAMES[[0, 3, 2]]).all() and (part.rewards == LOG["rewards"][[0, 3, 2]]).all()
    assert len(videos[2]) == 1 and (videos[2].frames == FRAMES[2:3]).all()
    assert (videos[np.arange(7) > 4].frames == FRAMES[5:]).all()
    assert (videos.read([5, 1], start=1, stop=3) == FRAMES[[5, 1], 1:3]).all()
    assert videos.read(slice(2), stop=99).shape == (2, 5, 8, 8, 3) and (videos.read(3)[0] == FRAMES[3]).all()
