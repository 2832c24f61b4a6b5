"""The door to the hidden constants and states. Only `evaluation` goes through it; training never does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import load_arrays
from ..settings import DataError
from .store import Videos


@dataclass(frozen=True)
class Truth:
    """What was hidden from the model: ``values`` by name, float32 (N,) constants and (N, T, ...) states, SI units."""

    values: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]


def truth(videos: Videos) -> Truth:
    """The truth behind a recording, clip for clip; of several worlds what all have in one shape, and ``world``, its number.

    Raises:
        DataError: there is none (an ingested video has no truth), or it cannot be read.
    """
    folder = Path(videos.path).parent.parent / "truth" / Path(videos.path).name
    files = sorted(folder.glob("truth-*.npz"))
    if not files:
        raise DataError(f"{folder}: no truth is kept for these videos")
    if len(files) != len(videos.manifest["shards"]):
        raise DataError(f"{folder}: holds the truth of {len(files)} shards, but there are {len(videos.manifest['shards'])}")
    parts = [load_arrays(file, DataError) for file in files]
    forms = [{(name, value.shape[1:]) for name, value in part.items()} for part in parts]
    shared = [name for name, value in parts[0].items() if all((name, value.shape[1:]) in form for form in forms)]
    return Truth({name: np.concatenate([part[name] for part in parts])[videos.index] for name in shared})
