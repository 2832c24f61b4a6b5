"""The worlds by name: a law, its bands of gravity, its scale and its frame rate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..settings import ConfigError
from . import catcher, lander, phyworld
from .ball import Ball
from .camera import SCENES, Camera, Disc, Rod
from .catcher import Catcher
from .lander import Lander
from .orbit import Orbit
from .pendulum import DoublePendulum, Pendulum
from .phyworld import HeadOn, Throw
from .spring import Spring
from .two_balls import TwoBalls

FRAMES_PER_SECOND = 20.0  # one rate and one scale for all worlds but PhyWorld's: a video shows only g dt^2 / L

# Bands of g in m/s^2. Earth (9.81) lies in a gap of the training range; no training clip has it.
BANDS = {"train": ((1.0, 9.0), (11.0, 20.0)), "earth": ((9.0, 11.0),), "beyond": ((20.0, 30.0),)}


@dataclass(frozen=True)
class World:
    """A law with a name, and how it is filmed.

    A law is a frozen dataclass with ``draw(banded, rng) -> (constants, start)``, ``simulate(constants, start, frames, dt)
    -> states`` and ``seen(constants, states) -> bodies``. ``position`` and ``velocity`` are (N, T, 2) for one body and
    (N, T, M, 2) for M of them. A world to act in has, for ``simulate``, ``step(constants, state, action, dt) -> (state, reward,
    ended, success)`` a frame at a time, an ``oracle``, a ``pilot`` for the log, an ``idle`` action and a ``limit`` of frames.
    """

    name: str
    law: object
    actions: int = 0  # size of its action, 0 for a world that is only watched
    bands: dict = field(default_factory=lambda: BANDS)  # of g in m/s^2; in PhyWorld's scenes of the start speed
    frames_per_second: float = FRAMES_PER_SECOND
    metres: float = 4.0  # across the picture

    def draw(self, band: str, n: int, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,) and a start for ``n`` clips of a band."""
        return self.law.draw(draw_gravity(band, n, rng, self.bands), rng)

    def camera(self, scene: str) -> Camera:
        """The scene's camera at this world's scale."""
        return replace(SCENES[scene], metres=self.metres)


PHYWORLD = {"bands": phyworld.BANDS, "frames_per_second": phyworld.FRAMES_PER_SECOND, "metres": phyworld.WORLD}

WORLDS = {
    world.name: world
    for world in (
        World("ball", Ball()),
        World("pendulum", Pendulum()),
        World("double_pendulum", DoublePendulum()),
        World("spring", Spring()),
        World("two_balls", TwoBalls()),
        World("orbit", Orbit()),
        World("lander", Lander(), lander.ACTIONS),
        World("catcher", Catcher(), catcher.ACTIONS),
        World("uniform", Throw(), **PHYWORLD),
        World("parabola", Throw(gravity=2.5), **PHYWORLD),
        World("collision", HeadOn(), **PHYWORLD),
    )
}

ALL = ("ball", "pendulum", "double_pendulum", "spring", "two_balls", "orbit")  # watched, at one scale: one model for all


def world(name: str) -> World:
    """Look a world up.

    Raises:
        ConfigError: no world has that name.
    """
    if name not in WORLDS:
        raise ConfigError(f"no world is called {name!r}; there are {', '.join(WORLDS)}")
    return WORLDS[name]


def draw_gravity(band: str, n: int, rng: np.random.Generator, bands: dict = BANDS) -> np.ndarray:
    """Uniform over the union of a band's intervals, (N,) in m/s^2.

    Raises:
        ConfigError: no band has that name.
    """
    if band not in bands:
        raise ConfigError(f"no band is called {band!r}; there are {', '.join(bands)}")
    low, high = np.array(bands[band]).T
    width = np.concatenate([[0], np.cumsum(high - low)])
    at = rng.uniform(0, width[-1], n)
    piece = np.searchsorted(width, at, side="right") - 1
    return low[piece] + at - width[piece]


def bodies(world: World, constants: dict, states: dict, channels: int) -> list[Disc | Rod]:
    """What the camera sees of a world, from constants (N,) and states (N, T, ...); a grey body in every channel."""
    n = len(states["position"])

    def spread(value):  # a law may state a size or a brightness once for all clips
        return np.broadcast_to(value, (n,))

    seen = world.law.seen(constants, states)
    return [replace(b, radius=spread(b.radius), colour=np.stack([spread(b.colour)] * channels, 1)) for b in seen]
