"""Other people's video files at their worst: refused by name and reason, taken as they should look, or said to lack frames."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import CODECS, SMALL, moving_square

import worldmodel
from worldmodel.settings import DataError, VideoFileError
from worldmodel.videos import Ingest, ingest
from worldmodel.videos.gif import pictures_in_gif

NOISE = np.random.default_rng(0).integers(0, 255, (40, 64, 64), np.uint8)


def write(path, frames, codec=None, pixels=None, rate=20, times=None, rotation=0):
    """Write grey frames; ``times`` (s) are where they stand, whatever rate is declared."""
    codec = codec or CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels or ("gray" if codec == "gif" else "yuv420p")
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, "gray").reformat(format=stream.pix_fmt)
            picture.pts = number if times is None else round(1000 * times[number])
            picture.time_base = Fraction(1, rate) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(picture))
        if len(frames):
            container.mux(stream.encode())
        else:
            container.start_encoding()
    return path


def sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for number in range(10):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 16000, 1024 * number
            container.mux(stream.encode(silence))
        container.mux(stream.encode())
    return path


def altered(path, change):
    path.write_bytes(change(path.read_bytes()))
    return path


def cut(share):
    return lambda data: data[: int(share * len(data))]


def index_in_front(path):
    """An mp4 whose index comes first and whose end is gone, between two frames: what is left decodes without a fault."""
    with av.open(str(write(path.with_name("plain.mp4"), moving_square(40)))) as reader:
        with av.open(str(path), "w", options={"movflags": "faststart"}) as writer:
            stream = writer.add_stream_from_template(reader.streams.video[0])
            for packet in reader.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    writer.mux(packet)
    with av.open(str(path)) as container:
        middle = [packet.pos for packet in container.demux(video=0) if packet.pos][20]
    return altered(path, lambda data: data[:middle])


def zeros_in_the_middle(data):
    middle = data.index(b"mdat") + len(data) // 2
    return data[:middle] + bytes(4000) + data[middle + 4000 :]


def text(words):
    return lambda path: altered(write(path, NOISE[:1]), lambda _: words)


def eight_k(path):
    """8K, of which only the header is there: were a frame asked for before the size is looked at, it would be missing."""
    return altered(write(path, np.zeros((1, 4320, 7680), np.uint8), "mjpeg", "yuvj420p"), lambda data: data[:2000])


CUT = "cut short|damaged"
BAD = {
    "0 bytes": ("a.mp4", text(b""), "empty"),
    "text": ("a.mp4", text(b"just words\n" * 500), "not a video"),
    "a playlist": ("a.mp4", text(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), "not a video"),
    "another playlist": ("a.mp4", text(b"ffconcat version 1.0\nfile a.mp4\n"), "not a video"),
    "no moov": ("a.mp4", lambda path: altered(write(path, NOISE), cut(0.5)), CUT),
    "zero frames": ("a.mkv", lambda path: write(path, NOISE[:0]), "too short|cut short|not a video"),
    "audio only": ("a.mp4", sound, "no video stream"),
    "one frame": ("a.mp4", lambda path: write(path, NOISE[:1]), "too short: 1 frame"),
    "shorter than a clip": ("a.mp4", lambda path: write(path, NOISE[:5]), "too short: 5 frames"),
    "index in front, tail gone": ("a.mp4", index_in_front, "cut short: [0-9]+ frames of the 40"),
    "zeros in the middle": ("a.mp4", lambda path: altered(write(path, NOISE), zeros_in_the_middle), CUT),
    "8K": ("a.mkv", eight_k, "too large: 7680x4320"),
    "hour-long": ("a.mkv", lambda path: write(path, NOISE[:2], times=[0, 3600]), "too long: 36"),
} | {
    f"{suffix}, {share:.0%} of it": (f"a{suffix}", lambda path, share=share: altered(write(path, NOISE), cut(share)), CUT)
    for suffix, share in ((".mp4", 0.98), (".mov", 0.98), (".gif", 0.5), (".gif", 0.98), (".mkv", 0.5), (".webm", 0.85))
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_by_name_and_reason(tmp_path, fault, what):
    name, make, reason = BAD[what]
    path = make(tmp_path / name)
    with fault(f"video file: {what.split(',')[0] if what[0] != '.' else 'truncated tail'}"):
        with pytest.raises(VideoFileError, match=reason) as error:
            ingest(path, tmp_path / "out", SMALL, skip_bad=False, progress=False)
        assert error.value.path.name == name and name in str(error.value)
        with pytest.warns(UserWarning, match=name), pytest.raises(DataError, match="none of its 1"):
            ingest(path, tmp_path / "out", SMALL, progress=False)


@pytest.mark.parametrize("limit", [{"max_pixels": 4095}, {"max_seconds": 1.0}], ids=str)
def test_limits_are_the_users_own(tmp_path, fault, limit):
    path = write(tmp_path / "a.mp4", moving_square())
    with fault("video file: beyond a limit"), pytest.raises(VideoFileError, match="too l"):
        ingest(path, tmp_path, Ingest(size=32, frames=10, **limit), skip_bad=False, progress=False)


def centre(frames):
    """Column of the white square's middle in each frame, px of the source (64 wide)."""
    bright = np.clip(frames[..., 0].astype(float) - 60, 0, None)
    columns = np.arange(frames.shape[-2]) + 0.5
    return (bright.sum(-2) * columns).sum(-1) / bright.sum((-1, -2)) * 64 / frames.shape[-2]


