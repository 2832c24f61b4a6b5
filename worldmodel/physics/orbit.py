"""A body that a power law pulls to a centre: gravity that is not "down".

    x'' = -g (r / 1 m)^(-exponent) x / r

The start speed is set against that of a circular orbit, so that an orbit has the same size whatever g is: nothing leaves the
picture, and a first frame tells nothing of either constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import ConfigError, check_config
from .camera import BODY, HOLDER, Disc
from .integrate import runge_kutta
from .ranges import check_ranges, draw_ranges, fixed_point


@dataclass(frozen=True)
class Orbit:
    """The law and its ranges. ``g`` is the acceleration at 1 m."""

    exponent: tuple[float, float] = (1.0, 2.5)  # 2 is Newton's; from 3 on no orbit is stable
    radius: tuple[float, float] = (0.12, 0.2)  # m, of the body as drawn; it does not enter the law
    centre: tuple[float, float] = (1.85, 2.15)  # m, both x and y
    distance: tuple[float, float] = (0.8, 1.2)  # m from the centre, at the start
    pace: tuple[float, float] = (0.8, 0.95)  # start speed over that of a circular orbit
    slant: float = 0.4  # rad, largest angle of the start velocity off the tangent

    def __post_init__(self):
        check_config(self, slant=(0, np.pi / 2))
        check_ranges(self, "exponent", "radius", "centre", "distance", "pace")
        if self.exponent[1] >= 3:
            raise ConfigError(f"Orbit.exponent is {self.exponent}; from 3 on a body falls in or flies off")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,) for clips whose acceleration ``gravity`` (N,) at 1 m is given; start (N, 2) m and m/s."""
        n = len(gravity)
        constants = {"g": gravity} | draw_ranges(self, n, rng, "exponent", "radius")
        constants |= {name: rng.uniform(*self.centre, n) for name in ("centre_x", "centre_y")}
        start = draw_ranges(self, n, rng, "distance", "pace")
        angle = rng.uniform(0, 2 * np.pi, n)
        heading = angle + rng.choice([-1, 1], n) * np.pi / 2 + rng.uniform(-self.slant, self.slant, n)
        circular = np.sqrt(gravity * start["distance"] ** (1 - constants["exponent"]))
        away = start["distance"][:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        velocity = (start["pace"] * circular)[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
        return constants, {"position": fixed_point(constants, "centre")[:, 0] + away, "velocity": velocity}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """``position`` and ``velocity`` (N, T, 2) of the body."""
        g, centre, power = constants["g"], fixed_point(constants, "centre"), -(constants["exponent"] + 1) / 2

        def rate(y):
            return np.concatenate([y[2:], -g * (y[0] ** 2 + y[1] ** 2) ** power * y[:2]])

        away = start["position"] - centre[:, 0]
        y = np.concatenate([away.T, start["velocity"].T])
        path = np.moveaxis(runge_kutta(rate, y, frames, dt, steps=60), 0, -1)
        return {"position": centre + path[..., :2], "velocity": path[..., 2:]}

    def seen(self, constants: dict, states: dict) -> list:
        body = states["position"]
        centre = np.broadcast_to(fixed_point(constants, "centre"), body.shape)
        return [Disc(centre, 0.1, HOLDER), Disc(body, constants["radius"], BODY)]
