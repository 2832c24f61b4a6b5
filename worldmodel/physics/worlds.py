"""The worlds by name: a law, its bands of gravity, and how its states become bodies in front of the camera."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..settings import ConfigError
from .ball import Ball
from .camera import Disc
from .lander import ACTIONS, Lander

FRAMES_PER_SECOND = 20.0  # one rate and one scale for all worlds: only g dt^2 / L can be seen in a video

# Bands of g in m/s^2. Earth (9.81) lies in a gap of the training range; no training clip has it.
BANDS = {
    "train": ((1.0, 9.0), (11.0, 20.0)),
    "earth": ((9.0, 11.0),),
    "beyond": ((20.0, 30.0),),
}


@dataclass(frozen=True)
class World:
    """A law with a name. ``actions`` is the size of its action, 0 for a world that is only watched."""

    name: str
    law: object
    actions: int = 0
    colours: dict = field(default_factory=lambda: {"body": 0.9})


WORLDS = {
    "ball": World("ball", Ball()),
    "lander": World("lander", Lander(), ACTIONS, {"pad": 0.6, "body": 0.9}),
}


def world(name: str) -> World:
    """Look a world up.

    Raises:
        ConfigError: no world has that name.
    """
    if name not in WORLDS:
        raise ConfigError(f"no world is called {name!r}; there are {', '.join(WORLDS)}")
    return WORLDS[name]


def draw_gravity(band: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform over the union of a band's intervals, (N,) in m/s^2.

    Raises:
        ConfigError: no band has that name.
    """
    if band not in BANDS:
        raise ConfigError(f"no band is called {band!r}; there are {', '.join(BANDS)}")
    low, high = np.array(BANDS[band]).T
    width = np.concatenate([[0], np.cumsum(high - low)])
    at = rng.uniform(0, width[-1], n)
    piece = np.searchsorted(width, at, side="right") - 1
    return low[piece] + at - width[piece]


def bodies(world: World, constants: dict, position: np.ndarray, channels: int) -> list[Disc]:
    """What the camera sees of a world: discs from constants (N,) and positions (N, T, 2) in m."""

    def disc(centre, radius, colour):
        n = len(position)
        return Disc(centre, np.broadcast_to(radius, (n,)), np.full((n, channels), colour))

    if world.name == "ball":
        return [disc(position, constants["radius"], world.colours["body"])]
    pad = np.zeros_like(position)
    pad[..., 0] = constants["pad"][:, None]
    law, colours = world.law, world.colours
    return [disc(pad, law.pad_height, colours["pad"]), disc(position, law.radius, colours["body"])]