PLAIN = moving_square()
AS_SEEN = {
    "grey": ("a.mkv", {"codec": "ffv1", "pixels": "gray"}),
    "alpha": ("a.mov", {"codec": "png", "pixels": "rgba"}),
    "alpha, vp9": ("a.webm", {"codec": "libvpx-vp9", "pixels": "yuva420p"}),
    "10-bit": ("a.mp4", {"codec": "libx264", "pixels": "yuv420p10le"}),
    "10-bit, lossless": ("a.mkv", {"codec": "ffv1", "pixels": "yuv420p10le"}),
    "odd size": ("a.mp4", {"frames": moving_square(24, 63, 65), "pixels": "yuv444p"}),
    "wrong declared rate": ("a.mkv", {"rate": 1000, "times": np.arange(24) / 20}),
    "wrong declared rate, mp4": ("a.mp4", {"rate": 5, "times": np.arange(24) / 20}),
    "unicode path": ("мяч ünï 球 $(x);.mp4", {}),
    "a very long name": ("a" * 240 + ".mkv", {}),
    "rotated by 90": ("a.mp4", {"frames": np.rot90(PLAIN, -1, axes=(1, 2)), "rotation": 90}),
    "rotated by 270": ("a.mp4", {"frames": np.rot90(PLAIN, -3, axes=(1, 2)), "rotation": 270}),
}


@pytest.mark.parametrize("what", AS_SEEN)
def test_an_unusual_file_is_taken_as_it_looks(tmp_path, fault, what):
    name, how = AS_SEEN[what]
    path = write(tmp_path / name, **({"frames": PLAIN} | how))
    with fault(f"video file: {what.split(',')[0]}"):
        frames = ingest(path, tmp_path, SMALL, skip_bad=False, progress=False).frames[0]
        assert np.abs(centre(frames) - centre(PLAIN[:10, ..., None])).max() < 0.6
        assert abs(float(frames.mean()) - float(PLAIN[:10].mean())) < 4


def test_a_varying_rate_is_resampled_by_time(tmp_path, fault):
    times = np.cumsum(np.random.default_rng(0).uniform(0.005, 0.06, 60))
    times -= times[0]
    source = np.full((60, 64, 64), 40, np.uint8)
    for t, at in enumerate(times):  # a bar that stands where its own time says
        source[t, :, : 4 + int(30 * at)] = 220
    expected = [np.abs(times - k / 20).argmin() for k in range(20)]
    path = write(tmp_path / "vary.mkv", source, rate=1000, times=times)
    with fault("video file: variable frame rate"):
        frames = ingest(path, tmp_path, Ingest(size=64, frames=20), progress=False).frames[0, ..., 0]
        assert np.abs(frames.astype(int) - source[expected]).mean() < 1.5
        assert ((frames[:, 32] > 130).sum(-1) == (source[expected][:, 32] > 130).sum(-1)).all()


def test_frames_that_a_steady_rate_lacks_are_spoken_of(tmp_path, fault):
    kept = np.delete(np.arange(40), [11, 25, 26])
    path = write(tmp_path / "a.mkv", moving_square(40)[kept], times=kept / 20)
    with (
        fault("video file: frames missing in the middle"),
        pytest.warns(UserWarning, match=r"a\.mkv: 3 frames or so are missing"),
    ):
        ingest(path, tmp_path, SMALL, progress=False)


def test_a_title_in_another_encoding_does_no_harm(tmp_path, fault):
    path = altered(write(tmp_path / "a.mkv", moving_square(20)), lambda data: data.replace(b"Lavf", b"L\xe4vf"))
    with fault("video file: a title in another encoding"):
        assert len(ingest(path, tmp_path, SMALL, skip_bad=False, progress=False)) == 2


