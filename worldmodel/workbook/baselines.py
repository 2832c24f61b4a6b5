"""What learning in the true world costs: PPO's return against the frames it was shown, beside the dream's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ..control import learn_ppo
from ..evaluation import rows_of
from ..physics import WORLDS
from ..probing import Report, meets
from .keeping import keep
from .scales import Scale
from .tasks import TASKS

BASELINES = {f"{task}-ppo-{view}": (task, view) for task in ("lander", "pendulum_v1") for view in ("pixels", "state")}


def run_baseline(name: str, seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """`learn_ppo`, kept in a file, with the ``points`` (P,) at which it was to be tried."""
    task, view = BASELINES[name]
    points = [scale.ppo_frames // 10, 3 * scale.ppo_frames // 10, scale.ppo_frames]
    learn = partial(learn_ppo, TASKS[task].world, view, seed, points, max(4, scale.episodes // 4))
    return keep(out / f"{name}-{seed}.npz", lambda: {"points": np.array(points), **learn()})


def baseline_reports(name: str, seeds: list[dict], preset: str = "full") -> list[Report]:
    """Return, and success in worlds that know it, at each number of frames shown, in each band."""
    task, view = BASELINES[name]
    seeds = [seed | {"seconds": seed["seconds"][-1]} for seed in seeds]
    row, reports = rows_of(f"{task}.control", seeds, preset, model="PPO"), []
    told = [("return", "returns")] + [("success", "success")] * (TASKS[task].world in WORLDS)
    for at, frames in enumerate(seeds[0]["points"]):
        for band, label in (("train", "in"), ("beyond", "beyond")):
            if f"returns.{band}" in seeds[0]:
                for what, key in told:
                    values = [(seed[f"{key}.{band}"][at],) for seed in seeds]
                    reports.append(row(f"{what}.ppo_{view}.{frames}.{label}", values, np.mean))
    return reports


def learning_curve(reports: list[Report], task: str, view: str) -> list[tuple[int, Report]]:
    """PPO's returns in the training band: of each trial the frames that it had been shown, rising, and the row."""
    start = f"{task}.control.return.ppo_{view}."
    found = {row.name: row for row in reports if row.name.startswith(start) and row.name.endswith(".in")}
    return sorted((int(name.split(".")[-2]), row) for name, row in found.items())


def frames_multiple(reports: list[Report], task: str, preset: str = "full", view: str = "pixels") -> list[Report]:
    """How many times the log's frames PPO needs from a view for the dream's return: between its trials by a straight line in
    the logarithm of frames. Pixels have the mark; the state is more than the dream's policy is ever told.

    If it never gets there, the most that it was given: a lower bound, and marked so. No row if it did no better than idleness
    at its best: such a rival shows nothing.
    """
    rows = {report.name: report for report in reports}
    dream, idle = (rows.get(f"{task}.control.return.{policy}.in") for policy in ("dream", "no-op"))
    curve = learning_curve(reports, task, view)
    if dream is None or not curve or max(row.value for _, row in curve) <= idle.value:
        return []
    frames, earned = np.array([(shown, row.value) for shown, row in curve]).T
    reached = np.nonzero(earned >= dream.value)[0]
    if not len(reached):
        multiple, how = frames[-1] / frames[0], "a lower bound: PPO never got there on average"
    elif reached[0] == 0:
        multiple, how = 1.0, "an upper bound: PPO was there at its first trial"
    else:
        at = slice(reached[0] - 1, reached[0] + 1)
        multiple, how = np.exp(np.interp(dream.value, earned[at], np.log(frames[at]))) / frames[0], "between PPO's trials"
    seeds = min(dream.seeds, curve[0][1].seeds)
    name, mark = ("frames_vs_ppo", ">= 10") if view == "pixels" else (f"frames_vs_ppo_{view}", "")
    return [Report(f"{task}.control.{name}", float(multiple), np.nan, np.nan, seeds, len(curve), "1", mark,
                   meets(multiple, mark), None, how, dream.model, preset, dream.seconds)]  # fmt: skip
