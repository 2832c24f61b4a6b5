"""A lander: a body with a thruster under gravity, which is to reach a pad on the floor and touch it softly.

The thrust of an action is constant over a frame, so each frame is an exact parabola; a clip ends at its first
contact with the floor (a landing, soft or not) or with another side of the box (lost).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import ConfigError, check_config
from .camera import BODY, SECOND, Disc
from .ranges import check_action

ACTIONS = 2  # sideways thrust and upward thrust, each in [-1, 1]; upward thrust is off at -1


@dataclass(frozen=True)
class Lander:
    """The law, the ranges of its constants, the task's reward and its one definition of success."""

    box: float = 4.0  # m
    radius: float = 0.25  # m
    pad_height: float = 0.2  # m, radius of the half-disc that marks the spot
    thrust: tuple[float, float] = (36.0, 44.0)  # m/s^2, thrust over mass at full throttle upward
    sideways_share: float = 0.25  # full sideways thrust as a share of full upward thrust
    soft_speed: float = 1.5  # m/s, fastest touch that counts as a landing
    near: float = 0.4  # m, farthest touch from the pad's middle that counts as a landing
    fuel_cost: float = 0.02  # reward lost per frame at full thrust
    limit: int = 60  # frames after which an episode is cut off
    idle = (0.0, -1.0)  # the action that does nothing

    def __post_init__(self):
        check_config(self, box=(1e-3, 1e6), radius=(1e-3, self.box / 4), soft_speed=(0, 1e3), near=(0, self.box))
        if not 0 < self.thrust[0] <= self.thrust[1]:
            raise ConfigError(f"Lander.thrust is {self.thrust}; it must be a positive range low <= high")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Draw thrust and pad (N,) and a start in flight: position, velocity (N, 2). No start touches a wall."""
        n = len(gravity)
        constants = {"g": gravity, "thrust": rng.uniform(*self.thrust, n), "pad": rng.uniform(0.8, self.box - 0.8, n)}
        position = np.stack([rng.uniform(0.8, self.box - 0.8, n), rng.uniform(2.0, 3.4, n)], 1)
        return constants, {"position": position, "velocity": rng.uniform(-1.0, 1.0, (n, 2))}

    def step(
        self, constants: dict, state: dict, action: np.ndarray, dt: float
    ) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
        """Advance every clip one frame under ``action`` (N, 2) in [-1, 1].

        Returns:
            the next state (``position``, ``velocity``, at the contact where one occurs), reward (N,), ended (N,) and
            landed (N,) bool.

        Raises:
            ConfigError: an action is not finite or out of range.
        """
        check_action(action)
        throttle = np.stack([action[:, 0] * self.sideways_share, (action[:, 1] + 1) / 2], 1)
        acceleration = constants["thrust"][:, None] * throttle
        acceleration[:, 1] -= constants["g"]
        x, v = state["position"], state["velocity"]
        low, high = x - self.radius, self.box - self.radius - x  # room left on either side of both axes
        contact = np.minimum(first_crossing(low, v, acceleration), first_crossing(high, -v, -acceleration))
        time = np.minimum(contact.min(1), dt)[:, None]
        position = x + v * time + acceleration * time**2 / 2
        velocity = v + acceleration * time
        ended = contact.min(1) <= dt
        touched = ended & (position[:, 1] <= self.radius + 1e-9)
        miss, speed = np.abs(position[:, 0] - constants["pad"]), np.linalg.norm(velocity, axis=1)
        landed = touched & (miss <= self.near) & (speed <= self.soft_speed)
        quality = 1 / (1 + (miss / self.near) ** 2 + (speed / self.soft_speed) ** 2)  # 1 at rest on the spot
        away = np.hypot(position[:, 0] - constants["pad"], position[:, 1] - self.radius)
        reward = -0.05 * away - 0.01 * speed - self.fuel_cost * np.abs(throttle).sum(1)
        reward = reward + np.where(touched, 5 * quality, 0) - np.where(ended & ~touched, 2.0, 0)
        return {"position": position, "velocity": velocity}, reward, ended, landed

    def oracle(self, constants: dict, state: dict, dt: float) -> np.ndarray:
        """A controller that is told the true state and constants: fall, then brake at a constant deceleration.

        Returns:
            action (N, 2). The reference of every return ratio; a good hand-written one, not a proven optimum.
        """
        x, v, thrust = state["position"], state["velocity"], constants["thrust"]
        height, offset = x[:, 1] - self.radius, constants["pad"] - x[:, 0]
        descent = -np.sqrt(0.1 + 2 * 4.0 * np.maximum(height - 0.05, 0))  # speed from which 4 m/s^2 stops it in time
        descent = np.where((np.abs(offset) > self.near) & (height < 0.6), 0.3, descent)  # wait above until near
        up = (constants["g"] + (descent - v[:, 1]) / (2 * dt)) / thrust
        wanted = np.clip(3.0 * offset, -2.5, 2.5)
        side = (wanted - v[:, 0]) / (3 * dt) / (thrust * self.sideways_share)
        return np.clip(np.stack([side, 2 * up - 1], 1), -1, 1)

    def pilot(self, clips: int, rng: np.random.Generator):
        """The log's pilot: true state -> actions (N, 2). A drifting throttle, pulled for a while to some random speed.

        It sinks the slower the lower it is, at a pace that changes, and always somewhat; it knows nothing of g, the thrust or the
        pad. So most of the log's flights end in a touch, of all kinds and at random places, and few of these are good landings.
        """

        def draw():  # a speed to aim at: sideways in m/s, upward in m/s per m of height, and downward in m/s besides
            return rng.uniform([-0.8, -4.0, 0.0], [0.8, 0.2, 0.7], (clips, 3))

        trim = rng.uniform(-1.0, 0.0, (clips, 1)) * [0, 1]  # a throttle that may or may not hold it up
        gain = rng.uniform(0.5, 4.0, (clips, 1))  # action per m/s
        drift, aim = np.zeros((clips, 2)), draw()

        def act(state):
            nonlocal drift, aim
            aim = np.where(rng.random((clips, 1)) < 0.07, draw(), aim)
            drift = 0.8 * drift + rng.normal(0, 0.12, (clips, 2))
            side, pace, least = aim.T
            wanted = np.stack([side, pace * state["position"][:, 1] - least], 1)
            return np.clip(trim + drift + gain * (wanted - state["velocity"]), -1, 1)

        return act

    def seen(self, constants: dict, states: dict) -> list:
        pad = np.zeros_like(states["position"])
        pad[..., 0] = constants["pad"][:, None]
        return [Disc(pad, self.pad_height, SECOND), Disc(states["position"], self.radius, BODY)]


def first_crossing(height, speed, acceleration):
    """First time > 0 at which height >= 0, with this speed and acceleration, falls through 0; infinite where never."""
    root = speed**2 - 2 * acceleration * height
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(root)
        # The root where the height falls through 0, in the form that does not cancel.
        time = np.where(speed <= 0, 2 * height / (root - speed), (-speed - root) / acceleration)
    return np.where(np.isfinite(time) & (time > 0), time, np.inf)
