"""Other people's video files become clips: decoded, squared, resized, resampled by time and cut, one file at a time.

Nothing larger than a shard is held in memory. A file's frames wait in a scratch file on disk until all of it has been
decoded without a fault, so that a file is taken whole or not at all.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from tqdm import tqdm

from ..files import sha256
from ..settings import DATA, ConfigError, DataError, VideoFileError, check_config
from .gif import pictures_in_gif
from .store import Videos, recorded, save_manifest, save_shard

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".gif")  # what is looked for in a folder
# FFmpeg also opens playlists, which name other files and hosts, and draws plain text as video: neither is wanted.
DEMUXERS = "mov,matroska,gif"
SHARD_CLIPS, SHARD_BYTES = 1000, 256 << 20  # a shard is written when either is reached


@dataclass(frozen=True)
class Ingest:
    """How other people's videos are made into clips."""

    size: int = 64  # pixels, height and width of a clip
    channels: int = 1  # 1 grey, 3 RGB
    frames: int = 40  # frames in a clip
    frames_per_second: float = 20.0  # of the clips; a file of any rate, or of a varying one, is resampled by time
    fit: str = "crop"  # crop: the middle square of the picture; pad: all of it, on black
    max_pixels: int = 4096 * 4096  # largest frame that a file may declare
    max_seconds: float = 600.0  # longest file
    stride: int | None = None  # frames between the starts of two clips; by default `frames`, so that none overlap

    def __post_init__(self):
        check_config(self, size=(8, 4096), frames=(1, 1_000_000), frames_per_second=(1e-3, 1e4))
        check_config(self, max_pixels=(1, 2**31), max_seconds=(0, 1e9))
        if self.channels not in (1, 3):
            raise ConfigError(f"Ingest.channels is {self.channels}; it must be 1 (grey) or 3 (RGB)")
        if self.fit not in ("crop", "pad"):
            raise ConfigError(f"Ingest.fit is {self.fit!r}; it must be 'crop' or 'pad'")
        if self.stride is not None and self.stride < 1:
            raise ConfigError(f"Ingest.stride is {self.stride}; it must be at least 1")


def ingest(folder_or_file, root=DATA, config: Ingest = Ingest(), skip_bad=True, progress=True) -> Videos:
    """Make clips of a video file, or of all in a folder and below, under ``root/videos``, in the order of their names.

    The recording's name follows from the files' bytes and the settings; one that is there already is opened. Its
    manifest lists the clips of each file and the reason for each that was skipped.

    Args:
        skip_bad: warn of a file that cannot be used and go on; else raise.

    Raises:
        VideoFileError: a file cannot be used, and ``skip_bad`` is False.
        DataError: there is no video file, or none that can be used.
    """
    start = Path(folder_or_file)
    try:
        files = _files(start)
    except (OSError, RuntimeError) as error:  # a loop of links, or a folder that may not be read
        raise DataError(f"{start}: {error}") from None
    if not files:
        raise DataError(f"{start}: no video file here ({', '.join(SUFFIXES)})")
    prints = {name: sha256(path) for name, path in files.items()}
    key = hashlib.sha256(json.dumps([prints, asdict(config)]).encode()).hexdigest()[:8]
    path = Path(root) / "videos" / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', start.resolve().stem) or 'videos'}-{key}"
    new = not (path / "manifest.json").exists()
    videos = recorded(path, lambda: _ingest_all(files, path, config, start, skip_bad, progress))
    for name, reason in {} if new else videos.manifest["source"]["bad"].items():
        _report(VideoFileError(files[name], reason), skip_bad)
    return videos


