"""`make record`: rerun everything that the README claims, seed by seed; what a killed run finished is not done again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from .. import control, training
from ..files import write_whole
from ..settings import DATA, ConfigError
from ..videos import Film, film
from .battery import BATTERY, Bench
from .experiments import EXPERIMENTS, Experiment
from .figures import dream_gif, figures_of, returns_figure, save_figure, table_figures
from .reports import control_reports
from .results import read_results, write_results


@dataclass(frozen=True)
class Scale:
    """How much a run does: training, the share of the evaluation's clips, untrained networks, episodes of each policy."""

    name: str
    fit: training.FitConfig | None  # in place of each experiment's own, and
    clips: int | None  # so many clips to train on
    log_fit: training.FitConfig  # for a log of actions, which has a tenth of the frames
    act: control.ActorCriticConfig
    share: float
    untrained: int
    episodes: int


LOG_FULL = replace(training.FULL, find_steps=800, predict_steps=1500)
SCALES = {
    "quick": Scale("quick", training.QUICK, 2000, training.QUICK, control.QUICK, 0.2, 2, 100),
    "full": Scale("full", None, None, LOG_FULL, control.FULL, 1.0, 20, 400),
}


def keep(path: Path, compute) -> dict[str, np.ndarray]:
    """The arrays in ``path``, or, where there are none yet, those that ``compute()`` gives, saved there whole.

    ``seconds``, if not among them, is how long that took.
    """
    if not path.exists():
        started = time.perf_counter()
        arrays = compute()
        arrays = {"seconds": np.array(time.perf_counter() - started)} | arrays
        write_whole(path, lambda file: np.savez(file, **arrays))
    with np.load(path, allow_pickle=False) as saved:
        return dict(saved)


def fit_seed(experiment: Experiment, seed: int, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """Train one model of an experiment into ``out``; the seconds are those of training, without filming."""
    videos = film(experiment.film, root, progress=progress)
    started = time.perf_counter()
    training.fit(videos, replace(experiment.fit, seed=seed), experiment.sizes, out, progress=progress)
    return {"seconds": np.array(time.perf_counter() - started)}


def run_experiment(experiment: Experiment, seeds: int, scale: Scale, root, out: Path, figures, progress: bool = True) -> list:
    """All seeds of one experiment, each test of each seed in a file of its own; its figures; its rows."""
    bench = Bench(experiment.world, experiment.scene, Path(root), scale.share, scale.untrained, progress)
    trained, found = [], {test: [] for test in experiment.tests}
    for seed in range(seeds):
        name, model = f"{experiment.name}-{seed}", None
        trained.append(keep(out / f"{name}-fit.npz", partial(fit_seed, experiment, seed, root, out / name, progress)))
        for test in experiment.tests:
            path = out / f"{name}-{test}.npz"
            if not path.exists():
                model = model or training.load(out / name)
            found[test].append(keep(path, partial(BATTERY[test].measure, model, bench, seed)))
    reports = []
    for test in experiment.tests:
        shared, compute = {}, BATTERY[test].shared
        if compute:
            shared = keep(out / f"{experiment.name}-shared-{test}.npz", partial(compute, bench))
        spent = [one | {"seconds": one["seconds"] + fit["seconds"], "fit_seconds": fit["seconds"]}
                 for one, fit in zip(found[test], trained)]  # fmt: skip
        reports += BATTERY[test].report(bench, spent, shared, scale.name)
        for name, figure in figures_of(test, bench, spent, shared, reports).items():
            save_figure(figure, figures, name)
    return [replace(report, model=experiment.model) for report in reports]


def lander_seed(seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """Learn the world of `lander` from its log, learn to act in the dream, then act in the true world on two bands of g."""
    videos = film(lander_log(), root, progress=progress)
    started = time.perf_counter()
    model = training.fit(videos, replace(scale.log_fit, seed=seed), out=out / f"lander-{seed}", progress=progress)
    model.requires_grad_(False)
    fitted = time.perf_counter() - started
    policy, history = control.learn_to_act(control.DreamEnv(model, videos, 256), replace(scale.act, seed=seed), progress)
    control.save_policy(policy, out / f"lander-{seed}-policy")
    found = {"history": np.array(history)}
    # To be compared with true episodes, dreams begin as those do: at the start of a flight, as soon as speeds are seen.
    dream = control.run_episodes(control.DreamEnv(model, videos, scale.episodes, starts=(2, 3)), policy.act, seed)
    found["dream.return"] = dream.returns
    for band in ("train", "beyond"):
        for name, outcome in control.compare(model, policy, band, scale.episodes, seed).items():
            found |= {f"{band}.{name}.return": outcome.returns, f"{band}.{name}.success": outcome.success}
    return found | {"fit_seconds": np.array(fitted), "seconds": np.array(time.perf_counter() - started)}


def lander_log() -> Film:
    """The log that `lander` is learned from: fewer than 20,000 frames before the episodes' ends."""
    return Film("lander", clips=560, frames=48)


def record(preset="full", seeds=5, only: tuple[str, ...] = (), root=DATA, out="runs", figures="figures", progress=True) -> None:
    """Run all seeds, one file for each test under ``out/PRESET``, then write results.json and the figures.

    Args:
        only: names of `EXPERIMENTS`, or ``lander``; none means all, and in ``quick`` the main ones: `ball` and `lander`.

    Raises:
        ConfigError: for a name that is none of them.
    """
    scale, out, known = SCALES[preset], Path(out) / preset, (*EXPERIMENTS, "lander")
    names = only or (("ball-clean", "lander") if preset == "quick" else known)
    if set(names) - set(known):
        raise ConfigError(f"no experiment is called {sorted(set(names) - set(known))}; there are {', '.join(known)}")
    for name in names:
        if name == "lander":
            found = [keep(out / f"lander-{seed}.npz", partial(lander_seed, seed, scale, root, out, progress))
                     for seed in range(seeds)]  # fmt: skip
            reports = control_reports(found, preset)
            save_figure(returns_figure(reports), figures, "lander.control")
        else:
            experiment = EXPERIMENTS[name]
            if scale.fit:
                experiment = replace(experiment, fit=scale.fit, clips=scale.clips)
            reports = run_experiment(experiment, seeds, scale, root, out, figures, progress)
            if "reading" in experiment.tests:
                bench = Bench(experiment.world, experiment.scene, Path(root), scale.share, scale.untrained, progress)
                dream_gif(training.load(out / f"{name}-0"), bench.sets["test"], figures, f"{name.replace('-', '.')}.dream")
        write_results(reports, Path(figures) / "results.json")
    for name, figure in table_figures(read_results(Path(figures) / "results.json")[1]).items():
        save_figure(figure, figures, name)
    if preset == "full":
        keep_weights(out, Path(root) / "weights", names)


def keep_weights(out: Path, weights: Path, names=("ball-clean", "lander")) -> None:
    """Seed 0 of the recorded runs, without its optimiser, under data/weights: it travels with the repository."""
    for name in names:
        if name != "lander":
            training.save(training.load(out / f"{name}-0"), weights / name.removesuffix("-clean"), preset="full", seed=0)
    if "lander" in names:
        training.save(training.load(out / "lander-0"), weights / "lander", preset="full", seed=0)
        control.save_policy(control.load_policy(out / "lander-0-policy"), weights / "lander-policy")
