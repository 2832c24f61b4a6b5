"""Clips that tests of recordings make, and tests of their faults too: small shards, one digest for a tree, a moving square."""

import hashlib
from importlib import import_module

import numpy as np
import pytest

from worldmodel.videos import Film, Ingest, film

module = import_module("worldmodel.videos.film")
BALL = Film(clips=50, frames=6)
CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx", ".gif": "gif"}
SMALL = Ingest(size=32, frames=10)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(module, "CLIPS_PER_SHARD", 20)
    monkeypatch.setattr(module, "CLIPS_PER_BLOCK", 8)


def record(config, root, **kwargs):
    return film(config, root, progress=False, **kwargs)


def bytes_below(root):
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def moving_square(frames=24, height=64, width=64):
    """A white square on grey that moves 2 px a frame: uint8 (T, H, W)."""
    picture = np.full((frames, height, width), 40, np.uint8)
    for t in range(frames):
        left = (2 * t) % (width - 16)
        picture[t, height // 2 - 8 : height // 2 + 8, left : left + 16] = 230
    return picture
