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

REST_SPEED = 1e-3  # m/s; a slower rebound comes to rest. Its hop would be lower than 1e-6 m at g = 1 m/s^2.


@dataclass(frozen=True)
class Ball:
    """The law and the ranges from which a clip's constants and start are drawn, all independently."""

    box: float = 4.0  # m, width and height of the box
    radius: tuple[float, float] = (0.2, 0.3)  # m
    restitution: tuple[float, float] = (0.5, 0.95)  # share of the normal speed kept in a bounce
    drag: tuple[float, float] = (0.0, 0.0)  # 1/s; optional, 0 by default
    sideways: tuple[float, float] = (0.0, 0.0)  # m/s^2; optional gravity along x, 0 by default
    speed: float = 3.0  # m/s, largest start speed on each axis

    def __post_init__(self):
        check_config(self, box=(1e-3, 1e6), speed=(0.0, 1e6))
        for name in ("radius", "restitution", "drag", "sideways"):
            low, high = getattr(self, name)
            if not low <= high or (name != "sideways" and low < 0):
                raise ConfigError(f"Ball.{name} is {(low, high)}; it must be a range low <= high, not negative")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Draw the other constants and a start for clips whose ``gravity`` (N,) in m/s^2 is given.

        Returns:
            constants, by name, each (N,); start ``position`` (N, 2) in m, y up, and ``velocity`` (N, 2) in m/s.
        """
        n = len(gravity)
        names = ("radius", "restitution", "drag", "sideways")
        constants = {"g": gravity} | {name: rng.uniform(*getattr(self, name), n) for name in names}
        margin = constants["radius"][:, None] + 0.05
        position = margin + rng.random((n, 2)) * (self.box - 2 * margin)
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
        acceleration = np.stack([constants["sideways"], -constants["g"]], 1)
        low = np.repeat(constants["radius"][:, None], 2, 1)
        walls = (low, self.box - low)
        position[:, 0], velocity[:, 0] = x, v
        for frame in range(1, frames):
            x, v, contacts[:, frame] = _advance(x, v, acceleration, constants["drag"], constants["restitution"], walls, dt)
            position[:, frame], velocity[:, frame] = x, v
        return {"position": position, "velocity": velocity, "contacts": contacts}


def _phi(drag, t):
    """phi1 and phi2 of the module's docstring; a series where drag * t is too small for the closed form."""
    s = drag * t
    small = s < 1e-3
    d = np.where(small, 1.0, drag)
    phi1 = np.where(small, t * (1 - s / 2 * (1 - s / 3 * (1 - s / 4))), -np.expm1(-s) / d)
    phi2 = np.where(small, t * t / 2 * (1 - s / 3 * (1 - s / 4 * (1 - s / 5))), (t - phi1) / d)
    return phi1, phi2


def _fly(x, v, a, drag, t):
    phi1, phi2 = _phi(drag, t)
    return x + v * phi1 + a * phi2, v * (1 - drag * phi1) + a * phi1


def _turning_time(v, a, drag):
    """When the speed along an axis passes zero; infinite where it never does."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = -v / a
        t = np.where(drag > 0, np.log1p(drag * ratio) / np.where(drag > 0, drag, 1.0), ratio)
    return np.where(np.isfinite(t) & (t > 0), t, np.inf)


def _first_contact(x, v, a, drag, low, high, left):
    """First time in (0, left] at which each axis meets a wall (infinite where none), and that wall."""
    turn = np.minimum(_turning_time(v, a, drag), left)
    x_turn, x_end = _fly(x, v, a, drag, turn)[0], _fly(x, v, a, drag, left)[0]
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
    t = (start + stop) / 2
    for _ in range(100):
        value, slope = _fly(x, v, a, drag, t)
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


def _advance(x, v, acceleration, drag, restitution, walls, dt):
    """One frame for all clips; clips that meet a wall go round the loop again with the time that is left."""
    x, v, count = x.copy(), v.copy(), np.zeros(len(x), np.int32)
    left, todo = np.full(len(x), float(dt)), np.arange(len(x))
    while len(todo):
        xs, vs, low, high = x[todo], v[todo], walls[0][todo], walls[1][todo]
        d = np.repeat(drag[todo, None], 2, 1)
        a = acceleration[todo]
        resting = (vs == 0) & (((xs <= low) & (a < 0)) | ((xs >= high) & (a > 0)))
        a = np.where(resting, 0.0, a)
        remaining = left[todo]
        time, wall = _first_contact(xs, vs, a, d, low, high, np.repeat(remaining[:, None], 2, 1))
        axis = time.argmin(1)
        first = time[np.arange(len(todo)), axis]
        hit = first <= remaining
        step = np.where(hit, first, remaining)
        xs, vs = _fly(xs, vs, a, d, step[:, None])
        rows, cols = np.nonzero(hit)[0], axis[hit]
        rebound = -restitution[todo][rows] * vs[rows, cols]
        pressed = acceleration[todo][rows, cols] * rebound < 0  # gravity drives it back into this wall
        vs[rows, cols] = np.where(pressed & (np.abs(rebound) < REST_SPEED), 0.0, rebound)
        xs[rows, cols] = wall[rows, cols]
        x[todo], v[todo] = xs, vs
        left[todo] = remaining - step
        count[todo[rows]] += 1
        todo = todo[rows]
    return x, v, count
