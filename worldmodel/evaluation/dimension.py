"""Test F: how many numbers do the states hold that a model finds in the videos of a pendulum?"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from ..model import WorldModel
from ..physics import World, bodies, world
from ..probing import Report, inverse_dimension
from ..settings import generator
from .reports import summarise

FRAMES = 40  # a state is that after the last one: a belief of one age, so that its age is no dimension
GRAVITY = 6.0  # m/s^2 where g is fixed: amid what the training clips had
SPIN = 4.0  # rad/s, largest at the start; from the worlds' slower ones the states fill a slab too thin to be told from a sheet
PENDULUMS = {  # name -> world, what may vary, mark
    "pendulum.clean.F.dimension": ("pendulum", (), "1.7 to 2.3"),
    "pendulum.clean.F.dimension_g": ("pendulum", ("g",), "2.7 to 3.3"),
    "double_pendulum.clean.F.dimension": ("double_pendulum", (), "3.7 to 4.3"),
}


def fixed(mine: World, vary: tuple[str, ...]) -> World:
    """The world with every range of its law, but those that may vary, shrunk to its middle."""
    ranges = [field.name for field in fields(mine.law) if isinstance(getattr(mine.law, field.name), tuple)]
    middle = {name: (np.mean(getattr(mine.law, name)),) * 2 for name in ranges if name not in vary}
    return replace(mine, law=replace(mine.law, **middle))


def last_states(model, mine: World, steady: bool, clips: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The last state of each clip: ``latent`` (N, F) of the model, ``true`` (N, S) of the law. g is `GRAVITY` where ``steady``.

    Of ours it is points, speed and the belief's mean (its weights count frames, and the appearance does not move); the true
    one is sine, cosine and spin of each angle, and g.
    """
    constants, start = mine.draw("train", clips, rng)
    if steady:
        constants["g"] = np.full(clips, GRAVITY)
    states = mine.law.simulate(constants, start, FRAMES, 1 / mine.frames_per_second)
    camera, latent = mine.camera("clean"), []
    for begin in range(0, clips, 50):
        here = [{name: value[begin : begin + 50] for name, value in part.items()} for part in (constants, states)]
        latent.append(model.features(camera.film(bodies(mine, *here, camera.channels), rng))[:, -1])
    latent = np.concatenate(latent)
    if isinstance(model, WorldModel):
        latent = latent[:, : model.believed.stop]
    angle, spin = (states[name][:, -1].reshape(clips, -1) for name in ("angle", "spin"))
    return {"latent": latent, "true": np.concatenate([np.sin(angle), np.cos(angle), spin, constants["g"][:, None]], 1)}


def latent_dimension(model, name: str, vary: tuple[str, ...] = (), clips: int = 2000) -> dict[str, np.ndarray]:
    """`inverse_dimension` of each clip's last state, where the constants of a pendulum are fixed but those that ``vary``.

    Each coordinate is in units of its spread over clips in which everything varies. Whitened over the states themselves, the
    little noise of what is fixed would count as much as the motion; unscaled, speeds and beliefs would hardly count.

    Returns:
        ``latent`` and ``true``, each (N,).
    """
    mine, rng = world(name), generator(1000, 14)
    mine = replace(mine, law=replace(mine.law, spin=SPIN))
    usual = last_states(model, mine, False, clips // 4, rng)
    states = last_states(model, fixed(mine, vary), "g" not in vary, clips, rng)
    return {kind: inverse_dimension(values / (usual[kind].std(0) + 1e-9)) for kind, values in states.items()}


def dimension_reports(names, seeds: list[dict], preset: str = "full") -> list[Report]:
    """The rows of test F: of each of these `PENDULUMS`, ``NAME/latent`` and ``NAME/true`` of every seed, and its ``seconds``."""

    def dimension(inverse):
        return 1 / inverse.mean()

    return [
        summarise(name, [(seed[f"{name}/latent"],) for seed in seeds], dimension, mark=PENDULUMS[name][2],
                  limit=dimension(seeds[0][f"{name}/true"]), anchor="Neural State Variables 2.05, 4.71", preset=preset,
                  seconds=float(sum(seed["seconds"] for seed in seeds)), same_clips=False)
        for name in names
    ]  # fmt: skip
