"""The families of world model side by side: what each ingredient adds, when all get the same frames and the same seconds.

And how legible gravity is against clips, parameters and seconds of training (test J).
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from .. import evaluation, training
from ..model import WorldModelConfig
from ..model.world_model import ENCODERS, MEMORIES
from ..probing import Report, median_relative_error, r2
from ..settings import ConfigError
from ..training import FULL, FitConfig
from ..videos import Film, Videos, film
from .keeping import keep

SECONDS = 60.0  # of training, for each
SHARE = 0.5
OBJECTIVES = {
    "pixel": ({"jepa": False}, {"straighten": 0.0}),
    "straightened": ({"jepa": False}, {}),
    "jepa": ({"jepa": True}, {}),
}


@dataclass(frozen=True)
class Family:
    """What differs from the default, and the budget."""

    sizes: dict = field(default_factory=dict)  # of `WorldModelConfig`
    fit: dict = field(default_factory=dict)  # of `FitConfig`
    clips: int = 2000
    seconds: float = SECONDS

    def config(self, scene: str) -> WorldModelConfig:
        """The model's, for a scene: where it is textured, with a place of its own for the still picture."""
        return replace(WorldModelConfig(still=scene == "clutter"), **self.sizes)


def combination(encoder: str, dynamics: str, objective: str) -> Family:
    sizes, fit = OBJECTIVES[objective]
    return Family({"encoder": encoder, "dynamics": dynamics, **sizes}, fit)


LEAVE_ONE_OUT = {
    "default": Family(),
    "encoder.cnn": Family({"encoder": "cnn"}),
    **{f"dynamics.{name}": Family({"dynamics": name}) for name in MEMORIES},
    "objective.pixel": combination("points", "evidence", "pixel"),
    "objective.jepa": combination("points", "evidence", "jepa"),
    "glimpse.none": Family({"glimpse": 0}),
    "flicker.none": Family(fit={"flicker": 0.0}),
}
COMBINATIONS = {
    f"{encoder}+{dynamics}+{objective}": combination(encoder, dynamics, objective)
    for encoder, dynamics, objective in product(ENCODERS, ("evidence", *MEMORIES), OBJECTIVES)
    if (encoder != "points") + (dynamics != "evidence") + (objective != "straightened") > 1  # the others leave one out
}
# Weights, times those of the default; the factor of its widths that makes them so, and the side of its closer look at points.
PARAMETERS = ((0.125, 0.16, 8), (0.25, 0.25, 16), (0.5, 0.57, 16), (1, 1, 16), (2, 1.57, 16), (4, 2.33, 16), (8, 3.42, 16))


def widths(factor: float, glimpse: int) -> dict:
    """Sizes of a model whose widths are ``factor`` times the default's."""
    wide = {name: 4 * max(1, round(value * factor / 4)) for name, value in asdict(WorldModelConfig()).items() if "width" in name}
    return wide | {"glimpse": glimpse}


SCALING = {
    "clips": {str(clips): Family(clips=clips) for clips in (250, 500, 1000, 2000, 4000, 8000, 16000)},
    "parameters": {f"{times:g}": Family(widths(factor, glimpse)) for times, factor, glimpse in PARAMETERS},
    "seconds": {f"{times:g}": Family(seconds=SECONDS * times) for times in (0.125, 0.25, 0.5, 1, 2, 4)},
}
# With the default's clips and seconds in full: the three of those combinations that read g best (highest R² in the training
# range, one seed), and the model of an eighth of the weights, which read it better than the default did in a minute.
FULL_LENGTH = {"clips": 4000, "seconds": 240.0}
EIGHTH = {"eighth": replace(SCALING["parameters"]["0.125"], **FULL_LENGTH)}
BEST = {
    name: replace(COMBINATIONS[name], **FULL_LENGTH)
    for name in ("points+kinematic+pixel", "points+gru+pixel", "points+kinematic+jepa")
}


def within(seconds: float, videos: Videos, sizes: WorldModelConfig, config: FitConfig = FULL) -> FitConfig:
    """The config with as many steps as fit into the seconds on this machine, half of them for each phase; timed on a few.

    Encoding the clips between the phases comes on top, once.

    Raises:
        ConfigError: other work on the machine spoiled the timing.
    """
    few = videos[np.arange(min(len(videos), config.predict_clips))]

    def spent(**steps) -> float:
        started = time.perf_counter()
        training.fit(few, replace(config, **{"find_steps": 0, "predict_steps": 0} | steps), sizes, progress=False)
        return time.perf_counter() - started

    spent(find_steps=2, predict_steps=2)  # what is only slow once
    steps = {}
    for phase in ("find_steps", "predict_steps"):
        step = (spent(**{phase: 14}) - spent(**{phase: 2})) / 12
        if step <= 0:
            raise ConfigError(f"{phase} could not be timed: twelve more took no longer; something else is busy here")
        steps[phase] = max(1, round(seconds / 2 / step))
    return replace(config, **steps)


def plan_family(family: Family, scene: str, seconds: float, root, progress: bool = True) -> dict[str, np.ndarray]:
    """``steps`` (2,) of finding and of predicting that take so many seconds of training."""
    videos = film(Film("ball", family.clips, 40, scene), root, progress=progress)
    config = within(seconds, videos, family.config(scene), replace(FULL, **family.fit))
    return {"steps": np.array([config.find_steps, config.predict_steps])}


