"""Test A in the other worlds: which of their hidden constants does one linear probe read from one frozen state?"""

from __future__ import annotations

import numpy as np

from ..probing import Report, median_relative_error, r2
from ..settings import generator
from .reading import all_features, gravity_of, read_constants, read_permuted
from .reports import rows_of

CONSTANTS = {
    "pendulum": ("g", "length", "damping"),
    "double_pendulum": ("g",),
    "spring": ("g", "k_over_m", "damping"),
    "two_balls": ("g", "mass_ratio", "restitution"),
    "orbit": ("g", "exponent"),
}
SEEN = (1, 8, 20, 32)


def read_world(model, sets, world: str, seed: int) -> dict[str, np.ndarray]:
    """`read_constants` of a world after `SEEN` frames, and ``shuffled``: g by probes that learned on permuted labels."""
    features, rng = all_features(model, sets), generator(seed, 15)
    state = {name: features[name][:, 19] for name in ("train", "validation", "test")}
    return read_constants(features, sets, CONSTANTS[world], SEEN) | {"shuffled": read_permuted(state, gravity_of(sets), rng)}


def constants_reports(world: str, seeds: list[dict], truths: dict, untrained: dict, preset: str = "full") -> list[Report]:
    """Rows of one world: R2 of each constant in range, the error of g beyond it, and the controls.

    Args:
        seeds: the keys of `read_world`, and ``seconds``.
        truths: per band the constants by name, (N,).
        untrained: what `read_world` reads from a network that was never trained.
    """
    summary = rows_of(f"{world}.clean", seeds, preset)

    def row(test, key, statistic, constant="g", band="test", found=seeds, **more):
        return summary(test, [(truths[band][constant], seed[key]) for seed in found], statistic, **more)

    rows = [
        row(f"A.r2{'' if name == 'g' else '_' + name}.k{k}", f"{name}.test.k{k}", r2, name)
        for name in CONSTANTS[world]
        for k in ((8, 20, 32) if name == "g" else (32,))
    ]
    return rows + [
        row("A.relerr.earth.k20", "g.earth.k20", median_relative_error, band="earth"),
        row("A.relerr.beyond.k20", "g.beyond.k20", median_relative_error, band="beyond"),
        row("B.r2.first", "g.test.k1", r2, mark="<= 0.02"),
        row("B.r2.shuffled", "shuffled", r2, mark="<= 0.02"),
        row("B.r2.untrained", "g.test.k20", r2, found=[untrained]),
    ]
