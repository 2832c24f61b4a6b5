"""What is said of a number: its interval over seeds and clips, the mark it must meet, its row in results.json."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from ..settings import ConfigError

COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True)
class Report:
    """One claim or control: a row of ``figures/results.json``."""

    name: str  # world.scene.test.metric[.condition]
    value: float  # mean over the seeds, none dropped
    low: float  # 95 % interval over seeds and clips
    high: float
    seeds: int
    n: int  # clips per seed
    unit: str  # "1" for a pure number
    mark: str  # what `meets` reads; "" where there is none to meet
    holds: bool | None  # whether the mark is met; None without a mark
    limit: float | None  # the bound that physics or an oracle sets, None where none is computed
    anchor: str  # the best published number
    model: str
    preset: str
    seconds: float  # what it took to find out

    def row(self) -> dict:
        """The report as plain JSON values; what is not finite becomes None, as JSON has no word for it."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_row(cls, row: dict) -> Report:
        """A report from its row; the numbers that JSON could not hold come back as NaN.

        Raises:
            ConfigError: naming the fields that are missing or unknown.
        """
        odd = {field.name for field in fields(cls)} ^ row.keys()
        if odd:
            raise ConfigError(f"row {row.get('name', '?')}: missing or unknown fields {sorted(odd)}")
        return cls(**row | {name: math.nan for name in ("value", "low", "high") if row[name] is None})


def meets(value: float, mark: str) -> bool | None:
    """Whether ``value`` meets a mark such as ">= 0.99", "<= 0.05", "> 0" or "0.9 to 1.1" (ends included).

    A NaN meets none; no mark ("") gives None.

    Raises:
        ConfigError: for a mark that cannot be read.
    """
    if not mark:
        return None
    try:
        if " to " in mark:
            low, high = map(float, mark.split(" to "))
            return bool(low <= value <= high)
        sign, number = mark.split()
        return bool(COMPARE[sign](value, float(number)))
    except (KeyError, ValueError):
        raise ConfigError(f'mark "{mark}" is not like ">= 0.99", "<= 0.05" or "0.9 to 1.1"') from None


def bootstrap(
    per_seed: Sequence[tuple[np.ndarray, ...]],
    statistic: Callable[..., float],
    rng: np.random.Generator,
    draws: int = 1000,
    same_clips: bool = False,
) -> tuple[float, float, float]:
    """Mean over seeds of a statistic of the clips, with its 95 % hierarchical bootstrap interval (percentiles).

    Each draw takes seeds with replacement, then clips with replacement in each (Davison & Hinkley 1997, section 3.8).
    For a difference on the same clips let the statistic take all arrays: ``lambda y, a, b: r2(y, a) - r2(y, b)``.
    With one seed the interval tells of clips only; with five it is some 10 % short in what it says of seeds.

    Args:
        per_seed: for each seed a tuple of arrays (N, ...), the same N in a tuple: truth, prediction, ...
        statistic: of such a tuple, one number.
        same_clips: every seed was tested on the same clips in the same order. They are then drawn once for all seeds:
            a hard clip is hard for each, and clips drawn afresh per seed would make the interval too narrow.

    Returns:
        value, low, high. A statistic that gives NaN makes them NaN.

    Raises:
        ConfigError: for no seed, no clip, or arrays of different lengths.
    """
    per_seed = [tuple(np.asarray(array) for array in arrays) for arrays in per_seed]
    lengths = [{len(array) for array in arrays} for arrays in per_seed]
    if not lengths or any(len(of_seed) != 1 or 0 in of_seed for of_seed in lengths):
        raise ConfigError(f"arrays of one seed must be equally long and not empty; lengths by seed are {lengths}")
    sizes = [of_seed.pop() for of_seed in lengths]
    if same_clips and len(set(sizes)) != 1:
        raise ConfigError(f"the seeds cannot share their clips; they have {sizes}")

    def drawn():
        shared = rng.integers(sizes[0], size=sizes[0]) if same_clips else None
        for seed in rng.integers(len(per_seed), size=len(per_seed)):
            clips = shared if same_clips else rng.integers(sizes[seed], size=sizes[seed])
            yield statistic(*(array[clips] for array in per_seed[seed]))

    value = np.mean([statistic(*arrays) for arrays in per_seed])
    low, high = np.quantile([np.mean(list(drawn())) for _ in range(draws)], [0.025, 0.975])
    return float(value), float(low), float(high)


def _plain(value):
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
