"""Two balls in flight in one box, which meet: event-exact, many clips at a time.

Both feel the same gravity all the time, so that one moves uniformly as seen from the other, and the time at which they touch
is the root of a quadratic. For that no ball ever lies still: a contact gives back at least HOP, a speed whose hop is under
0.5 mm (0.01 px) high at 1 m/s^2. It also bounds the number of contacts, which would have no end with a mere coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import ConfigError, check_config
from .ball import MARGIN
from .camera import BODY, SECOND, Disc
from .ranges import Rows, check_ranges, draw_ranges

HOP = 0.03  # m/s


@dataclass(frozen=True)
class TwoBalls:
    """The law and its ranges. The first ball starts on the left, the second, of ``mass_ratio`` times its mass, on the right.

    What they look like does not tell the ratio: radii and brightness do not depend on it.
    """

    box: float = 4.0  # m
    radius: tuple[float, float] = (0.2, 0.3)  # m, of either
    mass_ratio: tuple[float, float] = (0.5, 2.0)
    restitution: tuple[float, float] = (0.5, 0.95)  # of walls and of the pair
    height: tuple[float, float] = (1.8, 3.4)  # m, of either at the start
    closing: tuple[float, float] = (3.0, 6.0)  # m/s, at which they near each other at the start
    aside: float = 0.3  # m, largest distance at which the second would pass the first's middle without walls
    drift: float = 0.7  # m/s, largest speed of their middle on each axis

    def __post_init__(self):
        check_config(self, box=(1e-3, 1e6), aside=(0, self.box), drift=(0, 1e3))
        check_ranges(self, "radius", "mass_ratio", "restitution", "height", "closing")
        if self.restitution[1] > 1 or self.mass_ratio[0] <= 0 or self.radius[1] + MARGIN >= self.box / 4:
            raise ConfigError("TwoBalls: restitution at most 1, mass_ratio above 0, radius with room in half of the box")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Constants (N,) for clips whose ``gravity`` (N,) is given; start ``position`` and ``velocity`` (N, 2 balls, 2)."""
        n = len(gravity)
        constants = {"g": gravity} | draw_ranges(self, n, rng, "mass_ratio", "restitution", "radius")
        constants["radius_2"] = rng.uniform(*self.radius, n)
        radius = np.stack([constants["radius"], constants["radius_2"]], 1)
        low = radius + MARGIN
        x = low + rng.random((n, 2)) * (0.3 * self.box - low)
        x[:, 1] = self.box - x[:, 1]
        position = np.stack([x, np.clip(rng.uniform(*self.height, (n, 2)), low, self.box - low)], -1)
        apart = position[:, 1] - position[:, 0]
        distance, angle = np.linalg.norm(apart, axis=1), np.arctan2(apart[:, 1], apart[:, 0])
        angle += np.arcsin(rng.uniform(-self.aside, self.aside, n) / distance)
        nearing = rng.uniform(*self.closing, n)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        middle = rng.uniform(-self.drift, self.drift, (n, 2))
        return constants, {"position": position, "velocity": np.stack([middle + nearing / 2, middle - nearing / 2], 1)}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """Integrate all clips; the first frame is the start.

        Returns:
            ``position`` and ``velocity`` (N, T, 2 balls, 2), ``contacts`` and ``meetings`` (N, T): of all kinds, and of the
            two with one another, since the frame before.
        """
        law = _Law(constants, self.box)
        x, v = start["position"].astype(float), start["velocity"].astype(float)
        shape = (len(x), frames)
        states = {"position": np.empty((*shape, 2, 2)), "velocity": np.empty((*shape, 2, 2))}
        states |= {name: np.zeros(shape, np.int32) for name in ("contacts", "meetings")}
        states["position"][:, 0], states["velocity"][:, 0] = x, v
        for frame in range(1, frames):
            left, todo = np.full(len(x), float(dt)), np.arange(len(x))
            while len(todo):
                x[todo], v[todo], spent, what = law[todo].advance(x[todo], v[todo], left[todo])
                left[todo] -= spent
                states["contacts"][todo, frame] += what >= 0
                states["meetings"][todo, frame] += what == PAIR
                todo = todo[what >= 0]
            states["position"][:, frame], states["velocity"][:, frame] = x, v
        return states

    def seen(self, constants: dict, states: dict) -> list:
        one, two = np.moveaxis(states["position"], 2, 0)
        return [Disc(two, constants["radius_2"], SECOND), Disc(one, constants["radius"], BODY)]


