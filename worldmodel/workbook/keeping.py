"""Results in files: what a killed run finished is not done again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ..files import held, load_arrays, write_whole
from ..settings import DataError


def keep(path: Path, compute) -> dict[str, np.ndarray]:
    """The arrays in ``path``, or, where there are none yet, those that ``compute()`` gives, saved there whole.

    ``seconds``, if not among them, is how long that took.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock")
        lock.touch()
        with held(lock):  # another process may need the same
            if not path.exists():
                started = time.perf_counter()
                arrays = compute()
                arrays = {"seconds": np.array(time.perf_counter() - started)} | arrays
                write_whole(path, lambda file: np.savez(file, **arrays))
    return load_arrays(path, DataError)
