"""Anybody's video files become clips. What bad files do is in tests/faults."""

import warnings
from fractions import Fraction
from importlib import import_module

import av
import numpy as np
import pytest
from clips import CODECS, SMALL, moving_square

from worldmodel.settings import ConfigError, VideoFileError
from worldmodel.videos import Ingest, ingest


def encode(path, frames, rate=20):
    """Write grey or RGB frames."""
    codec = CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "gray" if codec == "gif" else "yuv420p"
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, "gray" if frame.ndim == 2 else "rgb24")
            picture.pts, picture.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def centre(frames):
    """Column of the white square's middle in each frame, px of the source (64 wide)."""
    bright = np.clip(frames[..., 0].astype(float) - 60, 0, None)
    columns = np.arange(frames.shape[-2]) + 0.5
    return (bright.sum(-2) * columns).sum(-1) / bright.sum((-1, -2)) * 64 / frames.shape[-2]


@pytest.mark.parametrize("suffix", CODECS)
def test_every_container_gives_the_same_clips(tmp_path, suffix):
    source = moving_square()
    videos = ingest(encode(tmp_path / f"a{suffix}", source), tmp_path, SMALL, progress=False)
    assert len(videos) == 2 and videos.shape == (10, 32, 32, 1) and videos.frames_per_second == 20
    assert videos.actions is None and videos.manifest["source"]["files"] == {f"a{suffix}": 2}
    area = source.reshape(24, 32, 2, 32, 2).mean((2, 4))[:20].reshape(2, 10, 32, 32)
    assert np.abs(videos.frames[..., 0] - area).mean() < 2.5  # a lossy codec, and nothing else, lies between
    assert np.abs(centre(videos.frames).ravel() - centre(source[:20, ..., None])).max() < 0.3
    videos.verify()


def test_colour_is_kept(tmp_path):
    source = np.zeros((12, 64, 64, 3), np.uint8)
    source[:, :, :32], source[:, :, 32:] = (200, 40, 40), (30, 60, 220)
    path = encode(tmp_path / "colour.mp4", source)
    frames = ingest(path, tmp_path, Ingest(size=32, channels=3, frames=10), progress=False).frames
    assert frames.shape == (1, 10, 32, 32, 3)
    assert np.abs(frames[0, 5, 16, [4, 28]].astype(int) - [(200, 40, 40), (30, 60, 220)]).max() < 8


def test_crop_takes_the_middle_and_pad_takes_all(tmp_path):
    source = np.full((12, 64, 128), 100, np.uint8)
    source[:, :, :32], source[:, :, 96:] = 250, 250
    path = encode(tmp_path / "wide.mp4", source)
    crop = ingest(path, tmp_path, SMALL, progress=False).frames[0, 5, ..., 0]
    pad = ingest(path, tmp_path, Ingest(size=32, frames=10, fit="pad"), progress=False).frames[0, 5, ..., 0]
    assert np.abs(crop[:, 2:-2].astype(int) - 100).max() < 6
    assert (pad[:7] == 0).all() and (pad[-7:] == 0).all() and pad[16, 2] > 240 and pad[16, -3] > 240
    assert abs(int(pad[16, 16]) - 100) < 6


@pytest.mark.parametrize("rate, ticks", [(4, 16), (10, 19), (24, 20), (25, 20), (30, 20), (60, 21)])
def test_another_rate_is_resampled_by_time(tmp_path, rate, ticks):
    source = moving_square(rate, width=256)  # one second, in which the square's place tells the frame
    path = encode(tmp_path / "a.mp4", source, rate)
    frames = ingest(path, tmp_path, Ingest(size=64, frames=ticks, fit="pad"), progress=False).frames[0]
    shown = (centre(frames) * 256 / 64 - 8) / 2  # which frame of the source each one is
    assert np.abs(shown / rate - np.arange(ticks) / 20).max() < max(0.51 / rate, 1 / 40) + 0.1 / rate
    with pytest.raises(VideoFileError, match=f"too short: {ticks} frames"):
        ingest(path, tmp_path, Ingest(size=64, frames=ticks + 1), skip_bad=False, progress=False)


def test_clips_may_overlap(tmp_path):
    path = encode(tmp_path / "a.mkv", moving_square(24))
    videos = ingest(path, tmp_path, Ingest(size=32, frames=10, stride=4), progress=False)
    assert len(videos) == 4 and (videos.frames[1, :6] == videos.frames[0, 4:]).all()


def test_shards_are_written_on_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(import_module("worldmodel.videos.ingest"), "SHARD_CLIPS", 3)
    path = encode(tmp_path / "a.mkv", moving_square(80))
    videos = ingest(path, tmp_path, SMALL, progress=False)
    assert [s["clips"] for s in videos.manifest["shards"]] == [3, 3, 2]
    videos.verify()


def copy(source, path, shift=0.0):
    """The same packets with the index in front, ``shift`` s earlier: what comes before 0 s is cut away, unseen."""
    with av.open(str(source)) as reader, av.open(str(path), "w", options={"movflags": "faststart"}) as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                earlier = round(shift / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - earlier, packet.dts - earlier, stream
                writer.mux(packet)
    return path


def test_frames_that_an_edit_cut_away_are_not_missed(tmp_path):
    source = moving_square(40, width=128)
    path = copy(encode(tmp_path / "plain.mp4", source), tmp_path / "trimmed.mp4", shift=0.5)
    frames = ingest(path, tmp_path, Ingest(size=64, frames=30, fit="pad"), skip_bad=False, progress=False).frames[0]
    assert np.abs(centre(frames) * 2 - 8 - 2 * np.arange(10, 40)).max() < 0.5


def test_sound_beside_the_picture_is_left_out(tmp_path):
    path = tmp_path / "talkie.mkv"
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream("libx264", rate=20), container.add_stream("aac", rate=16000)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for frame in moving_square(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, "gray")))
        for number in range(60):  # longer than the picture
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts = 16000, 1024 * number
            container.mux(audio.encode(sound))
        container.mux([*video.encode(), *audio.encode()])
    assert len(ingest(path, tmp_path, SMALL, skip_bad=False, progress=False)) == 2


def test_the_name_follows_from_the_bytes_and_the_settings(tmp_path):
    path = encode(tmp_path / "a.mkv", moving_square())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, again = (ingest(path, tmp_path, SMALL, progress=False) for _ in range(2))
        other = ingest(path, tmp_path, Ingest(size=16, frames=10), progress=False)
        encode(path, moving_square(30))
        changed = ingest(path, tmp_path, SMALL, progress=False)
    assert first.path == again.path and len({first.path, other.path, changed.path}) == 3 and len(changed) == 3


@pytest.mark.parametrize("wrong", [{"size": 0}, {"channels": 2}, {"frames": 0}, {"frames_per_second": float("nan")},
                                   {"fit": "stretch"}, {"max_seconds": float("inf")}, {"stride": 0}])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Ingest(**wrong)
