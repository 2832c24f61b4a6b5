"""The figures of the recorded runs: what to draw, from predictions and reports; `plots` knows how."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import plots
from ..evaluation import FRAMES_SEEN, cramer_rao, imagine_frames
from ..probing import Report
from ..videos import save_video


def save_figure(figure, folder, name: str) -> None:
    """One PNG per test, named as the test is."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder) / f"{name}.png", dpi=110)


def legibility_figure(seeds: list[dict], shared: dict, sets):
    """Test A: median error of g against frames seen, five seeds, between the controls above and the bounds below."""
    g = sets["test"].truth["g"]

    def error(read):
        return float(np.median(np.abs(read - g)))

    ours = np.array([[error(seed[f"g.test.k{k}"]) for k in FRAMES_SEEN] for seed in seeds])
    controls = {
        "labels permuted": float(np.mean([error(seed["shuffled"]) for seed in seeds])),
        "frames permuted": float(np.mean([error(seed["shuffled_frames"]) for seed in seeds])),
        "pixels, PCA": error(shared["pixels"]),
        "untrained": float(np.mean([error(read) for read in shared["untrained"]])),
    }
    bounds = {
        "oracle tracker": {k: error(shared[f"oracle.test.k{k}"]) for k in FRAMES_SEEN if k >= 3},
        "Cramér–Rao": {k: 0.6745 * sd for k, sd in cramer_rao(sets).items() if k <= 8},  # median of |normal| is 0.6745 sd
    }
    return plots.legibility(
        np.array(FRAMES_SEEN), ours, controls, bounds, error="median error", title="How well is g read after k frames?"
    )


def reading_figure(seed: dict, sets, k: int = 20):
    """Test A: g read from one frozen state against the true one, in the training range and in the bands left out of it."""
    true = {band: sets[band].truth["g"] for band in ("test", "earth", "beyond")}
    read = {band: seed[f"g.{band}.k{k}"] for band in true}
    return plots.read_against_true(true, read, "g", "m/s²", shade=[(9, 11), (20, 30)])


def controls_figure(reports: list[Report]):
    """Test B: R² of g from our state and from everything that should not know it."""
    labels = {
        "A.r2.k20": "our state", "B.r2.stack": "stack of single frames", "B.r2.untrained": "untrained network",
        "B.r2.shuffled_frames": "frames permuted", "B.r2.pixels": "pixels, PCA", "B.r2.alone": "frame 20 alone",
        "B.r2.first": "first frame", "B.r2.shuffled": "labels permuted",
    }  # fmt: skip
    rows = {report.name.split(".", 2)[2]: report for report in reports}
    values = {label: (rows[name].value, rows[name].low, rows[name].high) for name, label in labels.items() if name in rows}
    return plots.bars(values, mark=0.99, xlabel="R² of g after 20 frames", title="Who knows g?", ours="our state")


def returns_figure(reports: list[Report], band: str = "in"):
    """`lander`: mean return of each policy in the true world."""
    rows = {
        report.name.rsplit(".", 3)[-2:][0]: report
        for report in reports
        if ".return." in report.name and report.name.endswith(f".{band}")
    }
    values = {name: (row.value, row.low, row.high) for name, row in rows.items()}
    return plots.bars(values, mark=None, xlabel="return in the true world", title="Who lands well?", ours="dream")


def dream_gif(model, clips, folder, name: str, seen: int = 10, steps: int = 30) -> None:
    """A moving picture: three true clips above, and below them what the model imagines from frame ``seen`` on."""
    frames = clips.videos.read([0, 1, 2])
    dream = imagine_frames(model, frames[:, :seen], steps)
    after = np.concatenate([frames[:, :seen], dream], 1)
    rows = [np.concatenate(list(part), 2) for part in (frames[:, : seen + steps], after)]  # clips side by side: (T, H, 3W, C)
    line = np.full((seen + steps, 2, rows[0].shape[2], frames.shape[-1]), 200, np.uint8)
    save_video(np.concatenate([rows[0], line, rows[1]], 1), Path(folder) / f"{name}.gif", clips.videos.frames_per_second, zoom=2)


def figures_of(test, bench, seeds, shared, reports) -> dict:
    return {}
