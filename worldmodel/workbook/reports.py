"""The rows that join what acts with what measures: control in the dream, told in numbers."""

from __future__ import annotations

import numpy as np

from ..control import return_ratio
from ..evaluation import contact_auroc, rows_of
from ..probing import Report


def control_reports(task: str, seeds: list[dict], preset: str = "full") -> list[Report]:
    """A task's return ratio in range and beyond, the gap between dream and truth, return and success of each policy.

    Episodes whose start is already solved count in the gap alone, as dreams have them too.
    """
    reports, row = [], rows_of(f"{task}.control", seeds, preset, same_clips=False, model="anchors 4")
    for band, label, mark in (("train", "in", ">= 0.95"), ("beyond", "beyond", ">= 0.9")):

        def of(policy, what, band=band):
            return [seed[f"{band}.{policy}.{what}"][~seed[f"{band}.no-op.success"]] for seed in seeds]

        triples = list(zip(*(of(policy, "return") for policy in ("dream", "random", "oracle"))))
        reports.append(row(f"return_ratio.{label}", triples, return_ratio, mark=mark))
        for policy in (key.split(".")[1] for key in seeds[0] if key.startswith("train.") and key.endswith(".return")):
            reports.append(row(f"return.{policy}.{label}", [(earned,) for earned in of(policy, "return")], np.mean))
            reports.append(row(f"success.{policy}.{label}", [(won,) for won in of(policy, "success")], np.mean))
    if "contact.score" in seeds[0]:
        for name, key, mark in (("contact_auroc", "score", ">= 0.95"), ("contact_auroc.shuffled", "shuffled", "")):
            read = [tuple(seed[f"contact.{part}"] for part in ("label", "valid", key)) for seed in seeds]
            reports.append(row(name, read, contact_auroc, mark=mark))
    keys = ("dream.return", "train.dream.return", "train.random.return", "train.oracle.return")
    gap = lambda dream, true, low, high: abs(dream.mean() - true.mean()) / (high.mean() - low.mean())
    return [*reports, row("gap", [tuple(seed[key] for key in keys) for seed in seeds], gap, mark="<= 0.05")]
