"""The rows that join what acts with what measures: control in the dream, told in numbers."""

from __future__ import annotations

import numpy as np

from ..control import return_ratio
from ..evaluation import rows_of
from ..probing import Report


def control_reports(seeds: list[dict], preset: str = "full") -> list[Report]:
    """`lander`: return ratio in range and beyond, the gap between dream and truth, and return and success of each policy."""
    reports, row = [], rows_of("lander.control", seeds, preset, same_clips=False, model="anchors 4")
    for band, label, mark in (("train", "in", ">= 0.95"), ("beyond", "beyond", ">= 0.9")):
        triples = [tuple(seed[f"{band}.{name}.return"] for name in ("dream", "random", "oracle")) for seed in seeds]
        reports.append(row(f"return_ratio.{label}", triples, return_ratio, mark=mark))
        for policy in ("random", "no-op", "oracle", "dream"):
            reports.append(row(f"return.{policy}.{label}", [(seed[f"{band}.{policy}.return"],) for seed in seeds], np.mean))
            reports.append(row(f"success.{policy}.{label}", [(seed[f"{band}.{policy}.success"],) for seed in seeds], np.mean))
    keys = ("dream.return", "train.dream.return", "train.random.return", "train.oracle.return")
    gap = lambda dream, true, low, high: abs(dream.mean() - true.mean()) / (high.mean() - low.mean())
    return [*reports, row("gap", [tuple(seed[key] for key in keys) for seed in seeds], gap, mark="<= 0.05")]
