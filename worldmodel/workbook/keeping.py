"""Results in files: what a killed run finished is not done again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ..files import write_whole


def keep(path: Path, compute) -> dict[str, np.ndarray]:
    """The arrays in ``path``, or, where there are none yet, those that ``compute()`` gives, saved there whole.

    ``seconds``, if not among them, is how long that took.
    """
    if not path.exists():
        started = time.perf_counter()
        arrays = compute()
        arrays = {"seconds": np.array(time.perf_counter() - started)} | arrays
        write_whole(path, lambda file: np.savez(file, **arrays))
    with np.load(path, allow_pickle=False) as saved:
        return dict(saved)
