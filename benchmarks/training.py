"""Frames a second in training: the default model beside two peers at their published sizes, in one run: ours by the
mean of some steps of each phase, the peers by the median of five.

Ours trains in two phases: the first sees pixels, the second sees the same frames as latents that were encoded once. Both rates
and that of the whole default run are printed; a ratio is taken of the whole, and of the first phase alone, the stricter one.
The floor is the device's own rate of matrix products in the same type, measured here.
"""

import json
import tempfile
import time
from dataclasses import replace
from statistics import median

import torch
from device import DEVICE, GPU, NAME, done
from peers import LeWorldModel, Rssm

from worldmodel.training import FULL, fit
from worldmodel.training.loop import has_bf16
from worldmodel.videos import Film, film

STEPS = 600 if GPU else 60  # of each phase of ours; the first one on a GPU loads its programs
BF16 = has_bf16(DEVICE)


def ours(folder) -> dict[str, float]:
    """Frames a second of each phase, and of the whole default run, from the log's seconds."""
    videos = film(Film("ball", 1000), folder, progress=False)
    config = replace(FULL, find_steps=STEPS, predict_steps=STEPS, save_every=10**6)
    started = time.perf_counter()
    fit(videos, config, out=f"{folder}/model", progress=False)
    spent = time.perf_counter() - started
    log = [json.loads(line) for line in open(f"{folder}/model/log.jsonl")]
    seconds = {line["phase"]: line["seconds"] for line in log}
    each = {"find": FULL.find_clips * FULL.find_frames, "predict": FULL.predict_clips * videos.shape[0]}
    pace = {phase: seconds[phase] / STEPS for phase in each}
    once = spent - sum(seconds.values())  # encoding for the second phase, and what little comes before the first
    encoding = 4 * once  # the default encodes four times as many clips
    frames = FULL.find_steps * each["find"] + FULL.predict_steps * each["predict"]
    whole = frames / (FULL.find_steps * pace["find"] + FULL.predict_steps * pace["predict"] + encoding)
    rates = {phase: each[phase] / pace[phase] for phase in each}
    return rates | {"encode": len(videos) * videos.shape[0] / once, "whole": whole}


def peer(model, clips: int, length: int, repeats: int = 5) -> float:
    """Median frames a second of whole steps: loss, gradient, AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    model.to(DEVICE)
    frames, actions = torch.rand(clips, length, 3, 64, 64, device=DEVICE), torch.zeros(clips, length, 2, device=DEVICE)
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        with torch.autocast(DEVICE.split(":")[0], torch.bfloat16, enabled=BF16):
            loss = model.loss(frames, actions)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        done()
        times.append(time.perf_counter() - started)
    return clips * length / median(times[1:])


def matrix_rate(size: int = 8192 if GPU else 1024) -> float:
    """Floating-point operations a second of a matrix product in the type that training uses."""
    a, times = torch.randn(size, size, dtype=torch.bfloat16 if BF16 else torch.float32, device=DEVICE), []
    for _ in range(8):
        started = time.perf_counter()
        a @ a
        done()
        times.append(time.perf_counter() - started)
    return 2 * size**3 / median(times)


def main() -> dict[str, list[float]]:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        mine = ours(folder)
    kind, rate = "bfloat16" if BF16 else "float32", matrix_rate() / 1e9
    print(f"{NAME}, threads {torch.get_num_threads()}, {kind}, {rate:.0f} GFLOP/s in matrix products")
    print("ours: " + ", ".join(f"{phase} {rate:,.0f} frames/s" for phase, rate in mine.items()))
    found = {f"train_frames.{phase}": [rate] for phase, rate in mine.items()}
    peers = ("lewm", "LeWM ViT-tiny/8", LeWorldModel(), 16, 4), ("rssm", "RSSM 1M", Rssm(), 16, 64)
    for short, name, model, clips, length in peers:
        rate, weights = peer(model, clips, length), sum(p.numel() for p in model.parameters()) / 1e6
        found |= {f"train_vs_{short}": [mine["whole"] / rate], f"train_vs_{short}.pixels": [mine["find"] / rate]}
        print(f"{name}: {weights:.2f} M weights, {rate:,.0f} frames/s; ours whole x{mine['whole'] / rate:,.1f}, "
              f"from pixels x{mine['find'] / rate:,.1f}")  # fmt: skip
    return found


if __name__ == "__main__":
    main()
