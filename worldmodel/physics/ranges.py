"""Ranges of constants: checked by name, and drawn from independently."""

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
