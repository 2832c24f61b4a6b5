"""Anybody's video files become clips; every fault has its error, and a bad file takes nothing else with it."""

import warnings
from fractions import Fraction
from importlib import import_module

import av
import numpy as np
import pytest

from worldmodel.settings import ConfigError, DataError, VideoFileError
from worldmodel.videos import Ingest, ingest

CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx", ".gif": "gif"}
SMALL = Ingest(size=32, frames=10)


def moving_square(frames=24, height=64, width=64):
    """A white square on grey that moves 2 px a frame: uint8 (T, H, W)."""
    picture = np.full((frames, height, width), 40, np.uint8)
    for t in range(frames):
        left = (2 * t) % (width - 16)
        picture[t, height // 2 - 8 : height // 2 + 8, left : left + 16] = 230
    return picture


def encode(path, frames, rate=20, times=None, codec=None, rotation=0):
    """Write grey or RGB frames; ``times`` (s) makes the rate vary."""
    codec = codec or CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "gray" if codec == "gif" else "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, "gray" if frame.ndim == 2 else "rgb24")
            picture.pts = number if times is None else round(1000 * times[number])
            picture.time_base = Fraction(1, rate) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def encode_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for number in range(10):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts = 16000, 1024 * number
            container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def centre(frames):
    """Column of the white square's middle in each frame, px of the source (64 wide)."""
    bright = np.clip(frames[..., 0].astype(float) - 60, 0, None)
    columns = np.arange(frames.shape[-2]) + 0.5
    return (bright.sum(-2) * columns).sum(-1) / bright.sum((-1, -2)) * 64 / frames.shape[-2]


def refused(path, tmp_path, reason, config=SMALL):
    with pytest.raises(VideoFileError, match=reason) as error:
        ingest(path, tmp_path / "out", config, skip_bad=False, progress=False)
    assert error.value.path.name == path.name and path.name in str(error.value)
    with pytest.warns(UserWarning, match=path.name), pytest.raises(DataError, match="none of its 1"):
        ingest(path, tmp_path / "out", config, progress=False)


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


def test_a_picture_is_turned_as_its_file_says(tmp_path):
    source = moving_square(12)
    turned = [encode(tmp_path / f"{r}.mp4", np.rot90(source, -r // 90, axes=(1, 2)), rotation=r) for r in (90, 270)]
    for path in turned:
        frames = ingest(path, tmp_path, SMALL, progress=False).frames[0]
        assert np.abs(centre(frames) - centre(source[:10, ..., None])).max() < 0.3


@pytest.mark.parametrize("rate, ticks", [(4, 16), (10, 19), (24, 20), (25, 20), (30, 20), (60, 21)])
def test_another_rate_is_resampled_by_time(tmp_path, rate, ticks):
    source = moving_square(rate, width=256)  # one second, in which the square's place tells the frame
    path = encode(tmp_path / "a.mp4", source, rate)
    frames = ingest(path, tmp_path, Ingest(size=64, frames=ticks, fit="pad"), progress=False).frames[0]
    shown = (centre(frames) * 256 / 64 - 8) / 2  # which frame of the source each one is
    assert np.abs(shown / rate - np.arange(ticks) / 20).max() < max(0.51 / rate, 1 / 40) + 0.1 / rate
    refused(path, tmp_path, f"too short: {ticks} frames", Ingest(size=64, frames=ticks + 1))


def test_a_varying_rate_is_resampled_by_time(tmp_path):
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.005, 0.06, 60))
    times -= times[0]
    source = np.full((60, 64, 64), 40, np.uint8)
    for t, at in enumerate(times):  # a bar that stands where its own time says
        source[t, :, : 4 + int(30 * at)] = 220
    expected = [np.abs(times - k / 20).argmin() for k in range(20)]
    path = encode(tmp_path / "vary.mkv", source, 1000, times)
    frames = ingest(path, tmp_path, Ingest(size=64, frames=20), progress=False).frames[0, ..., 0]
    assert np.abs(frames.astype(int) - source[expected]).mean() < 1.5
    edges = (frames[:, 32] > 130).sum(-1)
    assert (edges == (source[expected][:, 32] > 130).sum(-1)).all()


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


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", tmp_path, "empty")


PLAYLISTS = ("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "ffconcat version 1.0\nfile a.mp4\n")


@pytest.mark.parametrize("text", ["just words\n" * 500, *PLAYLISTS])
def test_text_is_not_a_video(tmp_path, text):
    (tmp_path / "notes.mp4").write_text(text)
    refused(tmp_path / "notes.mp4", tmp_path, "not a video")
    (tmp_path / "notes.txt").write_text(text)
    with pytest.raises(VideoFileError, match="not a video"):
        ingest(tmp_path / "notes.txt", tmp_path, skip_bad=False, progress=False)


def test_sound_alone(tmp_path):
    refused(encode_sound(tmp_path / "sound.mp4"), tmp_path, "no video stream")


@pytest.mark.parametrize("name, share", [("a.mp4", 0.5), ("a.mp4", 0.98), ("a.mov", 0.98), ("a.gif", 0.5),
                                         ("a.gif", 0.98), ("a.mkv", 0.5), ("a.webm", 0.85)])  # fmt: skip
def test_a_file_cut_short(tmp_path, name, share):
    path = cut(encode(tmp_path / name, np.random.default_rng(0).integers(0, 255, (40, 64, 64), np.uint8)), share)
    refused(path, tmp_path, "cut short|damaged|decoded")


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


def test_an_mp4_whose_end_is_gone_though_its_index_is_there(tmp_path):
    path = copy(encode(tmp_path / "plain.mp4", moving_square(40)), tmp_path / "front.mp4")
    with av.open(str(path)) as container:
        middle = [packet.pos for packet in container.demux(video=0) if packet.pos][20]
    path.write_bytes(path.read_bytes()[:middle])  # between two frames: what is left decodes without a fault
    refused(path, tmp_path, "cut short: [0-9]+ frames of the 40")


def test_frames_that_an_edit_cut_away_are_not_missed(tmp_path):
    source = moving_square(40, width=128)
    path = copy(encode(tmp_path / "plain.mp4", source), tmp_path / "trimmed.mp4", shift=0.5)
    frames = ingest(path, tmp_path, Ingest(size=64, frames=30, fit="pad"), skip_bad=False, progress=False).frames[0]
    assert np.abs(centre(frames) * 2 - 8 - 2 * np.arange(10, 40)).max() < 0.5


def test_a_title_in_another_encoding_does_no_harm(tmp_path):
    path = encode(tmp_path / "a.mkv", moving_square(20))
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"L\xe4vf"))
    assert len(ingest(path, tmp_path, SMALL, skip_bad=False, progress=False)) == 2


@pytest.mark.parametrize("suffix", CODECS)
def test_random_damage_is_a_fault_or_nothing(tmp_path, suffix):
    rng = np.random.default_rng(0)
    good, path = encode(tmp_path / f"good{suffix}", moving_square(12)).read_bytes(), tmp_path / f"bad{suffix}"
    for trial in range(12):
        damaged = bytearray(good)
        for _ in range(rng.integers(1, 30)):
            damaged[rng.integers(400 if trial % 2 else len(good))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            ingest(path, tmp_path / str(trial), SMALL, skip_bad=False, progress=False)
        except VideoFileError as error:
            assert error.path.name == path.name


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


def test_frames_that_the_file_declares_and_does_not_give(tmp_path):
    path = encode(tmp_path / "flipped.mp4", np.random.default_rng(0).integers(0, 255, (40, 64, 64), np.uint8))
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)
    refused(path, tmp_path, "cut short|damaged|decoded")


def test_too_short_for_a_clip(tmp_path):
    refused(encode(tmp_path / "short.mp4", moving_square(5)), tmp_path, "too short: 5 frames")


def test_too_large_and_too_long(tmp_path):
    path = encode(tmp_path / "big.mp4", moving_square())
    refused(path, tmp_path, "too large: 64x64", Ingest(size=32, frames=10, max_pixels=4095))
    refused(path, tmp_path, "too long", Ingest(size=32, frames=10, max_seconds=1.0))


def test_bad_files_are_skipped_and_counted(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    encode(folder / "b.mp4", moving_square(34))
    encode(folder / "a.mkv", moving_square(10))
    (folder / "c.mp4").write_text("no video")
    cut(encode(folder / "d.mp4", moving_square(40)), 0.7)
    (folder / ".hidden.mp4").write_text("no video")
    (folder / "readme.txt").write_text("hello")
    (folder / "out.mkv").symlink_to(encode(tmp_path / "outside.mkv", moving_square(20)))
    with pytest.raises(VideoFileError, match=r"c\.mp4"):
        ingest(folder, tmp_path, SMALL, skip_bad=False, progress=False)
    for _ in range(2):  # the second call opens what is there, and says the same of it
        with pytest.warns(UserWarning) as warned:
            videos = ingest(folder, tmp_path, SMALL, progress=False)
        assert sorted(str(w.message).split(": ")[0].split("/")[-1] for w in warned) == ["c.mp4", "d.mp4"]
    source = videos.manifest["source"]
    assert source["files"] == {"a.mkv": 1, "b.mp4": 3} and list(source["files"]) == ["a.mkv", "b.mp4"]
    assert source["skipped"] == 2 and set(source["bad"]) == {"c.mp4", "d.mp4"} and len(videos) == 4
    assert videos.path.parent == tmp_path / "videos" and videos.path.name.startswith("mine-")
    with pytest.raises(VideoFileError, match=r"c\.mp4"):
        ingest(folder, tmp_path, SMALL, skip_bad=False, progress=False)
    videos.verify()
    assert not list(videos.path.glob(".*"))


def test_the_name_follows_from_the_bytes_and_the_settings(tmp_path):
    path = encode(tmp_path / "a.mkv", moving_square())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, again = (ingest(path, tmp_path, SMALL, progress=False) for _ in range(2))
        other = ingest(path, tmp_path, Ingest(size=16, frames=10), progress=False)
        encode(path, moving_square(30))
        changed = ingest(path, tmp_path, SMALL, progress=False)
    assert first.path == again.path and len({first.path, other.path, changed.path}) == 3 and len(changed) == 3


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="no video file"):
        ingest(tmp_path, tmp_path)
    with pytest.raises(DataError, match="no video file"):
        ingest(tmp_path / "absent.mp4", tmp_path)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"channels": 2}, {"frames": 0}, {"frames_per_second": float("nan")},
                                   {"fit": "stretch"}, {"max_seconds": float("inf")}, {"stride": 0}])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Ingest(**wrong)
