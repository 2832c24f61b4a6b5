"""Recordings that are cut off, damaged or forged: filmed on to the same bytes, or refused, and the file is named."""

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from clips import BALL, bytes_below, module, record, small_shards  # noqa: F401

from worldmodel.files import signed
from worldmodel.settings import DataError
from worldmodel.videos import Film, Videos, truth
from worldmodel.videos.store import save_manifest, save_shard

pytestmark = pytest.mark.usefixtures("small_shards")


KILLED = """
import os, signal, sys
from importlib import import_module
from worldmodel.videos import Film
film = import_module("worldmodel.videos.film")
film.CLIPS_PER_SHARD, film.CLIPS_PER_BLOCK = 20, 8
pictures, shards = film._pictures, []

def killed_on_the_way(config, *rest):
    shards.append(1)
    for number, block in enumerate(pictures(config, *rest)):
        if len(shards) == 2 and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield block

film._pictures = killed_on_the_way
film.film(Film(sys.argv[2], 50, 6, "clutter"), sys.argv[1], workers=1, progress=False)
"""


@pytest.mark.parametrize("name", ["ball", "lander"])
def test_a_killed_recording_goes_on_to_the_same_bytes(tmp_path, fault, monkeypatch, name):
    environment = os.environ | {"PYTHONPATH": str(Path(module.__file__).parents[2])}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "cut"), name]
    with fault("recording: SIGKILL in mid-shard"):
        done = subprocess.run(command, env=environment, timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL
        config = Film(name, 50, 6, "clutter")
        folder = tmp_path / "cut" / "videos" / config.name
        assert (folder / "frames-00000.npy").exists() and not (folder / "frames-00001.npy").exists()
        assert list(folder.glob(".frames-00001.npy.*"))  # killed in the middle of writing it
        with pytest.raises(DataError, match="not finished"):
            Videos.open(folder)
        filmed, shard = [], module._pictures
        monkeypatch.setattr(module, "_pictures", lambda *args: filmed.append(1) or shard(*args))
        record(config, tmp_path / "cut", workers=1)
        assert len(filmed) == 2  # the first of the three shards was taken over
        record(config, tmp_path / "whole", workers=1)
        assert bytes_below(tmp_path / "cut") == bytes_below(tmp_path / "whole")


def test_two_that_film_the_same_at_the_same_time_get_the_same(tmp_path, fault):
    with fault("recording: two at the same time"), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: record(BALL, tmp_path), range(4)))
        assert len({videos.digest for videos in found}) == 1
        found[0].verify()
        assert not list(found[0].path.glob(".*"))


def test_a_damaged_shard_is_filmed_again_when_the_recording_goes_on(tmp_path, fault):
    videos = record(BALL, tmp_path / "one")
    before = bytes_below(tmp_path)
    with fault("recording: cut off, a shard missing and one flipped", 2):
        (videos.path / "manifest.json").unlink()
        (videos.path / "frames-00000.npy").unlink()
        flipped = bytearray((videos.path / "frames-00001.npy").read_bytes())
        flipped[-1] ^= 1
        (videos.path / "frames-00001.npy").write_bytes(flipped)
        record(BALL, tmp_path / "one")
        assert bytes_below(tmp_path) == before


FRAMES = np.random.default_rng(0).integers(0, 256, (7, 5, 8, 8, 3), dtype=np.uint8)
LOG = {"actions": np.zeros((7, 5, 2)), "rewards": -np.arange(35.0).reshape(7, 5), "ends": np.zeros((7, 5), bool)}


@pytest.fixture
def recording(tmp_path):
    """Two shards of 4 and 3 clips, with a log."""
    path = tmp_path / "videos" / "some"
    parts = (slice(4), slice(4, 7))
    shards = [save_shard(path, n, len(FRAMES[p]), [FRAMES[p]], {k: v[p] for k, v in LOG.items()}) for n, p in enumerate(parts)]
    save_manifest(path, FRAMES.shape[1:], 20, shards, action_size=2)
    return path


