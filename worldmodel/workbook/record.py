"""`make record`: rerun everything that the README claims, seed by seed; what a killed run finished is not done again."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from .. import control, training
from ..settings import DATA, ConfigError, threads
from ..spread import spread
from ..videos import film
from .baselines import BASELINES, baseline_reports, frames_multiple, run_baseline
from .battery import BATTERY, Bench
from .experiments import EXPERIMENTS, Experiment
from .families import SHARE, SWEEPS
from .figures import acting_gif, curve_figure, dream_gif, figures_of, frames_figure, returns_figure, save_figure, table_figures
from .keeping import keep
from .latent_actions import latent_actions_reports, run_latent_actions
from .reports import control_reports
from .results import read_results, write_results
from .scales import SCALES, Scale
from .tasks import TASKS, run_task

# What acts: name -> how one seed is run and kept, and the rows that follow from all seeds.
ACTING = {
    **{task: (partial(run_task, task), partial(control_reports, task)) for task in TASKS},
    **{name: (partial(run_baseline, name), partial(baseline_reports, name)) for name in BASELINES},
    **{f"{task}-latent-actions": (partial(run_latent_actions, task), partial(latent_actions_reports, task))
       for task in ("catcher", "lander")},
}  # fmt: skip


def fit_seed(experiment: Experiment, seed: int, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """Train one model of an experiment into ``out``; the seconds are those of training, without filming."""
    videos = film(experiment.film, root, progress=progress)
    started = time.perf_counter()
    training.fit(videos, replace(experiment.fit, seed=seed), experiment.sizes, out, progress=progress)
    return {"seconds": np.array(time.perf_counter() - started)}


def run_seed(experiment: Experiment, seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, dict]:
    """What training (``fit``) and each test found in one seed of an experiment, every one kept in a file of its own."""
    bench, name, model = bench_of(experiment, scale, root, progress), f"{experiment.name}-{seed}", None
    found = {"fit": keep(out / f"{name}-fit.npz", partial(fit_seed, experiment, seed, root, out / name, progress))}
    for test in experiment.tests:
        path = out / f"{name}-{test}.npz"
        if not path.exists():
            model = model or training.load(out / name)
        found[test] = keep(path, partial(BATTERY[test].measure, model, bench, seed))
    return found


def run_shared(experiment: Experiment, test: str, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """What no seed changes in a test, kept in a file."""
    compute = BATTERY[test].shared
    bench = bench_of(experiment, scale, root, progress)
    return keep(out / f"{experiment.name}-shared-{test}.npz", partial(compute, bench)) if compute else {}


def bench_of(experiment: Experiment, scale: Scale, root, progress: bool) -> Bench:
    return Bench(experiment.world, experiment.scene, Path(root), scale.share, scale.untrained, progress)


def run_experiment(experiment: Experiment, seeds: int, scale: Scale, root, out: Path, figures, progress: bool = True) -> list:
    """All seeds of one experiment; its figures; its rows."""
    bench, reports = bench_of(experiment, scale, root, progress), []
    found = [run_seed(experiment, seed, scale, root, out, progress) for seed in range(seeds)]
    for test in experiment.tests:
        shared = run_shared(experiment, test, scale, root, out, progress)
        spent = [one[test] | {"seconds": one[test]["seconds"] + one["fit"]["seconds"], "fit_seconds": one["fit"]["seconds"]}
                 for one in found]  # fmt: skip
        reports += BATTERY[test].report(bench, spent, shared, scale.name)
        for name, figure in figures_of(test, bench, spent, shared, reports).items():
            save_figure(figure, figures, name)
    return [replace(report, model=experiment.model) for report in reports]


def on_threads(count: int, piece):
    """Call ``piece`` with as many threads as are its share of the machine."""
    torch.set_num_threads(count)
    piece()


def record(
    preset="full", seeds=5, only: tuple[str, ...] = (), root=DATA, out="runs", figures="figures", progress=True, jobs=1, ray=None
) -> None:
    """Run all seeds, one file for each test under ``out/PRESET``, then write results.json and the figures.

    Args:
        only: names of `EXPERIMENTS`, `ACTING` or `SWEEPS`; none means all, and in ``quick`` `ball` and `lander`.
        jobs: seeds and shared controls that run side by side, sharing the cores; ray: or on a cluster, see `spread`.

    Raises:
        ConfigError: for a name that is none of them.
    """
    scale, out, known = SCALES[preset], Path(out).absolute() / preset, (*EXPERIMENTS, *ACTING, *SWEEPS)
    names, root = only or (("ball-clean", "lander") if preset == "quick" else known), Path(root).absolute()
    if set(names) - set(known):
        raise ConfigError(f"no experiment is called {sorted(set(names) - set(known))}; there are {', '.join(known)}")
    experiments = {name: EXPERIMENTS[name] for name in names if name in EXPERIMENTS}
    if scale.fit:
        experiments = {name: replace(one, fit=scale.fit, clips=scale.clips) for name, one in experiments.items()}
    sweeps = {name: replace(SWEEPS[name], share=SHARE * scale.share, budget=scale.budget) for name in names if name in SWEEPS}
    if jobs > 1 or ray:
        of_each = 1 if ray else max(1, threads() // jobs)
        for sweep in sweeps.values():  # timed one by one
            for family in sweep.families:
                on_threads(of_each, partial(sweep.plan, family, root, out, False))
        for one in experiments.values():  # filmed once, not by all pieces at the same time
            film(one.film, root, progress=progress)
            if set(one.tests) - {"extrapolation", "transfer"}:  # these have sets of their own
                _ = bench_of(one, scale, root, progress).sets
        pieces = [partial(run_seed, one, seed) for one in experiments.values() for seed in range(seeds)]
        pieces += [partial(run, seed) for name, (run, _) in ACTING.items() if name in names for seed in range(seeds)]
        pieces += [partial(run_shared, one, test) for one in experiments.values() for test in one.tests]
        pieces = [partial(piece, scale, root, out, False) for piece in pieces]
        pieces += [partial(sweep.kept, *piece, root, out, False) for sweep in sweeps.values() for piece in sweep.pieces(seeds)]
        pieces = [partial(on_threads, of_each, piece) for piece in pieces]
        for _ in tqdm(spread(pieces, jobs, ray), "record", len(pieces), disable=not progress):
            pass
    for name in names:
        if name in ACTING:
            run, reports_of = ACTING[name]
            found = [run(seed, scale, root, out, progress) for seed in range(seeds)]
            reports = reports_of(found, preset)
            if name in TASKS:
                save_figure(returns_figure(name, reports), figures, f"{name}.control")
                save_figure(curve_figure(name, found), figures, f"{name}.control.gap")
                first = training.load(out / f"{name}-0"), control.load_policy(out / f"{name}-0-policy")
                acting_gif(*first, TASKS[name].env(3), figures, f"{name}.control.acting")
        elif name in sweeps:
            reports = sweeps[name].reports(seeds, root, out, preset)
        else:
            reports = run_experiment(experiments[name], seeds, scale, root, out, figures, progress)
            if "reading" in experiments[name].tests:
                clips = bench_of(experiments[name], scale, root, progress).sets["test"]
                dream_gif(training.load(out / f"{name}-0"), clips, figures, f"{name.replace('-', '.')}.dream")
        write_results(reports, Path(figures) / "results.json")
    reports = read_results(Path(figures) / "results.json")[1]
    multiples = [row for task, view in BASELINES.values() for row in frames_multiple(reports, task, preset, view)]
    write_results(multiples, Path(figures) / "results.json")
    rivals = sorted({task for task, _ in BASELINES.values()})
    drawn = table_figures(reports) | {f"{task}.control.frames": frames_figure(task, reports) for task in rivals}
    for name, figure in drawn.items():
        if figure is not None:
            save_figure(figure, figures, name)
    if preset == "full":
        keep_weights(out, Path(root) / "weights", [name for name in names if name in experiments or name in TASKS])


def keep_weights(out: Path, weights: Path, names=("ball-clean", "lander")) -> None:
    """Seed 0 of the recorded runs, without its optimiser, under data/weights: it travels with the repository."""
    for name in names:
        training.save(training.load(out / f"{name}-0"), weights / name.removesuffix("-clean"), preset="full", seed=0)
        if name in TASKS:
            control.save_policy(control.load_policy(out / f"{name}-0-policy"), weights / f"{name}-policy")
