"""A mass that hangs on a spring and moves up and down: an exact damped oscillation.

    y'' = -g - (k/m) (y - y_natural) - damping y'        rest position  y_natural - g m / k

g shows only in the rest position, and k/m in the period. The start is drawn around the middle of all rest positions and not
around the clip's own, so that a first frame tells nothing of g; stiff springs keep every swing in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import check_config
from .camera import BODY, HOLDER, Disc, Rod
from .ranges import check_ranges, draw_ranges, fixed_point


@dataclass(frozen=True)
class Spring:
    """The law and its ranges. Every spring has the same natural length, from its anchor to the middle of the mass."""

    k_over_m: tuple[float, float] = (22.0, 70.0)  # 1/s^2; at 22 and g = 30 m/s^2 the rest lies 1.36 m below natural
    damping: tuple[float, float] = (0.0, 1.0)  # 1/s
    radius: tuple[float, float] = (0.15, 0.2)  # m, of the mass as drawn; it does not enter the law
    natural: float = 1.2  # m, length without load
    anchor_x: tuple[float, float] = (1.0, 3.0)  # m
    anchor_y: tuple[float, float] = (3.8, 3.9)  # m
    stretch: tuple[float, float] = (0.5, 0.9)  # m beyond the natural length, at the start
    speed: float = 0.3  # m/s, largest at the start

    def __post_init__(self):
        check_config(self, natural=(0, 1e3), speed=(0, 1e3))
        check_ranges(self, "k_over_m", "damping", "radius", "anchor_x", "anchor_y", "stretch")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,) for clips whose ``gravity`` (N,) is given; start ``position`` and ``velocity`` (N, 2)."""
        n = len(gravity)
        constants = {"g": gravity} | draw_ranges(self, n, rng, "k_over_m", "damping", "radius", "anchor_x", "anchor_y")
        height = constants["anchor_y"] - self.natural - rng.uniform(*self.stretch, n)
        velocity = np.stack([np.zeros(n), rng.uniform(-self.speed, self.speed, n)], 1)
        return constants, {"position": np.stack([constants["anchor_x"], height], 1), "velocity": velocity}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """``position`` and ``velocity`` (N, T, 2) of the mass."""
        k, half = constants["k_over_m"], constants["damping"] / 2
        pace = np.sqrt(k - half**2)[:, None]  # rad/s; every spring of the ranges is under-damped
        rest = constants["anchor_y"] - self.natural - constants["g"] / k
        cosine = (start["position"][:, 1] - rest)[:, None]
        sine = (start["velocity"][:, 1:] + half[:, None] * cosine) / pace
        t = np.arange(frames) * dt
        fade, cos, sin = np.exp(-half[:, None] * t), np.cos(pace * t), np.sin(pace * t)
        above = fade * (cosine * cos + sine * sin)
        speed = fade * pace * (sine * cos - cosine * sin) - half[:, None] * above
        x = np.repeat(start["position"][:, :1], frames, 1)
        return {"position": np.stack([x, rest[:, None] + above], -1), "velocity": np.stack([np.zeros_like(x), speed], -1)}

    def seen(self, constants: dict, states: dict) -> list:
        mass = states["position"]
        anchor = np.broadcast_to(fixed_point(constants, "anchor"), mass.shape)
        return [Rod(anchor, mass, 0.03, HOLDER), Disc(anchor, 0.1, HOLDER), Disc(mass, constants["radius"], BODY)]
