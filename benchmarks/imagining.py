"""Latent steps a second in a batch of 4,096 dreams, beside Gymnasium's rendered `Pendulum-v1`; seconds to open a model and to
show its first imagined frame, and to import the package. Medians, in one run.
"""

import subprocess
import sys
import time
from statistics import median

import gymnasium
import numpy as np
import torch
from device import DEVICE, NAME, done

import worldmodel
from worldmodel.settings import DATA

BATCH, STEPS = 4096, 16


def timed(work, repeats: int = 7) -> list[float]:
    """Seconds of each call, after one that is not counted."""
    work()
    done()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        done()
        times.append(time.perf_counter() - started)
    return times


def main() -> dict[str, list[float]]:
    model = worldmodel.load(DATA / "weights" / "ball", DEVICE)
    state = model.observe(np.zeros((1, 8, 64, 64, 1), np.uint8))[:, -1:]
    many = state.apply(lambda value: value.expand(BATCH, *value.shape[1:]))
    with torch.inference_mode():
        rates = [BATCH * STEPS / seconds for seconds in timed(lambda: model.imagine(many, STEPS))]
    steps = median(rates)
    products = sum(p.numel() for p in model.dynamics.parameters() if p.ndim == 2)
    pendulum = gymnasium.make("Pendulum-v1", render_mode="rgb_array")
    pendulum.reset(seed=0)

    def act():
        for _ in range(20):
            pendulum.step(pendulum.action_space.sample())
            pendulum.render()

    rendered = 20 / median(timed(act))
    rate = f"{2e-9 * products * steps:.0f} GFLOP/s in matrix products"
    print(f"{NAME}, threads {torch.get_num_threads()}, {steps:,.0f} latent steps/s in {BATCH} dreams, {rate}")
    print(f"Pendulum-v1 rendered: {rendered:,.0f} frames/s; ours x{steps / rendered:,.0f}")

    def open_and_show():
        model = worldmodel.load(DATA / "weights" / "ball", DEVICE)
        model.decode(model.imagine(model.observe(np.zeros((1, 8, 64, 64, 1), np.uint8)), 1))

    opened = timed(open_and_show)
    print(f"open a model and show the first imagined frame: {median(opened):.2f} s")
    run = [sys.executable, "-c", "import time; t = time.perf_counter(); import worldmodel; print(time.perf_counter() - t)"]
    spent = [float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    print(f"import worldmodel: {median(spent):.2f} s")
    return {
        "imagine_steps": rates,
        "imagine_vs_pendulum": [rate / rendered for rate in rates],
        "open_s": opened,
        "import_s": spent,
    }


if __name__ == "__main__":
    main()
