"""Test I: one concept in many bodies? A probe of g that has only seen states of `ball` reads those of other worlds."""

from __future__ import annotations

import numpy as np

from ..probing import Report, r2
from .reading import K, gravity_of, probe
from .reports import rows_of, squared_correlation

MARKS = {"pendulum": ">= 0.8", "spring": ">= 0.8"}  # the other worlds are read for information


def carry_over(model, sets: dict[str, dict]) -> dict[str, np.ndarray]:
    """g of every world's test clips after K frames, read from a model that was trained on all worlds.

    Args:
        sets: by world, `ball` among them, what `open_sets` gives; ``train``, ``validation`` and ``test`` are used.

    Returns:
        ``WORLD.carried`` (N,) by the probe that was fitted on `ball`, and ``WORLD.refit`` (N,) by one of the world's own.
    """
    names, read = ("train", "validation", "test"), {}
    state = {world: {name: model.features(mine[name].frames(K))[:, -1] for name in names} for world, mine in sets.items()}
    g = {world: gravity_of(mine) for world, mine in sets.items()}
    tried = {world: state[world]["test"] for world in sets}
    carried = probe({name: state["ball"][name] for name in ("train", "validation")} | tried, g["ball"])
    for world in sets:
        read |= {f"{world}.carried": carried[world], f"{world}.refit": probe(state[world], g[world])["test"]}
    return read


def transfer_reports(seeds: list[dict], truths: dict, preset: str = "full") -> list[Report]:
    """Test I. ``seeds``: the keys of `carry_over` and ``seconds``; ``truths``: by world the constants of its test clips, (N,).

    Beside R2 the squared correlation, which forgives a wrong scale and offset of a body's own, and R2 of the refitted probe.
    """
    rows, row = [], rows_of("all.clean.I", seeds, preset)
    for world, constants in truths.items():
        for name, key, statistic, mark in (
            ("r2", "carried", r2, MARKS.get(world, "")),
            ("correlation2", "carried", squared_correlation, ""),
            ("refit", "refit", r2, ""),
        ):
            per_seed = [(constants["g"], seed[f"{world}.{key}"]) for seed in seeds]
            rows.append(row(f"{name}.{world}", per_seed, statistic, mark=mark))
    return rows
