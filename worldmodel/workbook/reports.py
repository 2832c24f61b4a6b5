"""The rows that join what acts with what measures: control in the dream, told in numbers."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from ..control import return_ratio
from ..evaluation import contact_auroc, explained, gap_where_real, rows_of, told_apart
from ..probing import Report
from .tasks import TASKS

MARKS = {"pendulum_v1": ">= -200"}  # of the mean return, where there is no oracle to compare with


def control_reports(task: str, seeds: list[dict], preset: str = "full") -> list[Report]:
    """What each policy earned, where an oracle is known its ratio to it, and how the dream differs from the truth.

    Episodes whose start is already solved count in the gap alone, as dreams have them too.
    """
    reports, row = [], rows_of(f"{task}.control", seeds, preset, same_clips=False, model=TASKS[task].eyes)
    oracle = "train.oracle.return" in seeds[0]
    for band, label, mark in (("train", "in", ">= 0.95"), ("beyond", "beyond", ">= 0.9")):

        def of(policy, what, learner, band=band):
            """Of the seeds that have a ``learner``: what a policy found in the episodes that are no gift."""
            found = [
                (seed[f"{band}.{policy}.{what}"], seed[f"{band}.no-op.success"]) for seed in having(f"{band}.{learner}.return")
            ]
            return [one[~solved] if len(one) == len(solved) else one for one, solved in found]

        def having(key):
            return [seed for seed in seeds if key in seed]

        for policy in (key.split(".")[1] for key in seeds[0] if key.startswith(f"{band}.") and key.endswith(".return")):
            earned = of(policy, "return", policy)
            reports.append(row(f"return.{policy}.{label}", [(one,) for one in earned], np.mean))
            if not oracle:
                continue
            reports.append(row(f"success.{policy}.{label}", [(won,) for won in of(policy, "success", policy)], np.mean))
            if policy in ("dream", "told", "hidden", "selected_by_truth", "penalised", "unpenalised"):
                triples = list(zip(earned, *(of(one, "return", policy) for one in ("random", "oracle"))))
                name, asked = ("return_ratio", mark) if policy == "dream" else (f"return_ratio.{policy}", "")
                reports.append(row(f"{name}.{label}", triples, return_ratio, mark=asked))
    if not oracle:
        earned = [(seed["train.dream.return"],) for seed in seeds]
        reports.append(row("return", earned, np.mean, mark=MARKS.get(task, "")))
    return reports + gap_reports(row, seeds, oracle) + other_reports(row, seeds)


def mean_there(values: np.ndarray) -> float:
    """The mean of what is a number; NaN where none is."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else np.nan


def gap_reports(row, seeds: list[dict], oracle: bool) -> list[Report]:
    """Dream return less true return of the same starts, as a share of the way from random to the best known; the detector."""
    best = "oracle" if oracle else "dream"

    def pair(start):
        keys = (f"{start}gap.dream", f"{start}gap.true", f"train.{best}.return", "train.random.return")
        return [tuple(seed[key] for key in keys) for seed in seeds if keys[0] in seed]

    def span(high, low):
        return abs(high.mean() - low.mean()) or np.nan  # a policy that plays as at random sets no scale

    def gap(dream, true, high, low):
        return abs(dream.mean() - true.mean()) / span(high, low)

    def flattery(dream, true, high, low):
        return (dream.mean() - true.mean()) / span(high, low)

    scored = [tuple(seed[key] for key in ("detector.dream", "gap.true", "gap.dream")) for seed in seeds]
    told = {start: [(seed[f"{start}true"], seed[f"{start}dream"]) for seed in seeds]
            for start in ("detector.windows.", "detector.none.")}  # fmt: skip
    others = [other for other in ("penalised", "unpenalised") if pair(f"{other}.")]
    more = [
        row(f"{name}.{other}", pair(f"{other}."), of) for other in others for name, of in (("gap", gap), ("flattery", flattery))
    ]
    return more + [
        row("gap", pair(""), gap, mark="<= 0.05"),
        row("flattery", pair(""), flattery),
        row("detector.auroc", told["detector.windows."], told_apart),
        row("detector.auroc.none", told["detector.none."], told_apart),
        row("detector.explains", scored, explained),
        row("detector.gap_of_all", scored, lambda *columns: gap_where_real(*columns)[0]),
        row("detector.gap_where_real", scored, lambda *columns: gap_where_real(*columns)[1]),
    ]


def other_reports(row, seeds: list[dict]) -> list[Report]:
    """What only some tasks have: the belief in g, moves of the planner's own, places asked for by picture, contacts."""
    reports = []
    for band, label in (("train", "in"), ("beyond", "beyond")):
        if f"{band}.g_error" in seeds[0]:
            pairs = [(seed[f"{band}.g_error"], seed[f"{band}.dream.return"]) for seed in seeds if f"{band}.g_error" in seed]
            reports.append(row(f"return_by_g_error.{label}", pairs, lambda error, earned: spearmanr(error, earned).statistic))
    for start in ("novelty.", "goal."):
        for key in (key for key in seeds[0] if key.startswith(start)):
            reports.append(row(key, [(seed[key],) for seed in seeds], mean_there, unit="px" if start == "novelty." else "m"))
    if "contact.score" in seeds[0]:
        for name, key, mark in (("contact_auroc", "score", ">= 0.95"), ("contact_auroc.shuffled", "shuffled", "")):
            read = [tuple(seed[f"contact.{part}"] for part in ("label", "valid", key)) for seed in seeds]
            reports.append(row(name, read, contact_auroc, mark=mark))
    return reports
