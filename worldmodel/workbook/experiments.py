"""The recorded experiments: which world in which scene, how its model is sized and trained, and which tests it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from ..model import WorldModelConfig
from ..training import FULL, FitConfig
from ..videos import Film

LAYERED = WorldModelConfig(still=True)  # for a textured scene
SHORT = replace(FULL, find_steps=400, predict_steps=600)  # of a world beside the main one: two minutes on two cores
PLACES = replace(FULL, find_steps=800, predict_steps=500)  # the same time, more of it on places


@dataclass(frozen=True)
class Experiment:
    """One model for each seed, and the tests that it takes, by their names in `BATTERY`."""

    world: str
    tests: tuple[str, ...]
    scene: str = "clean"
    sizes: WorldModelConfig = WorldModelConfig()
    fit: FitConfig = SHORT
    clips: int = 2000
    frames: int = 40

    @property
    def name(self) -> str:
        return f"{self.world}-{self.scene}"

    @property
    def model(self) -> str:
        """What its sizes differ in from the default's."""
        plain, mine = asdict(WorldModelConfig()), asdict(self.sizes)
        return ", ".join(f"{name} {mine[name]}" for name in mine if mine[name] != plain[name]) or "default"

    @property
    def film(self) -> Film:
        return Film(self.world, self.clips, self.frames, self.scene)


BALL = ("reading", "falls", "surprise", "laws")
EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment("ball", BALL, fit=FULL, clips=4000),
        Experiment("ball", BALL[:3], "clutter", LAYERED, replace(FULL, find_steps=1500), 4000),
        Experiment("ball", ("efficiency",), "noisy", fit=replace(FULL, predict_steps=1000), clips=4000),
        Experiment("pendulum", ("constants", "dimension")),
        Experiment("double_pendulum", ("constants", "dimension")),
        Experiment("spring", ("constants",)),
        Experiment("two_balls", ("constants",)),
        Experiment("orbit", ("constants",)),
        Experiment("uniform", ("extrapolation",), fit=PLACES, frames=32),
        Experiment("collision", ("extrapolation",), fit=PLACES, frames=32),
        Experiment("parabola", ("extrapolation",), fit=PLACES, frames=32),
        Experiment("all", ("transfer",), fit=FULL, clips=6000),
    )
}
