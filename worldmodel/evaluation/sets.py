"""The clips of the battery: a probe learns on training clips and is tried on clips and bands that it never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import DATA
from ..videos import Film, Truth, Videos, film, truth


@dataclass(frozen=True)
class EvaluationSet:
    """Clips and what was hidden behind them."""

    videos: Videos
    truth: Truth

    def frames(self, stop: int | None = None) -> np.ndarray:
        """The first ``stop`` frames of every clip, uint8 (N, T, H, W, C)."""
        return self.videos.read(stop=stop)


# name -> (split, band, clips). `train` is where the ridge is fitted, `validation` where its strength is chosen.
SETS = {
    "train": ("train", "train", 2000),
    "validation": ("validation", "train", 500),
    "test": ("test", "train", 1000),
    "earth": ("test", "earth", 500),
    "beyond": ("test", "beyond", 500),
}


def open_sets(world: str = "ball", scene: str = "clean", root=DATA, share: float = 1.0, progress: bool = True):
    """Film what is not there yet and open it: `EvaluationSet`s by name. ``share`` shrinks all of them, for a quick look.

    The probe's training clips have a seed of their own: the model has not seen them either.
    """
    sets = {}
    for name, (split, band, clips) in SETS.items():
        config = Film(world, max(50, round(clips * share)), scene=scene, band=band, split=split, seed=1000)
        videos = film(config, root, progress=progress)
        sets[name] = EvaluationSet(videos, truth(videos))
    return sets