SHARDS = ("frames-00000.npy", "frames-00001.npy", "log-00000.npz", "log-00001.npz")
DAMAGE = {
    "flipped": lambda data, at: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
    "truncated": lambda data, at: data[:at],
    "one byte short": lambda data, at: data[:-1],
    "with trailing junk": lambda data, at: data + b"junk",
    "empty": lambda data, at: b"",
    "missing": None,
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", SHARDS)
def test_verify_names_the_damaged_file(recording, fault, name, how):
    videos, file = Videos.open(recording), recording / name
    with fault(f"recording: a shard {how}"):
        if how == "missing":
            file.unlink()
        else:
            file.write_bytes(DAMAGE[how](file.read_bytes(), file.stat().st_size // 2))
        with pytest.raises(DataError, match=f"{name}: (missing|its sha256)"):
            videos.verify()


def test_verify_names_a_file_that_is_not_in_the_manifest(recording, fault):
    for name in ("frames-00002.npy", "log-00002.npz"):
        (recording / name).write_bytes(b"")
        with fault("recording: an extra shard"), pytest.raises(DataError, match=f"{name}.*not in the manifest"):
            Videos.open(recording).verify()
        (recording / name).unlink()
    Videos.open(recording).verify()


@pytest.mark.parametrize(
    "how", ["truncated", "one byte short", "empty", "missing", "of another shape", "of objects", "of floats"]
)
def test_a_recording_that_is_not_whole_does_not_open(recording, fault, how):
    shard = recording / "frames-00001.npy"
    with fault(f"recording: opened with a shard {how}"):
        if how == "missing":
            shard.unlink()
        elif how in DAMAGE:
            shard.write_bytes(DAMAGE[how](shard.read_bytes(), 300))
        else:
            other = {
                "of another shape": FRAMES[4:6],
                "of objects": np.array([{}] * 3),
                "of floats": FRAMES[4:].astype(np.float32),
            }
            np.save(shard, other[how])
        with pytest.raises(DataError, match=r"frames-00001\.npy"):
            Videos.open(recording)


@pytest.mark.parametrize("how", [*DAMAGE, "of objects", "lacking rewards"])
def test_a_damaged_log_is_named_when_it_is_read(recording, fault, how):
    log = recording / "log-00001.npz"
    with fault(f"recording: read with a log {how}"):
        if how == "missing":
            log.unlink()
        elif how in DAMAGE:
            data = log.read_bytes()
            log.write_bytes(DAMAGE[how](data, data.index(b"rewards") + 180))
        else:
            np.savez(log, **({"rewards": np.array([{}] * 3)} if how == "of objects" else {"ends": LOG["ends"][4:]}))
        videos = Videos.open(recording)
        if how == "with trailing junk":  # zip looks for its index from the end, and finds all of it
            assert (videos.rewards == LOG["rewards"]).all()
            return
        with pytest.raises(DataError, match=r"log-00001\.npz"):
            assert videos.rewards is None


@pytest.mark.parametrize("change, message", [
    (lambda m: m.update(version=99), "version 99"),
    (lambda m: m.pop("shards"), "lacks shards"),
    (lambda m: m["shards"][0].update(frames="../../elsewhere.npy"), "elsewhere"),
    (lambda m: m["shards"][0].pop("clips"), "shards"),
], ids=["newer version", "no shards", "a path that leads out", "no clips"])  # fmt: skip
def test_a_manifest_of_another_form_is_refused(recording, fault, change, message):
    manifest = json.loads((recording / "manifest.json").read_text())
    del manifest["sha256"]
    change(manifest)
    (recording / "manifest.json").write_text(json.dumps(signed(manifest)))
    with fault("recording: a manifest of another form"), pytest.raises(DataError, match=message):
        Videos.open(recording)


def test_a_byte_flipped_in_the_manifest_is_refused(recording, fault):
    file, rng = recording / "manifest.json", np.random.default_rng(0)
    good = file.read_bytes()
    for at in rng.integers(0, len(good), 100):
        flipped = bytes([good[at] ^ int(rng.integers(1, 256))])
        if not (good[at : at + 1] + flipped).isspace():  # blanks between the words say nothing
            with fault("recording: a byte flipped in the manifest"), pytest.raises(DataError, match=re.escape(str(file))):
                file.write_bytes(good[:at] + flipped + good[at + 1 :])
                Videos.open(recording)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"3", b"[" * 100_000], ids=lambda text: repr(text[:8]))
def test_a_manifest_of_garbage_is_refused(recording, fault, text):
    (recording / "manifest.json").write_bytes(text)
    with fault("recording: a manifest of garbage"), pytest.raises(DataError, match=r"manifest\.json"):
        Videos.open(recording)


def test_a_recording_without_a_manifest_is_said_to_be_unfinished(recording, fault):
    (recording / "manifest.json").unlink()
    with fault("recording: no manifest"), pytest.raises(DataError, match="no manifest.*not finished"):
        Videos.open(recording)


@pytest.mark.parametrize("how", ["missing", "no zip", "half", "of objects"])
def test_a_truth_that_is_gone_or_damaged_is_named(tmp_path, fault, how):
    videos = record(BALL, tmp_path)
    file = tmp_path / "truth" / BALL.name / "truth-00001.npz"
    with fault(f"recording: a truth {how}"):
        if how == "missing":
            file.unlink()
        elif how == "of objects":
            np.savez(file, g=np.array([{}]))
        else:
            file.write_bytes(b"no zip" if how == "no zip" else file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(DataError, match="holds the truth of 2 shards" if how == "missing" else r"truth-00001\.npz"):
            truth(videos)
        for other in file.parent.glob("truth-*"):
            other.unlink()
        with pytest.raises(DataError, match="no truth"):
            truth(videos)