def _ingest_all(files: dict[str, Path], path: Path, config: Ingest, start: Path, skip_bad: bool, progress: bool) -> Videos:
    writer, clips, bad = _ShardWriter(path, config), {}, {}
    for name, file in tqdm(files.items(), f"ingest {start.name}", disable=not progress, unit="file", leave=False):
        try:
            with tempfile.TemporaryFile(dir=path) as scratch:
                clips[name] = writer.add(_decode_whole(file, config, scratch))
        except VideoFileError as error:
            _report(error, skip_bad)
            bad[name] = error.reason
    if not clips:
        raise DataError(f"{start}: none of its {len(files)} video files can be used")
    shards = writer.finish()
    shape = (config.frames, config.size, config.size, config.channels)
    source = {"ingest": asdict(config), "files": clips, "bad": bad, "skipped": len(bad)}
    return save_manifest(path, shape, config.frames_per_second, shards, **source)


def _report(error: VideoFileError, skip_bad: bool) -> None:
    if not skip_bad:
        raise error
    warnings.warn(f"skipped {error}", stacklevel=3)


def _files(start: Path) -> dict[str, Path]:
    """The video files by name, sorted. Hidden files and links that lead out of the folder are left alone."""
    if start.is_file():
        return {start.name: start}
    home = start.resolve()
    found = {}
    for path in start.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(start).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file() and path.resolve().is_relative_to(home):
            found[path.relative_to(start).as_posix()] = path
    return dict(sorted(found.items()))


def _decode_whole(path: Path, config: Ingest, scratch) -> np.ndarray:
    """All frames of a file at the clips' rate and size, mapped from ``scratch``: uint8 (n, H, W, C).

    Raises:
        VideoFileError: the file is empty, not a video, damaged, cut short, too large or too short for one clip.
    """
    count = 0
    if path.stat().st_size == 0:
        raise VideoFileError(path, "the file is empty")
    try:
        options = {"format_whitelist": DEMUXERS}
        with av.open(str(path.resolve()), options=options, metadata_errors="replace") as container:
            for picture in _resample(_frames(path, container, config), config):
                scratch.write(picture.data)
                count += 1
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoFileError(path, f"not a video, or a damaged one ({reason})") from None
    if count < config.frames:
        raise VideoFileError(path, f"too short: {count} frames at {config.frames_per_second:g} a second, "
                                   f"and a clip takes {config.frames}")  # fmt: skip
    scratch.flush()
    return np.memmap(scratch, np.uint8, "r", shape=(count, config.size, config.size, config.channels))


def _frames(path: Path, container, config: Ingest) -> Iterator[tuple[float, av.VideoFrame]]:
    """Decoded frames with their times in seconds from the first; what is declared is checked before and after."""
    streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not streams:
        raise VideoFileError(path, "it has no video stream")
    stream, shown, hidden, start, times, end = streams[0], 0, 0, None, [], 0.0
    if stream.codec_context is None:
        raise VideoFileError(path, "damaged, or of a codec that FFmpeg does not know")
    _check_size(path, stream.width, stream.height, config)
    declared = float(container.duration or 0) / av.time_base
    if declared > config.max_seconds:
        raise VideoFileError(path, f"too long: {declared:.0f} s, and {config.max_seconds:g} s are allowed")
    for packet in container.demux(stream):
        hidden += packet.is_discard  # cut away by an edit list: declared, never shown
        for frame in packet.decode():
            shown += 1
            _check_size(path, frame.width, frame.height, config)
            if frame.is_corrupt:
                raise VideoFileError(path, f"damaged at frame {shown}")
            at = frame.time if frame.time is not None else shown / float(stream.average_rate or 25)
            start = at if start is None else start
            if at - start > config.max_seconds:
                raise VideoFileError(path, f"too long: more than the {config.max_seconds:g} s that are allowed")
            if not times or at - start > times[-1]:  # a frame that is not later than the one before has no place in time
                times.append(at - start)
                end = times[-1] + float((frame.duration or 0) * stream.time_base)
                yield times[-1], frame
    if not times:
        raise VideoFileError(path, "it shows no frame")
    if stream.frames and not declared:
        raise VideoFileError(path, "damaged: it declares frames and no duration")
    if stream.frames and shown + hidden < stream.frames:
        raise VideoFileError(path, f"cut short: {shown} frames of the {stream.frames} that it declares")
    if container.format.name == "gif" and shown != (held_in := pictures_in_gif(path)):
        raise VideoFileError(path, f"damaged: {shown} frames can be seen of the {held_in} that it holds")
    # Matroska declares no count. Its duration serves where no sound can outlast the picture; it is rough, since nothing
    # says how long the last frame stands.
    if not stream.frames and len(container.streams) == 1 and end < 0.95 * declared - 0.1:
        raise VideoFileError(path, f"cut short: {end:.2f} s of the {declared:.2f} s that it declares")
    missing = max(shown - len(times), _missing(times, declared if len(container.streams) == 1 else 0.0))
    if missing:
        warnings.warn(f"{path}: {missing} frames or so are missing, and what is before or after stands in for them", stacklevel=2)


