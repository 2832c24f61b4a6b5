"""Milliseconds for a planned action in `lander`: CEM with 300 samples, a horizon of 12 and 5 iterations, and its kin."""

import time
from functools import partial
from statistics import median

import numpy as np
import torch
from device import DEVICE, GPU, NAME

import worldmodel
from worldmodel.control import PlanConfig, Planner, foresee
from worldmodel.control.planners import METHODS
from worldmodel.settings import DATA, threads


def main(repeats: int = 30) -> dict[str, list[float]]:
    torch.set_num_threads(1)  # products this small are slower on two; so each core takes a share of the samples
    workers = 1 if GPU else threads()
    model, found = worldmodel.load(DATA / "weights" / "lander", DEVICE).requires_grad_(False), {}
    state = model.observe(np.zeros((1, 8, 64, 64, 1), np.uint8))
    for method in METHODS:
        planner, times = Planner(partial(foresee, model), model.config.actions, PlanConfig(method, workers=workers)), []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            planner.act(state)
            times.append(1000 * (time.perf_counter() - started))
        print(f"{NAME}, {workers} workers, {method}: {median(times[1:]):.1f} ms an action")
        found["plan_ms" if method == "cem" else f"plan_ms.{method}"] = times[1:]
    return found


if __name__ == "__main__":
    main()