def run_family(
    family: Family, scene: str, seed: int, steps, root, share: float = SHARE, progress: bool = True
) -> dict[str, np.ndarray]:
    """Train one seed of a family for so many ``steps`` (2,) and take tests A, C and E and the rollout."""
    videos = film(Film("ball", family.clips, 40, scene), root, progress=progress)
    config = replace(FULL, seed=seed, find_steps=int(steps[0]), predict_steps=int(steps[1]), **family.fit)
    started = time.perf_counter()
    model = training.fit(videos, config, family.config(scene), progress=progress)
    fitted = time.perf_counter() - started
    sets = evaluation.open_sets("ball", scene, root, share, progress)
    features = evaluation.all_features(model, sets, stop=20)
    found = evaluation.read_constants(features, sets, ("g",), (8, 20))
    found |= {f"flight.{key}": values for key, values in evaluation.fly_on(model, sets).items()}
    return found | {
        "rollout": evaluation.open_loop_error(model, sets["test"]), "fit_seconds": np.array(fitted),
        "steps": np.asarray(steps), "seconds": np.array(time.perf_counter() - started),
    }  # fmt: skip


def family_reports(place: str, seeds: list[dict], truths: dict, condition: str, preset: str = "full") -> list[Report]:
    """The rows of one family: ``PLACE.METRIC.CONDITION``.

    Args:
        place: such as ``ball.clean.family``.
        seeds: of `run_family`; truths: the true g of each band, (N,).
    """
    row = evaluation.rows_of(place, seeds, preset, model=condition)
    flights = [(seed["flight.none"], seed["flight.asked"], seed["flight.read"]) for seed in seeds]
    shown = [(truths["test"][seed["flight.clips"]], seed["flight.none"]) for seed in seeds]

    def read(band, k):
        return [(truths[band], seed[f"g.{band}.k{k}"]) for seed in seeds]

    return [
        row(f"A.r2.{condition}", read("test", 20), r2),
        row(f"A.relerr.earth.{condition}", read("earth", 8), median_relative_error),
        row(f"A.relerr.beyond.{condition}", read("beyond", 20), median_relative_error),
        row(f"C.g_error.{condition}", shown, evaluation.missed),
        row(f"E.slope.{condition}", flights, evaluation.slope),
        row(f"rollout.error_px.{condition}", [(seed["rollout"][:, 9],) for seed in seeds], np.median, unit="px"),
        row(f"fit_seconds.{condition}", [(np.atleast_1d(seed["fit_seconds"]),) for seed in seeds], np.mean, unit="s"),
    ]


@dataclass(frozen=True)
class Sweep:
    """Families that are compared in one scene, under ``ball.SCENE.PLACE``."""

    scene: str
    place: str
    families: dict[str, Family]
    seeds: int = 5  # at most
    share: float = SHARE  # of the evaluation's clips
    budget: float = 1.0  # of the families' seconds
    exponent: bool = False  # the families' names are sizes: fit error = a size^b

    def pieces(self, seeds: int) -> list[tuple[str, int]]:
        return [(name, seed) for name in self.families for seed in range(min(seeds, self.seeds))]

    def plan(self, name: str, root, out: Path, progress: bool = True) -> np.ndarray:
        """The steps (2,) that a family's seconds allow, timed once and kept: all its seeds take as many, whatever else runs."""
        family, path = self.families[name], out / f"{self.place}-{self.scene}-{name}-steps.npz"
        return keep(path, partial(plan_family, family, self.scene, self.budget * family.seconds, root, progress))["steps"]

    def kept(self, name: str, seed: int, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
        """`run_family`, kept in a file."""
        path, steps = out / f"{self.place}-{self.scene}-{name}-{seed}.npz", self.plan(name, root, out, progress)
        return keep(path, partial(run_family, self.families[name], self.scene, seed, steps, root, self.share, progress))

    def reports(self, seeds: int, root, out: Path, preset: str = "full") -> list[Report]:
        """All rows; what is not there yet is run."""
        sets, place = evaluation.open_sets("ball", self.scene, root, self.share), f"ball.{self.scene}.{self.place}"
        truths = {band: sets[band].truth["g"] for band in ("test", "earth", "beyond")}
        found = {name: [self.kept(name, seed, root, out) for seed in range(min(seeds, self.seeds))] for name in self.families}
        rows = [row for name, of in found.items() for row in family_reports(place, of, truths, name, preset)]
        if self.exponent:
            sizes = [float(name) for name in found]
            read = [
                (truths["test"], *(of[seed]["g.test.k20"] for of in found.values())) for seed in range(min(seeds, self.seeds))
            ]
            spent = sum(float(one["seconds"]) for of in found.values() for one in of)
            fall = lambda g, *reads: exponent(sizes, [1 - r2(g, one) for one in reads])
            rows.append(evaluation.summarise(f"{place}.exponent", read, fall, preset=preset, seconds=spent))
        return rows


SWEEPS = {
    "families-clean": Sweep("clean", "family", LEAVE_ONE_OUT),
    "families-clutter": Sweep("clutter", "family", LEAVE_ONE_OUT),
    "combinations": Sweep("clean", "combination", COMBINATIONS, seeds=1),
    "best-combinations": Sweep("clean", "best", BEST),
    "eighth": Sweep("clean", "best", EIGHTH, seeds=1),
    "eighth-clutter": Sweep("clutter", "best", EIGHTH, seeds=1),
    **{f"scaling-{axis}": Sweep("clean", f"J.{axis}", families, 1, exponent=True) for axis, families in SCALING.items()},
}


def exponent(sizes, errors) -> float:
    """b of error = a size^b, by least squares in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
