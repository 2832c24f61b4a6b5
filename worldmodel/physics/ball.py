"""A ball that flies under gravity and bounces in a box: event-exact, many clips at a time.

Between contacts each axis obeys v' = a - d v (gravity ``a``, linear drag ``d``), whose solution is closed:

    v(t) = v0 exp(-d t) + a phi1(t)        phi1(t) = (1 - exp(-d t)) / d   ->  t       as d -> 0
    x(t) = x0 + v0 phi1(t) + a phi2(t)     phi2(t) = (t - phi1(t)) / d     ->  t^2 / 2

A contact is the root of x(t) = wall on an interval where x is monotone, found to machine precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import ConfigError, check_config
from .camera import BODY, Disc
from .ranges import Rows, check_ranges, draw_ranges

REST_SPEED = 1e-3  # m/s; a slower rebound comes to rest. Its hop would be lower than 1e-6 m at g = 1 m/s^2.

MARGIN = 0.05  # m; no clip starts closer to a wall


@dataclass(frozen=True)
class Ball:
    """The law and the ranges from which a clip's constants and start are drawn, all independently."""

    box: float = 4.0  # m, width and height of the box
    radius: tuple[float, float] = (0.2, 0.3)  # m
    restitution: tuple[float, float] = (0.5, 0.95)  # share of the normal speed kept in a bounce
    drag: tuple[float, float] = (0.0, 0.0)  # 1/s; optional, 0 by default
    sideways: tuple[float, float] = (0.0, 0.0)  # m/s^2; optional gravity along x, 0 by default
    height: tuple[float, float] = (1.5, 3.6)  # m, of the start: in the upper part, so that every clip begins in flight
    speed: float = 2.0  # m/s, largest start speed on each axis

    def __post_init__(self):
        check_config(self, box=(1e-3, 1e6), speed=(0.0, 1e6))
        check_ranges(self, "radius", "restitution", "drag", "height")
        if not self.sideways[0] <= self.sideways[1]:
            raise ConfigError(f"Ball.sideways is {self.sideways}; it must be a range low <= high")
        if self.restitution[1] > 1:
            raise ConfigError(f"Ball.restitution is {self.restitution}; above 1 a bounce would make energy")
        if self.radius[1] + MARGIN >= self.box / 2:
            raise ConfigError(f"Ball.radius is {self.radius}; it leaves no room in a box of {self.box} m")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Draw the other constants and a start for clips whose ``gravity`` (N,) in m/s^2 is given.

        Returns:
            constants, by name, each (N,); start ``position`` (N, 2) in m, y up, and ``velocity`` (N, 2) in m/s.
        """
        n = len(gravity)
        constants = {"g": gravity} | draw_ranges(self, n, rng, "radius", "restitution", "drag", "sideways")
        low = constants["radius"] + MARGIN
        across = low + rng.random(n) * (self.box - 2 * low)
        up = np.clip(rng.uniform(*self.height, n), low, self.box - low)
        position = np.stack([across, up], 1)
        return constants, {"position": position, "velocity": rng.uniform(-self.speed, self.speed, (n, 2))}

    def simulate(self, constants: dict, start: dict, frames: int, dt: float) -> dict:
        """Integrate all clips for ``frames`` frames, ``dt`` seconds apart; the first frame is the start.

        Returns:
            ``position`` and ``velocity`` (N, T, 2), and ``contacts`` (N, T): bounces since the frame before.
        """
        n = len(constants["g"])
        position, velocity = np.empty((n, frames, 2)), np.empty((n, frames, 2))
        contacts = np.zeros((n, frames), np.int32)
        x, v = start["position"].astype(float), start["velocity"].astype(float)
        law = BoxLaw(constants, self.box)
        frame_phi = phi(law.drag, dt)  # of a whole frame without a contact, the same in all frames
        position[:, 0], velocity[:, 0] = x, v
        for frame in range(1, frames):
            x, v, contacts[:, frame] = advance(x, v, law, dt, frame_phi)
            position[:, frame], velocity[:, frame] = x, v
        return {"position": position, "velocity": velocity, "contacts": contacts}

    def seen(self, constants: dict, states: dict) -> list:
        return [Disc(states["position"], constants["radius"], BODY)]


class BoxLaw(Rows):
    """A clip's constants spread over its two axes, each (N, 2); ``restitution`` is (N,)."""

    def __init__(self, constants, box):
        self.acceleration = np.stack([constants["sideways"], -constants["g"]], 1)
        self.drag = np.repeat(constants["drag"][:, None], 2, 1)
        self.low = np.repeat(constants["radius"][:, None], 2, 1)
        self.high = box - self.low
        self.restitution = constants["restitution"]

    def felt(self, x, v):
        """The acceleration that is not borne by a wall: 0 on an axis that rests against one."""
        pressed = ((x <= self.low) & (self.acceleration < 0)) | ((x >= self.high) & (self.acceleration > 0))
        return np.where(pressed & (v == 0), 0.0, self.acceleration)