def program(code, *arguments, timeout=120):
    """Run a program of its own, so that a crash or a hang of a decoder would be seen; returns its lines."""
    environment = os.environ | {"PYTHONPATH": str(Path(worldmodel.__file__).parents[1])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, timeout=timeout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


MEMORY = """
import resource, sys
from worldmodel.videos import Ingest, ingest
videos = ingest(sys.argv[1], sys.argv[2], Ingest(size=32, frames=10, frames_per_second=2.0, max_seconds=4000), False, False)
print(len(videos), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_an_hour_is_not_held_in_memory(tmp_path, fault):
    """3,600 frames of 160x160, 92 MB as grey bytes, at most a few of them in memory at a time."""
    picture = np.tile(NOISE[0], (3, 3))[:160, :160]
    frames = np.broadcast_to(picture, (3600, 160, 160))
    long, short = (write(tmp_path / f"{n}.mkv", frames[:n], "mpeg4", rate=1) for n in (3600, 20))
    with fault("video file: hour-long"):
        (few, before), (many, after) = (map(int, program(MEMORY, path, tmp_path)[0].split()) for path in (short, long))
        assert few == 3 and many == 719 and after - before < 30_000  # KB


def test_a_gif_that_ends_at_any_byte_or_has_an_unknown_block_is_refused(tmp_path, fault):
    path = write(tmp_path / "good.gif", moving_square()[:5])
    data = path.read_bytes()
    assert pictures_in_gif(path) == 5
    for at in range(13, len(data), 97):
        with fault("video file: a gif cut short, or with a block of no kind"):
            path.write_bytes(data[:at])
            with pytest.raises(VideoFileError, match="cut short"):
                pictures_in_gif(path)
            path.write_bytes(data[:-1] + b"?" + data[-1:])
            with pytest.raises(VideoFileError, match="after 5 pictures"):
                pictures_in_gif(path)


FLIPS = """
import json, sys, warnings
from pathlib import Path
import av, numpy as np
from worldmodel.settings import VideoFileError
from worldmodel.videos import Ingest, ingest

av.logging.set_level(av.logging.PANIC)
good, count, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
data, rng = good.read_bytes(), np.random.default_rng(0)
path = good.with_name("bad" + good.suffix)

def decoded():
    with av.open(str(path), metadata_errors="replace") as container:
        return sum(1 for _ in container.decode(video=0))

for trial in range(count):
    damaged = bytearray(data)
    for _ in range(1 if trial % 3 else rng.integers(2, 30)):
        damaged[rng.integers(len(data) if trial % 2 else 400)] ^= int(rng.integers(1, 256))
    path.write_bytes(damaged)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            ingest(path, out / str(trial), Ingest(size=32, frames=10), skip_bad=False, progress=False)
        except VideoFileError as error:
            print("refused" if error.path.name == path.name else error)
        else:
            print("said" if told else "whole" if decoded() == 24 else "silent")
"""


@pytest.mark.parametrize("suffix", CODECS)
def test_flipped_bytes_are_a_reason_or_do_no_harm(tmp_path, fault, suffix):
    good, times = write(tmp_path / f"good{suffix}", moving_square()), 60
    with fault(f"video file: random byte flips, {suffix[1:]}", times):
        lines = program(FLIPS, good, times, tmp_path)
        assert len(lines) == times and set(lines) <= {"refused", "said", "whole", "silent"}
        assert "silent" not in lines and 0 < lines.count("refused") < times


def test_bad_files_are_skipped_and_counted_and_links_do_not_lead_out(tmp_path, fault):
    folder, outside = tmp_path / "mine", tmp_path / "outside"
    folder.mkdir(), outside.mkdir()
    write(folder / "b.mp4", moving_square(34)), write(folder / "a.mkv", moving_square(10))
    (folder / "c.mp4").write_text("no video")
    altered(write(folder / "d.mp4", moving_square(40)), cut(0.7))
    (folder / ".hidden.mp4").write_text("no video"), (folder / "readme.txt").write_text("hello")
    (folder / "out.mkv").symlink_to(write(outside / "outside.mkv", moving_square(20)))
    (folder / "out").symlink_to(outside)
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.mp4")
    with fault("video file: bad ones among good ones, links out and links in a loop", 7):
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
        videos.verify()
        assert not list(videos.path.glob(".*"))
        assert "outside" not in json.dumps(videos.manifest)


@pytest.mark.parametrize("what", ["an empty folder", "a missing path", "a symlink loop", "a link to nothing"])
def test_a_path_with_no_video_is_named(tmp_path, fault, what):
    path = tmp_path / "x"
    if what == "an empty folder":
        path.mkdir()
    elif what != "a missing path":
        path.symlink_to({"a symlink loop": path, "a link to nothing": tmp_path / "y"}[what])
    with fault(f"video file: {what}"), pytest.raises(DataError, match=str(path)):
        ingest(path, tmp_path / "out")
