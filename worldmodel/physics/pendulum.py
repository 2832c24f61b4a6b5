"""Rigid pendulums at large angles: a single damped one, and a frictionless double one.

Angles are measured from straight down, counter-clockwise. The pivot lies so that a bob stays in a picture of 4 m wherever
it swings, over the top as well: nothing is turned away, whatever g is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import check_config
from .camera import BODY, HOLDER, SECOND, Disc, Rod
from .integrate import runge_kutta
from .ranges import check_ranges, draw_ranges, fixed_point

ROD = 0.04  # m, half of a drawn rod's width


@dataclass(frozen=True)
class Pendulum:
    """theta'' = -(g / length) sin(theta) - damping theta'. A video shows g / length, and the length."""

    length: tuple[float, float] = (0.6, 1.1)  # m
    damping: tuple[float, float] = (0.0, 0.5)  # 1/s
    radius: tuple[float, float] = (0.12, 0.2)  # m, of the bob; it does not enter the law
    pivot_x: tuple[float, float] = (1.7, 2.3)  # m
    pivot_y: tuple[float, float] = (2.3, 2.7)  # m
    angle: float = 2.5  # rad, largest at the start
    spin: float = 2.0  # rad/s, largest at the start

    def __post_init__(self):
        check_config(self, angle=(0, np.pi), spin=(0, 1e3))
        check_ranges(self, "length", "damping", "radius", "pivot_x", "pivot_y")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,) for clips whose ``gravity`` (N,) is given; start ``angle`` (N,) in rad and ``spin`` in rad/s."""
        n = len(gravity)
        constants = {"g": gravity} | draw_ranges(self, n, rng, "length", "damping", "radius", "pivot_x", "pivot_y")
        return constants, {name: rng.uniform(-1, 1, n) * getattr(self, name) for name in ("angle", "spin")}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """``position`` and ``velocity`` (N, T, 2) of the bob, ``angle`` and ``spin`` (N, T)."""
        pull, damping = constants["g"] / constants["length"], constants["damping"]

        def rate(y):
            return np.stack([y[1], -pull * np.sin(y[0]) - damping * y[1]])

        angle, spin = runge_kutta(rate, np.stack([start["angle"], start["spin"]]), frames, dt, steps=10)
        reach, speed = _arm(angle, spin, constants["length"][:, None])
        return {"position": fixed_point(constants, "pivot") + reach, "velocity": speed, "angle": angle, "spin": spin}

    def seen(self, constants: dict, states: dict) -> list:
        bob = states["position"]
        pivot = np.broadcast_to(fixed_point(constants, "pivot"), bob.shape)
        return [Rod(pivot, bob, ROD, HOLDER), Disc(bob, constants["radius"], BODY)]


@dataclass(frozen=True)
class DoublePendulum:
    """Two equal massless rods with equal point masses at their ends. Only g is hidden; the rest is fixed or seen."""

    length: float = 0.8  # m, of either rod
    radius: float = 0.15  # m, of either bob
    pivot: tuple[float, float] = (1.8, 2.2)  # m, both x and y
    angle: float = 2.5  # rad, largest at the start, for either rod
    spin: float = 1.0  # rad/s, largest at the start

    def __post_init__(self):
        check_config(self, length=(1e-3, 1e3), radius=(1e-3, 1e3), angle=(0, np.pi), spin=(0, 1e3))
        check_ranges(self, "pivot")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,); start ``angle`` (N, 2) in rad and ``spin`` (N, 2) in rad/s, upper rod first."""
        n = len(gravity)
        constants = {"g": gravity} | {name: rng.uniform(*self.pivot, n) for name in ("pivot_x", "pivot_y")}
        return constants, {name: rng.uniform(-1, 1, (n, 2)) * getattr(self, name) for name in ("angle", "spin")}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """``position`` and ``velocity`` (N, T, 2 bobs, 2), ``angle`` and ``spin`` (N, T, 2), the upper bob first."""
        g = constants["g"] / self.length

        def rate(y):  # Lagrange's equations for equal rods and masses
            one, two, w1, w2 = y
            apart = one - two
            sin, cos = np.sin(apart), np.cos(apart)
            below = 3 - np.cos(2 * apart)
            up = -3 * g * np.sin(one) - g * np.sin(one - 2 * two) - 2 * sin * (w2**2 + w1**2 * cos)
            low = 2 * sin * (2 * w1**2 + 2 * g * np.cos(one) + w2**2 * cos)
            return np.stack([w1, w2, up / below, low / below])

        y = np.concatenate([start["angle"].T, start["spin"].T])
        path = np.moveaxis(runge_kutta(rate, y, frames, dt, steps=50), 0, -1)
        angle, spin = path[..., :2], path[..., 2:]
        reach, speed = (np.cumsum(part, axis=2) for part in _arm(angle, spin, self.length))
        return {"position": fixed_point(constants, "pivot")[:, None] + reach, "velocity": speed, "angle": angle, "spin": spin}

    def seen(self, constants: dict, states: dict) -> list:
        upper, lower = np.moveaxis(states["position"], 2, 0)
        pivot = np.broadcast_to(fixed_point(constants, "pivot"), upper.shape)
        rods = [Rod(pivot, upper, ROD, HOLDER), Rod(upper, lower, ROD, HOLDER)]
        return [*rods, Disc(upper, self.radius, SECOND), Disc(lower, self.radius, BODY)]


def _arm(angle, spin, length):
    """From a rod's upper end to its lower one, and how fast that changes: (..., 2) each."""
    sin, cos = np.sin(angle), np.cos(angle)
    return np.stack([length * sin, -length * cos], -1), np.stack([length * spin * cos, length * spin * sin], -1)
