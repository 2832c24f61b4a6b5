"""The rows that join what acts with what measures: control in the dream, told in numbers."""

from __future__ import annotations

import numpy as np

from ..control import return_ratio
from ..evaluation import summarise
from ..probing import Report


def control_reports(seeds: list[dict], preset: str = "full") -> list[Report]:
    """`lander`: return ratio in range and beyond, the gap between dream and truth, and return and success of each policy."""
    seconds = float(sum(seed["seconds"] for seed in seeds))

    def row(name, per_seed, statistic, **more):
        return summarise(f"lander.control.{name}", per_seed, statistic, preset=preset, seconds=seconds, same_clips=False, **more)

    reports = []
    for band, label, mark in (("train", "in", ">= 0.95"), ("beyond", "beyond", ">= 0.9")):
        triples = [tuple(seed[f"{band}.{name}.return"] for name in ("dream", "random", "oracle")) for seed in seeds]
        reports.append(row(f"return_ratio.{label}", triples, return_ratio, mark=mark))
        for policy in ("random", "no-op", "oracle", "dream"):
            reports.append(row(f"return.{policy}.{label}", [(seed[f"{band}.{policy}.return"],) for seed in seeds], np.mean))
            reports.append(row(f"success.{policy}.{label}", [(seed[f"{band}.{policy}.success"],) for seed in seeds], np.mean))
    gaps = [
        tuple(seed[key] for key in ("dream.return", "train.dream.return", "train.random.return", "train.oracle.return"))
        for seed in seeds
    ]
    reports.append(
        row(
            "gap",
            gaps,
            lambda dream, true, low, high: abs(dream.mean() - true.mean()) / (high.mean() - low.mean()),
            mark="<= 0.05",
        )
    )
    return reports