PAIR = 8  # the event's number; 0 to 7 are the low and the high walls of x and y of the first ball and of the second


class _Law(Rows):
    """Constants as arrays: ``radius`` (N, 2 balls), the others (N,)."""

    def __init__(self, constants, box):
        self.radius = np.stack([constants["radius"], constants["radius_2"]], 1)
        self.g, self.ratio, self.restitution = (constants[name] for name in ("g", "mass_ratio", "restitution"))
        self.box = np.full(len(self.g), box)

    def advance(self, x, v, left):
        """Fly to the next contact or for ``left`` (N,) seconds: x, v, the time that took, and the event (-1 for none)."""
        low = np.repeat(self.radius[:, :, None], 2, 2)
        high = self.box[:, None, None] - low
        times = np.concatenate([_wall_times(x - low, high - x, v, self.g), self._meeting_time(x, v)[:, None]], 1)
        what = times.argmin(1)
        clip = np.arange(len(x))
        time = times[clip, what]
        what = np.where(time <= left, what, -1)
        time = np.minimum(time, left)
        x, v = x + v * time[:, None, None], v.copy()
        x[:, :, 1] -= (self.g * time**2 / 2)[:, None]
        v[:, :, 1] -= (self.g * time)[:, None]
        walls = np.nonzero((what >= 0) & (what < PAIR))[0]
        ball, axis, side = what[walls] // 4, what[walls] // 2 % 2, what[walls] % 2
        x[walls, ball, axis] = np.where(side == 0, low[walls, ball, axis], high[walls, ball, axis])
        back = np.maximum(self.restitution[walls] * np.abs(v[walls, ball, axis]), HOP)
        v[walls, ball, axis] = np.where(side == 0, back, -back)
        pairs = np.nonzero(what == PAIR)[0]
        v[pairs] = self[pairs]._rebound(x[pairs], v[pairs])
        return x, v, time, what

    def _meeting_time(self, x, v):
        """When two discs in uniform relative motion touch: |apart + closing t| = the sum of their radii."""
        apart, closing = x[:, 1] - x[:, 0], v[:, 1] - v[:, 0]
        a, b = (closing**2).sum(1), (apart * closing).sum(1)
        c = (apart**2).sum(1) - self.radius.sum(1) ** 2
        root = b * b - a * c
        meets = (b < 0) & (root >= 0)
        return np.where(meets, np.maximum(c, 0) / np.where(meets, np.sqrt(np.maximum(root, 0)) - b, 1), np.inf)

    def _rebound(self, x, v):
        """Velocities after the two met: the speed along the line of their middles is turned, momentum is kept."""
        normal = x[:, 1] - x[:, 0]
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        speed = ((v[:, 1] - v[:, 0]) * normal).sum(1)
        change = (np.maximum(-self.restitution * speed, HOP) - speed)[:, None] * normal
        share = (self.ratio / (1 + self.ratio))[:, None]
        return np.stack([v[:, 0] - share * change, v[:, 1] + (1 - share) * change], 1)


def _wall_times(below, above, v, g):
    """Seconds (N, 8) to the low and the high wall of each axis of each ball, infinite where none is met.

    ``below`` and ``above`` (N, 2 balls, 2) are the room left on either side; each root in the form that does not cancel.
    """
    below, above, g = np.maximum(below, 0), np.maximum(above, 0), g[:, None]
    vy, times = v[..., 1], np.full((*v.shape, 2), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        times[:, :, 0, 0] = np.where(v[..., 0] < 0, -below[..., 0] / v[..., 0], np.inf)
        times[:, :, 0, 1] = np.where(v[..., 0] > 0, above[..., 0] / v[..., 0], np.inf)
        fall, rise = np.sqrt(vy**2 + 2 * g * below[..., 1]), vy**2 - 2 * g * above[..., 1]
        times[:, :, 1, 0] = np.where(vy < 0, 2 * below[..., 1] / (fall - vy), (fall + vy) / g)
        reaches = (vy > 0) & (rise >= 0)
        times[:, :, 1, 1] = np.where(reaches, 2 * above[..., 1] / (vy + np.sqrt(np.maximum(rise, 0))), np.inf)
    return times.reshape(len(v), 8)
