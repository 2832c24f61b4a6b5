"""The tests by name: what each measures on one trained seed, what all seeds share, and the rows that it makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from ..evaluation import (
    DEGREE,
    PENDULUMS,
    all_features,
    ball_reports,
    carry_over,
    constants_reports,
    dimension_reports,
    efficiency_reports,
    extrapolate,
    extrapolation_reports,
    fall_freely,
    fall_reports,
    gravity_direction,
    latent_dimension,
    law_reports,
    open_loop_error,
    open_sets,
    oracle,
    phyworld_sets,
    read_constants,
    read_controls,
    read_in_flight,
    read_pixels,
    read_sorted_positions,
    read_untrained,
    read_world,
    recover_law,
    steer,
    surprise_reports,
    transfer_reports,
    violate,
)  # fmt: skip
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
        return open_sets(world, self.scene, self.root, self.share, self.progress)

    @property
    def truths(self) -> dict:
        return {band: self.sets[band].truth.values for band in ("test", "earth", "beyond")}


@dataclass(frozen=True)
class Test:
    """One test of the battery, or several that are taken together."""

    measure: Callable[[WorldModel, Bench, int], dict]  # arrays of one seed
    report: Callable[[Bench, list, dict, str], list]  # bench, seeds, shared, preset -> rows
    shared: Callable[[Bench], dict] | None = None  # arrays that no seed changes


def _reading(model, bench, seed):
    """A, B and the rollout."""
    features = all_features(model, bench.sets)
    read = read_constants(features, bench.sets) | read_controls(model, features, bench.sets, generator(seed, 5))
    return read | {"rollout": open_loop_error(model, bench.sets["test"])}


def _reading_shared(bench):
    shared = {"pixels": read_pixels(bench.sets, generator(SHARED_SEED, 6)), "sorted": read_sorted_positions(bench.sets)}
    shared["untrained"] = read_untrained(bench.sets, bench.untrained, sizes=EXPERIMENTS[f"{bench.world}-{bench.scene}"].sizes)
    return shared | {f"oracle.{key}": value for key, value in oracle(bench.sets, scene=bench.scene).items()}


def _falls(model, bench, seed):
    """C and E."""
    found = {}
    for band in ("test", "earth", "beyond"):
        found |= {f"{band}.{key}": value for key, value in fall_freely(model, bench.sets[band]).items()}
    return found | steer(model, bench.sets["test"], gravity_direction(model, bench.sets), generator(seed, 8))


def _constants_shared(bench):
    torch.manual_seed(10_000)
    return read_world(WorldModel().eval(), bench.sets, bench.world, SHARED_SEED)


def _dimension(model, bench, seed):
    found, clips = {}, round(2000 * bench.share)
    for name in _pendulums(bench):
        states = latent_dimension(model, bench.world, PENDULUMS[name][1], clips)
        found |= {f"{name}/{kind}": values for kind, values in states.items()}
    return found


def _pendulums(bench):
    return [name for name, (world, *_) in PENDULUMS.items() if world == bench.world]


def _dimension_reports(bench, seeds, shared, preset):
    kinds = ("latent", "true")
    return dimension_reports(
        {
            name: [{kind: one[f"{name}/{kind}"] for kind in kinds} | {"seconds": one["seconds"]} for one in seeds]
            for name in _pendulums(bench)
        },
        preset,
    )


def _extrapolation(model, bench, seed):
    sets = phyworld_sets(bench.world, bench.root, max(50, round(500 * bench.share)), bench.progress)
    found = {}
    for name, clips in sets.items():
        found |= {f"{name}.{key}": value for key, value in extrapolate(model, clips, DEGREE[bench.world]).items()}
    return found


def _transfer(model, bench, seed):
    return carry_over(model, {world: bench.sets_of(world) for world in CARRIED})


def _transfer_reports(bench, seeds, shared, preset):
    return transfer_reports(seeds, {world: bench.sets_of(world)["test"].truth.values for world in CARRIED}, preset)


BATTERY = {
    "reading": Test(_reading, lambda b, seeds, shared, p: ball_reports(seeds, shared, b.truths, b.scene, p), _reading_shared),
    "falls": Test(_falls, lambda b, seeds, shared, p: fall_reports(seeds, b.truths, b.scene, p)),
    "surprise": Test(
        lambda model, b, seed: violate(model, b.scene, round(400 * b.share), round(1000 * b.share)),
        lambda b, seeds, shared, p: surprise_reports(seeds, shared, b.scene, p),
        lambda b: violate(None, b.scene, round(400 * b.share)),
    ),
    "laws": Test(
        lambda model, b, seed: recover_law(model, b.sets, generator(seed, 16), round(200 * b.share)),
        lambda b, seeds, shared, p: law_reports(seeds, b.truths, p),
    ),
    "efficiency": Test(
        lambda model, b, seed: read_in_flight(model, b.sets, b.scene), lambda b, seeds, shared, p: efficiency_reports(seeds, p)
    ),
    "constants": Test(
        lambda model, b, seed: read_world(model, b.sets, b.world, seed),
        lambda b, seeds, shared, p: constants_reports(b.world, seeds, b.truths, shared, p),
        _constants_shared,
    ),
    "dimension": Test(_dimension, _dimension_reports),
    "extrapolation": Test(_extrapolation, lambda b, seeds, shared, p: extrapolation_reports(b.world, seeds, p)),
    "transfer": Test(_transfer, _transfer_reports),
}
