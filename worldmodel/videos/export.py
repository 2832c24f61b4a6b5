"""Frames written out for people to watch: mp4 or gif. Training clips stay arrays, since yuv420p bends small colours."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph

from ..settings import ConfigError


def save_video(frames: np.ndarray, path, frames_per_second: float = 20.0, zoom: int = 4) -> Path:
    """Write uint8 ``frames`` (T, H, W, C) or (T, H, W), C 1 or 3, each pixel as a sharp square of ``zoom`` pixels.

    Returns:
        the path.

    Raises:
        ConfigError: the path ends neither in .mp4 nor in .gif, or the frames are of another form.
    """
    path, frames = Path(path), np.asarray(frames)
    frames = frames[..., None] if frames.ndim == 3 else frames
    if path.suffix.lower() not in (".mp4", ".gif"):
        raise ConfigError(f"{path}: a video is saved as .mp4 or .gif")
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] not in (1, 3) or not frames.size:
        raise ConfigError(f"frames are {frames.dtype} {frames.shape}; they must be uint8 (T, H, W, C), C 1 or 3")
    if zoom < 1 or not 0 < frames_per_second < 1e4:
        raise ConfigError(f"zoom is {zoom}, frames_per_second {frames_per_second}; they must be positive")
    path.parent.mkdir(parents=True, exist_ok=True)
    rate, gif = Fraction(frames_per_second).limit_denominator(1000), path.suffix.lower() == ".gif"
    pictures = _pictures(frames, zoom, even=not gif)
    if gif and frames.shape[-1] == 3:
        pictures = _with_palette(pictures, rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif" if gif else "libx264", rate=rate, options={} if gif else {"crf": "16"})
        for number, picture in enumerate(pictures):
            if not number:
                stream.width, stream.height = picture.width, picture.height
                stream.pix_fmt = picture.format.name if gif else "yuv420p"
            picture.pts, picture.time_base = number, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def _pictures(frames: np.ndarray, zoom: int, even: bool) -> Iterator[av.VideoFrame]:
    """Frames enlarged; for yuv420p the last row or column is doubled where there is an odd number."""
    for frame in frames:
        picture = frame.repeat(zoom, 0).repeat(zoom, 1)
        if even:
            picture = np.pad(picture, ((0, len(picture) % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
        if picture.shape[-1] == 1:
            yield av.VideoFrame.from_ndarray(picture[..., 0], "gray")
        else:
            yield av.VideoFrame.from_ndarray(picture, "rgb24")


def _with_palette(pictures: Iterator[av.VideoFrame], rate: Fraction) -> Iterator[av.VideoFrame]:
    """The pictures in the 256 colours that suit all of them best, undithered: FFmpeg's palettegen and paletteuse."""
    pictures = list(pictures)
    graph, first = Graph(), pictures[0]
    source = graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=1 / rate)
    split, generate, sink = graph.add("split"), graph.add("palettegen"), graph.add("buffersink")
    use = graph.add("paletteuse", "dither=none")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(generate, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, 1 / rate
        graph.push(picture)
    graph.push(None)
    for _ in pictures:
        yield graph.pull()
