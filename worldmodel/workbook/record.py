"""`make record`: rerun everything that the README claims, seed by seed; what a killed run finished is not done again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import control, training
from ..evaluation import (
    all_features,
    ball_reports,
    fall_freely,
    fall_reports,
    gravity_direction,
    open_loop_error,
    open_sets,
    oracle,
    read_constants,
    read_controls,
    read_pixels,
    read_sorted_positions,
    read_untrained,
    steer,
)  # fmt: skip
from ..files import write_whole
from ..settings import DATA, generator
from ..videos import Film, film
from .figures import controls_figure, dream_gif, legibility_figure, reading_figure, returns_figure, save_figure
from .reports import control_reports
from .results import write_results

CONSTANTS = ("g", "restitution", "radius")


@dataclass(frozen=True)
class Scale:
    """How much a run does: the presets of training and acting, clips, and the share of the evaluation's clips."""

    name: str
    fit: training.FitConfig
    log_fit: training.FitConfig  # for a log of actions, which has a tenth of the frames
    act: control.ActorCriticConfig
    clips: int
    share: float
    untrained: int
    episodes: int


LOG_FULL = replace(training.FULL, find_steps=800, predict_steps=1500)
SCALES = {
    "quick": Scale("quick", training.QUICK, training.QUICK, control.QUICK, 2000, 0.2, 2, 100),
    "full": Scale("full", training.FULL, LOG_FULL, control.FULL, 4000, 1.0, 20, 400),
}


def keep(path: Path, compute) -> dict[str, np.ndarray]:
    """The arrays in ``path``, or, where there are none yet, those that ``compute()`` gives, saved there whole."""
    if not path.exists():
        arrays = compute()
        write_whole(path, lambda file: np.savez(file, **arrays))
    with np.load(path, allow_pickle=False) as saved:
        return dict(saved)


def ball_seed(
    seed: int, scale: Scale, sets, root, out: Path, scene: str = "clean", progress: bool = True
) -> dict[str, np.ndarray]:
    """Train one model on `ball` and take tests A and B and the rollout: predictions clip by clip, and the seconds."""
    videos = film(Film("ball", scale.clips, scene=scene), root, progress=progress)
    started = time.perf_counter()
    model = training.fit(videos, replace(scale.fit, seed=seed), out=out / f"ball-{scene}-{seed}", progress=progress)
    fitted = time.perf_counter() - started
    rng = generator(seed, 5)
    features = all_features(model, sets)
    read = read_constants(features, sets, CONSTANTS) | read_controls(model, features, sets, rng)
    read["rollout"] = open_loop_error(model, sets["test"])
    return read | {"fit_seconds": np.array(fitted), "seconds": np.array(time.perf_counter() - started)}


def ball_falls(seed: int, sets, out: Path, scene: str = "clean") -> dict[str, np.ndarray]:
    """Tests C and E of a seed's trained model: falls imagined from rest, and beliefs moved along the direction of g."""
    started = time.perf_counter()
    model = training.load(out / f"ball-{scene}-{seed}")
    found = {}
    for band in ("test", "earth", "beyond"):
        found |= {f"{band}.{key}": value for key, value in fall_freely(model, sets[band]).items()}
    found |= steer(model, sets["test"], gravity_direction(model, sets), generator(seed, 8))
    return found | {"seconds": np.array(time.perf_counter() - started)}


def ball_shared(scale: Scale, sets) -> dict[str, np.ndarray]:
    """What no trained seed changes: pixels, untrained networks, the oracle tracker, the true places without order."""
    shared = {"pixels": read_pixels(sets, generator(0, 6)), "sorted": read_sorted_positions(sets)}
    shared["untrained"] = read_untrained(sets, scale.untrained)
    return shared | {f"oracle.{key}": value for key, value in oracle(sets).items()}


def lander_seed(seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """Learn the world of `lander` from its log, learn to act in the dream, then act in the true world on two bands of g."""
    videos = film(lander_log(), root, progress=progress)
    started = time.perf_counter()
    model = training.fit(videos, replace(scale.log_fit, seed=seed), out=out / f"lander-{seed}", progress=progress).requires_grad_(
        False
    )
    fitted = time.perf_counter() - started
    policy, history = control.learn_to_act(control.DreamEnv(model, videos, 256), replace(scale.act, seed=seed), progress)
    control.save_policy(policy, out / f"lander-{seed}-policy")
    found = {"history": np.array(history)}
    # To be compared with true episodes, dreams begin as those do: at the start of a flight, as soon as speeds are seen.
    dream = control.run_episodes(control.DreamEnv(model, videos, scale.episodes, starts=(2, 3)), policy.act, seed)
    found["dream.return"] = dream.returns
    for band in ("train", "beyond"):
        for name, outcome in control.compare(model, policy, "lander", band, scale.episodes, seed).items():
            found |= {f"{band}.{name}.return": outcome.returns, f"{band}.{name}.success": outcome.success}
    return found | {"fit_seconds": np.array(fitted), "seconds": np.array(time.perf_counter() - started)}


def lander_log() -> Film:
    """The log that `lander` is learned from: fewer than 20,000 frames before the episodes' ends."""
    return Film("lander", clips=560, frames=48)


def record(
    preset: str = "full", seeds: int = 5, only: str = "all", root=DATA, out="runs", figures="figures", progress=True
) -> None:
    """Run all seeds, one file each under ``out/PRESET``, then write results.json and the figures.

    Args:
        only: ``ball``, ``lander`` or ``all``.
    """
    scale, out = SCALES[preset], Path(out) / preset
    reports = []
    if only in ("ball", "all"):
        sets = open_sets(root=root, share=scale.share, progress=progress)
        shared = keep(out / "ball-clean-shared.npz", lambda: ball_shared(scale, sets))
        found = [
            keep(
                out / f"ball-clean-{seed}.npz",
                lambda seed=seed: ball_seed(seed, scale, sets, root, out, progress=progress),
            )
            for seed in range(seeds)
        ]
        falls = [
            keep(out / f"ball-clean-{seed}-falls.npz", lambda seed=seed: ball_falls(seed, sets, out)) for seed in range(seeds)
        ]
        truths = {band: sets[band].truth.values for band in ("test", "earth", "beyond")}
        reports += ball_reports(found, shared, truths, preset=preset) + fall_reports(falls, truths, preset=preset)
        save_figure(legibility_figure(found, shared, sets), figures, "ball.clean.A")
        save_figure(reading_figure(found[0], sets), figures, "ball.clean.A.read")
        save_figure(controls_figure(reports), figures, "ball.clean.B")
        dream_gif(training.load(out / "ball-clean-0"), sets["test"], figures, "ball.clean.dream")
    if only in ("lander", "all"):
        found = [
            keep(out / f"lander-{seed}.npz", lambda seed=seed: lander_seed(seed, scale, root, out, progress=progress))
            for seed in range(seeds)
        ]
        rows = control_reports(found, preset)
        save_figure(returns_figure(rows), figures, "lander.control")
        reports += rows
    write_results(reports, Path(figures) / "results.json")
    if preset == "full":
        keep_weights(out, Path(root) / "weights", only)


def keep_weights(out: Path, weights: Path, only: str = "all") -> None:
    """Seed 0 of the recorded runs, without its optimiser, under data/weights: it travels with the repository."""
    if only in ("ball", "all"):
        training.save(training.load(out / "ball-clean-0"), weights / "ball", preset="full", seed=0)
    if only in ("lander", "all"):
        training.save(training.load(out / "lander-0"), weights / "lander", preset="full", seed=0)
        control.save_policy(control.load_policy(out / "lander-0-policy"), weights / "lander-policy")
