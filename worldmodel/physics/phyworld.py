"""The three scenes of PhyWorld: uniform motion, parabola and head-on collision, in closed form.

Sizes and ranges are those of its released generator (github.com/phyworld/phyworld, id_ood_data; Kang et al. 2024, "How far is
video generation from world model"): a world of 10 x 10, 10 frames a second, 32 frames, start speeds of 1 to 4 in
distribution, 0 to 0.8 and 4.5 to 6 out of it; radius 0.7 to 1.4, in collisions 0.5 to 1.5; the parabola's gravity is 2.5. What a
band holds out is the start speed ``v``. A body may leave the picture. Units are the world's own; here they count as m and s.

Theirs steps Box2D by 0.01 s and shows the state one such step later; here the law is exact and the first frame is the start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import check_config
from .camera import BODY, SECOND, Disc
from .ranges import check_ranges

WORLD = 10.0  # m across
FRAMES_PER_SECOND = 10.0
FRAMES = 32
BANDS = {"train": ((1.0, 4.0),), "beyond": ((0.0, 0.8), (4.5, 6.0))}  # of the start speed, m/s
EDGE = 0.05 * WORLD  # m kept free above and below
SHOWN = 2.4  # s for which a body that moves alone stays in the picture sideways, where its speed allows it
WAIT = 0.8  # s at least before a collision and after it, where the picture is wide enough


@dataclass(frozen=True)
class Throw:
    """One ball thrown to the right: uniform motion where ``gravity`` is 0, else a parabola from near the top."""

    gravity: float = 0.0  # m/s^2
    radius: tuple[float, float] = (0.7, 1.4)  # m

    def __post_init__(self):
        check_config(self, gravity=(0.0, 1e3))
        check_ranges(self, "radius")

    def draw(self, speed: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,) for clips whose start ``speed`` (N,) is given; start ``position`` and ``velocity`` (N, 2)."""
        n = len(speed)
        radius = rng.uniform(*self.radius, n)
        last = WORLD - SHOWN * speed - radius
        last = np.where(last < radius, radius + rng.uniform(0, 0.5, n), last)
        top = WORLD - EDGE - radius
        low = top - 1.0 if self.gravity else radius + EDGE
        position = np.stack([rng.uniform(radius, last), rng.uniform(low, top)], 1)
        return {"v": speed, "radius": radius}, {"position": position, "velocity": np.stack([speed, 0 * speed], 1)}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """``position`` and ``velocity`` (N, T, 2)."""
        t = (np.arange(frames) * dt)[:, None]
        pull = np.array([0.0, -self.gravity])
        x, v = start["position"][:, None], start["velocity"][:, None]
        return {"position": x + v * t + pull * t**2 / 2, "velocity": v + pull * t}

    def seen(self, constants: dict, states: dict) -> list:
        return [Disc(states["position"], constants["radius"], BODY)]


@dataclass(frozen=True)
class HeadOn:
    """Two balls at one height move toward each other and collide without loss; the mass goes with the area."""

    radius: tuple[float, float] = (0.5, 1.5)  # m, of either

    def __post_init__(self):
        check_ranges(self, "radius")

    def draw(self, speed: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,); start (N, 2 balls, 2). ``speed`` (N,) is the left ball's; shuffled, it is the right one's."""
        n = len(speed)
        other = rng.permutation(speed)
        one, two = rng.uniform(*self.radius, (2, n))
        touch, closing = one + two, speed + other
        widest = WORLD - touch
        near = np.minimum(WAIT * closing + touch, widest)
        far = np.minimum((FRAMES / FRAMES_PER_SECOND - WAIT) * closing + touch, widest)
        apart = rng.uniform(near, np.maximum(near, far))
        left = one + rng.random(n) * np.maximum(widest - apart, 0)
        thick = np.maximum(one, two)
        y = rng.uniform(thick + EDGE, WORLD - EDGE - thick)
        position = np.stack([np.stack([left, y], 1), np.stack([left + apart, y], 1)], 1)
        velocity = np.stack([np.stack([speed, 0 * y], 1), np.stack([-other, 0 * y], 1)], 1)
        return {"v": speed, "v_2": other, "radius": one, "radius_2": two}, {"position": position, "velocity": velocity}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """``position`` and ``velocity`` (N, T, 2 balls, 2); ``contacts`` (N, T): collisions since the frame before."""
        x, before = start["position"][:, None], start["velocity"][:, None]
        mass = np.stack([constants["radius"] ** 2, constants["radius_2"] ** 2], 1)[:, None, :, None]
        middle = (mass * before).sum(2, keepdims=True) / mass.sum(2, keepdims=True)
        after = 2 * middle - before  # seen from their middle, both turn back
        gap = x[:, 0, 1, 0] - x[:, 0, 0, 0] - constants["radius"] - constants["radius_2"]
        closing = constants["v"] + constants["v_2"]
        hit = np.where(closing > 0, gap / np.where(closing > 0, closing, 1), np.inf)[:, None]
        t = np.arange(frames) * dt
        flown = np.minimum(t, hit)
        position = x + before * flown[..., None, None] + after * (t - flown)[..., None, None]
        over = t > hit
        velocity = np.where(over[..., None, None], after, before)
        return {"position": position, "velocity": velocity, "contacts": np.diff(over, axis=1, prepend=False).astype(np.int32)}

    def seen(self, constants: dict, states: dict) -> list:
        one, two = np.moveaxis(states["position"], 2, 0)
        return [Disc(two, constants["radius_2"], SECOND), Disc(one, constants["radius"], BODY)]
