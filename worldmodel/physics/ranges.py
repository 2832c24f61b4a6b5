"""What laws share: ranges of constants, checked by name and drawn from independently; actions; rows picked out of arrays."""

from __future__ import annotations

import numpy as np

from ..settings import ConfigError


def check_ranges(law, *names: str) -> None:
    """Raises ConfigError, by name, where a field is not a range 0 <= low <= high of finite numbers."""
    for name in names:
        low, high = getattr(law, name)
        if not 0 <= low <= high < np.inf:
            raise ConfigError(f"{type(law).__name__}.{name} is {(low, high)}; it must be a range low <= high, not negative")


def draw_ranges(law, n: int, rng: np.random.Generator, *names: str) -> dict[str, np.ndarray]:
    """A uniform draw (n,) from each of the named fields."""
    return {name: rng.uniform(*getattr(law, name), n) for name in names}


def fixed_point(constants: dict, name: str) -> np.ndarray:
    """Where a pivot, an anchor or a centre is, (N, 1, 2) in m, from its ``name_x`` and ``name_y``, (N,) each."""
    return np.stack([constants[f"{name}_x"], constants[f"{name}_y"]], 1)[:, None]


class Rows:
    """Arrays of one clip a row; indexing picks clips out of all of them."""

    def __getitem__(self, rows):
        picked = object.__new__(type(self))
        picked.__dict__ = {name: value[rows] for name, value in self.__dict__.items()}
        return picked


def check_action(action: np.ndarray) -> None:
    """Raises ConfigError where an action is not finite or out of range."""
    if not (np.isfinite(action).all() and np.abs(action).max(initial=0) <= 1):
        raise ConfigError("an action must be finite and lie in [-1, 1]")


def choose(mask: np.ndarray, yes: dict, no: dict) -> dict:
    """Arrays (N, ...) by name: the rows of ``yes`` where ``mask`` (N,) says so, else those of ``no``."""
    return {key: np.where(mask.reshape(-1, *[1] * (no[key].ndim - 1)), yes[key], no[key]) for key in no}
