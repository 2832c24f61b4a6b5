"""The rows that join what acts with what measures: control in the dream, told in numbers."""

from __future__ import annotations

import numpy as np

from ..control import return_ratio
from ..evaluation import contact_auroc, explained, gap_where_real, rank_correlation, rows_of, told_apart
from ..physics import WORLDS
from ..probing import Report
from .tasks import TASKS

MARKS = {"pendulum_v1": ">= -200"}  # of the mean return, where nothing better is known to compare with
MOST = {"cart_pole_v1": 500.0, "inverted_pendulum_v5": 1000.0}  # what a world pays at most: 1 for every step to its limit


def counted(seed: dict, band: str, policy: str, what: str) -> np.ndarray:
    """``BAND.POLICY.WHAT`` of the episodes that are no gift: doing nothing does not succeed there."""
    found, gift = seed[f"{band}.{policy}.{what}"], seed.get(f"{band}.no-op.success", np.zeros(0, bool))
    return found[~gift] if len(found) == len(gift) else found


def control_reports(task: str, seeds: list[dict], preset: str = "full") -> list[Report]:
    """What each policy earned, its share of the way from random to the best known, and how the dream differs from the truth.

    The best known is an oracle's return, or the most that the world pays. Episodes whose start is already solved count in the
    gap alone, as dreams have them too.
    """
    if task in MOST:
        seeds = [seed | {"train.oracle.return": np.full_like(seed["train.random.return"], MOST[task])} for seed in seeds]
    reports, row = [], rows_of(f"{task}.control", seeds, preset, same_clips=False, model=TASKS[task].eyes)
    oracle, ours = "train.oracle.return" in seeds[0], TASKS[task].world in WORLDS
    for band, label, mark in (("train", "in", ">= 0.95"), ("beyond", "beyond", ">= 0.9")):
        for policy in (key.split(".")[1] for key in seeds[0] if key.startswith(f"{band}.") and key.endswith(".return")):
            learners = [seed for seed in seeds if f"{band}.{policy}.return" in seed]
            earned = [counted(seed, band, policy, "return") for seed in learners]
            if policy != "oracle" or ours:
                reports.append(row(f"return.{policy}.{label}", [(one,) for one in earned], np.mean))
            if ours:
                won = [(counted(seed, band, policy, "success"),) for seed in learners]
                reports.append(row(f"success.{policy}.{label}", won, np.mean))
            if oracle and policy in ("dream", "told", "hidden", "selected_by_truth", "penalised", "unpenalised"):
                ends = [[counted(seed, band, one, "return") for one in ("random", "oracle")] for seed in learners]
                name, asked = ("return_ratio", mark) if policy == "dream" else (f"return_ratio.{policy}", "")
                reports.append(row(f"{name}.{label}", [(one, *two) for one, two in zip(earned, ends)], return_ratio, mark=asked))
    if not ours:
        earned = [(seed["train.dream.return"],) for seed in seeds]
        reports.append(row("return", earned, np.mean, mark=MARKS.get(task, "")))
    return reports + gap_reports(row, seeds, oracle) + other_reports(row, seeds)


def mean_there(values: np.ndarray) -> float:
    """The mean of what is a number; NaN where none is."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else np.nan


def gap_reports(row, seeds: list[dict], oracle: bool) -> list[Report]:
    """Dream return less true return of the same starts, as a share of the way from random to the best known (where none is, to
    what the policy itself earned); the detector.
    """
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
            reports.append(row(f"return_by_g_error.{label}", pairs, rank_correlation))
    if "novelty.planner" in seeds[0]:
        pairs = [(seed["novelty.planner"], seed["train.planner.return"]) for seed in seeds]
        reports.append(row("novelty.planner_return", pairs, rank_correlation))
    for start in ("novelty.", "goal."):
        for key in (key for key in seeds[0] if key.startswith(start)):
            reports.append(row(key, [(seed[key],) for seed in seeds], mean_there, unit="px" if start == "novelty." else "m"))
    if "contact.score" in seeds[0]:
        for key in (key.removeprefix("contact.") for key in seeds[0] if key.startswith("contact.")):
            if key not in ("label", "valid"):
                name, mark = ("contact_auroc", ">= 0.95") if key == "score" else (f"contact_auroc.{key}", "")
                read = [tuple(seed[f"contact.{part}"] for part in ("label", "valid", key)) for seed in seeds]
                reports.append(row(name, read, contact_auroc, mark=mark))
    return reports
