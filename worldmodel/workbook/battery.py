"""The tests by name: what each measures on one trained seed, what all seeds share, and the rows that it makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from .. import evaluation
from ..model import WorldModel
from ..settings import generator
from .experiments import EXPERIMENTS

CARRIED = ("ball", "pendulum", "spring", "two_balls", "orbit")  # the worlds of test I; the probe learns on the first
SHARED_SEED = 0


@dataclass(frozen=True)
class Bench:
    """What a test works on: a world in a scene, and the clips held back for it."""

    world: str
    scene: str
    root: Path
    share: float  # of the evaluation's clips
    untrained: int  # networks
    progress: bool = True

    @cached_property
    def sets(self):
        return self.sets_of(self.world)

    def sets_of(self, world: str):
        return evaluation.open_sets(world, self.scene, self.root, self.share, self.progress)

    @property
    def truths(self) -> dict:
        return {band: self.sets[band].truth.values for band in ("test", "earth", "beyond")}


@dataclass(frozen=True)
class Test:
    """One test of the battery, or several that are taken together."""

    measure: Callable[[WorldModel, Bench, int], dict]  # arrays of one seed
    report: Callable[[Bench, list, dict, str], list]  # bench, seeds, shared, preset -> rows
    shared: Callable[[Bench], dict] | None = None  # arrays that no seed changes


def _sizes(bench):
    return EXPERIMENTS[f"{bench.world}-{bench.scene}"].sizes


def _reading(model, bench, seed):
    """A, B and the rollout."""
    features = evaluation.all_features(model, bench.sets)
    read = evaluation.read_constants(features, bench.sets)
    read |= evaluation.read_controls(model, features, bench.sets, generator(seed, 5))
    return read | {"rollout": evaluation.open_loop_error(model, bench.sets["test"])}


def _reading_shared(bench):
    shared = {
        "pixels": evaluation.read_pixels(bench.sets, generator(SHARED_SEED, 6)),
        "sorted": evaluation.read_sorted_positions(bench.sets),
    }
    shared["untrained"] = evaluation.read_untrained(bench.sets, bench.untrained, sizes=_sizes(bench))
    return shared | {f"oracle.{key}": value for key, value in evaluation.oracle(bench.sets, scene=bench.scene).items()}


def _falls(model, bench, seed):
    """C and E."""
    found, direction = {}, evaluation.gravity_direction(model, bench.sets)
    for band in ("test", "earth", "beyond"):
        found |= {f"{band}.{key}": value for key, value in evaluation.fall_freely(model, bench.sets[band]).items()}
    return found | evaluation.steer(model, bench.sets["test"], direction, generator(seed, 8))


def _constants_shared(bench):
    torch.manual_seed(10_000)
    return evaluation.read_world(WorldModel(_sizes(bench)).eval(), bench.sets, bench.world, SHARED_SEED)


def _dimension(model, bench, seed):
    found, clips = {}, round(2000 * bench.share)
    for name in _pendulums(bench):
        states = evaluation.latent_dimension(model, bench.world, evaluation.PENDULUMS[name][1], clips)
        found |= {f"{name}/{kind}": values for kind, values in states.items()}
    return found


def _pendulums(bench):
    return [name for name, (world, *_) in evaluation.PENDULUMS.items() if world == bench.world]


def _extrapolation(model, bench, seed):
    sets = evaluation.phyworld_sets(bench.world, bench.root, max(50, round(500 * bench.share)), bench.progress)
    found = {name: evaluation.extrapolate(model, clips, evaluation.DEGREE[bench.world]) for name, clips in sets.items()}
    return {f"{name}.{key}": value for name, errors in found.items() for key, value in errors.items()}


def _transfer(model, bench, seed):
    return evaluation.carry_over(model, {world: bench.sets_of(world) for world in CARRIED})


def _transfer_reports(bench, seeds, shared, preset):
    return evaluation.transfer_reports(seeds, {world: bench.sets_of(world)["test"].truth.values for world in CARRIED}, preset)


BATTERY = {
    "reading": Test(
        _reading, lambda b, seeds, shared, p: evaluation.ball_reports(seeds, shared, b.truths, b.scene, p), _reading_shared
    ),
    "falls": Test(_falls, lambda b, seeds, shared, p: evaluation.fall_reports(seeds, b.truths, b.scene, p)),
    "surprise": Test(
        lambda model, b, seed: evaluation.violate(model, b.scene, round(400 * b.share), round(1000 * b.share)),
        lambda b, seeds, shared, p: evaluation.surprise_reports(seeds, shared, b.scene, p),
        lambda b: evaluation.violate(None, b.scene, round(400 * b.share)),
    ),
    "laws": Test(
        lambda model, b, seed: evaluation.recover_law(model, b.sets, generator(seed, 16), round(200 * b.share)),
        lambda b, seeds, shared, p: evaluation.law_reports(seeds, b.truths, p),
    ),
    "efficiency": Test(
        lambda model, b, seed: evaluation.read_in_flight(model, b.sets, b.scene),
        lambda b, seeds, shared, p: evaluation.efficiency_reports(seeds, p),
    ),
    "constants": Test(
        lambda model, b, seed: evaluation.read_world(model, b.sets, b.world, seed),
        lambda b, seeds, shared, p: evaluation.constants_reports(b.world, seeds, b.truths, shared, p),
        _constants_shared,
    ),
    "dimension": Test(_dimension, lambda b, seeds, shared, p: evaluation.dimension_reports(_pendulums(b), seeds, p)),
    "extrapolation": Test(_extrapolation, lambda b, seeds, shared, p: evaluation.extrapolation_reports(b.world, seeds, p)),
    "transfer": Test(_transfer, _transfer_reports),
}