def _missing(times: list, until: float) -> int:
    """How many frames a steady rate lacks, its times in seconds: a camera may drop some, and damage may. 0 for a varying rate."""
    steps = np.diff(times + [until] * (until > times[-1] > 0))
    usual = np.median(steps) if len(times) > 1 else 1.0
    steady = np.mean(np.abs(steps / usual - 1) < 0.25) > 0.8
    return int((np.round(steps / usual) - 1).clip(0).sum()) if steady else 0


def _check_size(path: Path, width: int, height: int, config: Ingest) -> None:
    if width < 1 or height < 1:
        raise VideoFileError(path, "it declares no picture size")
    if width * height > config.max_pixels or max(width, height) > 64 * min(width, height):
        raise VideoFileError(path, f"too large: {width}x{height}, and {config.max_pixels} pixels are allowed")


def _resample(frames: Iterator, config: Ingest) -> Iterator[np.ndarray]:
    """For each tick of the clips' clock the frame nearest in time: uint8 (H, W, C)."""
    reformatter, step, tick, last = VideoReformatter(), 1 / config.frames_per_second, 0, None
    for time, frame in itertools.chain(frames, [(None, None)]):
        if last is not None:
            until = last[0] + step / 2 if frame is None else (last[0] + time) / 2
            picture = _square(last[1], config, reformatter) if tick * step <= until else None
            while tick * step <= until:
                yield picture
                tick += 1
        last = time, frame


def _square(frame: av.VideoFrame, config: Ingest, reformatter: VideoReformatter) -> np.ndarray:
    """One picture upright, resized by area and cropped or padded to a square: uint8 (H, W, C), contiguous."""
    side = min if config.fit == "crop" else max
    scale = config.size / side(frame.width, frame.height)
    width, height = (max(1, round(n * scale)) for n in (frame.width, frame.height))
    pixels = {1: "gray", 3: "rgb24"}[config.channels]
    picture = reformatter.reformat(frame, width, height, pixels, interpolation="AREA").to_ndarray()
    picture = np.rot90(picture.reshape(height, width, config.channels), round(frame.rotation / 90))
    if config.fit == "pad":
        space = [config.size - n for n in picture.shape[:2]]
        return np.pad(picture, [(n // 2, n - n // 2) for n in space] + [(0, 0)])
    top, left = ((n - config.size) // 2 for n in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + config.size, left : left + config.size])


class _ShardWriter:
    """Collects clips and writes a shard whenever there are enough."""

    def __init__(self, path: Path, config: Ingest):
        self.path, self.config, self.waiting, self.shards = path, config, [], []
        clip_bytes = config.frames * config.size**2 * config.channels
        self.limit = max(1, min(SHARD_CLIPS, SHARD_BYTES // clip_bytes))

    def add(self, frames: np.ndarray) -> int:
        """Cut frames (n, H, W, C) into clips and keep them; returns how many there were."""
        length = self.config.frames
        starts = range(0, len(frames) - length + 1, self.config.stride or length)
        for start in starts:
            self.waiting.append(np.array(frames[None, start : start + length]))
            if len(self.waiting) == self.limit:
                self.finish()
        return len(starts)

    def finish(self) -> list[dict]:
        """Write what is left; returns the entries of all shards."""
        if self.waiting:
            self.shards.append(save_shard(self.path, len(self.shards), len(self.waiting), self.waiting))
            self.waiting = []
        return self.shards