def phi(drag, t):
    """phi1 and phi2 of the module's docstring; a series where drag * t is too small for the closed form."""
    if not drag.any():
        return t, t * t / 2
    s = drag * t
    small = s < 1e-3
    d = np.where(small, 1.0, drag)
    phi1 = np.where(small, t * (1 - s / 2 * (1 - s / 3 * (1 - s / 4))), -np.expm1(-s) / d)
    phi2 = np.where(small, t * t / 2 * (1 - s / 3 * (1 - s / 4 * (1 - s / 5))), (t - phi1) / d)
    return phi1, phi2


def _fly(x, v, a, drag, phi):
    phi1, phi2 = phi
    return x + v * phi1 + a * phi2, v * (1 - drag * phi1) + a * phi1


def _turning_time(v, a, drag):
    """When the speed along an axis passes zero; infinite where it never does."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = -v / a
        t = np.where(drag > 0, np.log1p(drag * ratio) / np.where(drag > 0, drag, 1.0), ratio)
    return np.where(np.isfinite(t) & (t > 0), t, np.inf)


def _crossing(distance, v, a):
    """When ``distance`` >= 0 is covered from speed ``v`` at acceleration ``a``, in the form that does not cancel."""
    root = np.sqrt(np.maximum(v * v + 2 * a * distance, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.where(v >= 0, 2 * distance / (v + root), (root - v) / a))


def _first_contact(x, v, a, drag, low, high, left):
    """First time in (0, left] at which each axis meets a wall (infinite where none), and that wall."""
    turn = np.minimum(_turning_time(v, a, drag), left)
    x_turn, x_end = _fly(x, v, a, drag, phi(drag, turn))[0], _fly(x, v, a, drag, phi(drag, left))[0]
    at_turn = (x_turn < low) | (x_turn > high)
    hit = at_turn | (x_end < low) | (x_end > high)
    time, wall = np.full(x.shape, np.inf), np.zeros(x.shape)
    if not hit.any():
        return time, wall
    # x is monotone from `start` to `stop`: Newton's method, kept inside a shrinking bracket.
    start, stop = np.where(at_turn, 0.0, turn)[hit], np.where(at_turn, turn, left)[hit]
    outside = np.where(at_turn, x_turn, x_end)[hit]
    x, v, a, drag, low, high = x[hit], v[hit], a[hit], drag[hit], low[hit], high[hit]
    target = np.where(outside < low, low, high)
    side = np.sign(outside - target)
    t = np.clip(_crossing((target - x) * side, v * side, a * side), start, stop)  # exact where there is no drag
    for _ in range(100):
        value, slope = _fly(x, v, a, drag, phi(drag, t))
        error = (value - target) * side  # negative before the contact, positive after it
        start, stop = np.where(error <= 0, t, start), np.where(error > 0, t, stop)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = t - error / (slope * side)
        following = np.where((newton >= start) & (newton <= stop), newton, (start + stop) / 2)
        done = np.abs(following - t) <= 1e-14
        t = following
        if done.all():
            break
    time[hit], wall[hit] = t, target
    return time, wall


def advance(x, v, law, dt, frame_phi):
    """One frame for all clips: they fly, and those that meet a wall, or turn and might, are done over with care."""
    x_end, v_end = _fly(x, v, law.felt(x, v), law.drag, frame_phi)
    count = np.zeros(len(x), np.int32)
    meets = ((x_end < law.low) | (x_end > law.high) | (v * v_end < 0)).any(1)
    rows = np.nonzero(meets)[0]
    if len(rows):
        x_end[rows], v_end[rows], count[rows] = _bounce(x[rows], v[rows], law[rows], dt)
    return x_end, v_end, count


def _bounce(x, v, law, dt):
    """Fly for ``dt`` from contact to contact; clips that met a wall go round again with the time that is left."""
    x, v, count = x.copy(), v.copy(), np.zeros(len(x), np.int32)
    left, todo = np.full(len(x), float(dt)), np.arange(len(x))
    while len(todo):
        xs, vs, here, remaining = x[todo], v[todo], law[todo], left[todo]
        a = here.felt(xs, vs)
        time, wall = _first_contact(xs, vs, a, here.drag, here.low, here.high, np.repeat(remaining[:, None], 2, 1))
        axis = time.argmin(1)
        first = time[np.arange(len(todo)), axis]
        hit = first <= remaining
        step = np.where(hit, first, remaining)
        xs, vs = _fly(xs, vs, a, here.drag, phi(here.drag, step[:, None]))
        rows, cols = np.nonzero(hit)[0], axis[hit]
        rebound = -here.restitution[rows] * vs[rows, cols]
        pressed = here.acceleration[rows, cols] * rebound < 0  # gravity drives it back into this wall
        vs[rows, cols] = np.where(pressed & (np.abs(rebound) < REST_SPEED), 0.0, rebound)
        xs[rows, cols] = wall[rows, cols]
        x[todo], v[todo] = xs, vs
        left[todo] = remaining - step
        count[todo[rows]] += 1
        todo = todo[rows]
    return x, v, count
