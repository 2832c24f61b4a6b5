"""A catcher: a paddle near the floor that is to get under a falling ball, and stay under it while it bounces and rolls.

The paddle's speed follows the action with a lag, in closed form; the ball obeys the law of `ball` above the paddle's level. Where
it reaches that level beside the paddle it is dropped, and the clip ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..settings import ConfigError, check_config
from .ball import BoxLaw, advance, phi
from .camera import BODY, SECOND, Disc, Rod
from .lander import first_crossing
from .ranges import check_action, check_ranges, draw_ranges

ACTIONS = 1  # the speed that the paddle is to take, as a share of its top speed


@dataclass(frozen=True)
class Catcher:
    """The law, the ranges of its constants, the task's reward and its one definition of success."""

    box: float = 4.0  # m
    radius: float = 0.2  # m, of the ball
    restitution: tuple[float, float] = (0.5, 0.9)  # of the walls and of the paddle
    half: float = 0.45  # m, half of the paddle's width: a ball whose middle is farther from the paddle's is dropped
    level: float = 0.4  # m, height of the paddle's upper side
    top_speed: float = 6.0  # m/s, of the paddle
    lag: float = 0.08  # s in which the paddle's speed comes to within 1/e of what the action asks
    drop: float = 2.0  # reward lost where the ball is dropped
    limit: int = 60  # frames after which an episode is cut off
    idle = (0.0,)  # the action that does nothing

    def __post_init__(self):
        check_config(self, box=(1e-3, 1e6), radius=(1e-3, self.box / 4), half=(1e-3, self.box / 2), level=(0, self.box / 4))
        check_config(self, top_speed=(0, 1e3), lag=(1e-6, 1e3))
        check_ranges(self, "restitution")
        if self.restitution[1] > 1:
            raise ConfigError(f"Catcher.restitution is {self.restitution}; above 1 a bounce would make energy")

    def draw(self, gravity: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
        """Draw the restitution (N,) and a start: ``position`` and ``velocity`` (N, 2) of the ball, ``paddle`` (N, 2) its place
        in m and speed in m/s, ``touch`` (N,) whether the two met since the frame before, and ``touched`` (N,) whether ever."""
        n = len(gravity)
        constants = {"g": gravity} | draw_ranges(self, n, rng, "restitution")
        position = np.stack([rng.uniform(0.4, self.box - 0.4, n), rng.uniform(2.2, 3.4, n)], 1)
        velocity = np.stack([rng.uniform(-1.0, 1.0, n), rng.uniform(-0.5, 0.5, n)], 1)
        paddle = np.stack([rng.uniform(self.half, self.box - self.half, n), np.zeros(n)], 1)
        state = {"position": position, "velocity": velocity, "paddle": paddle}
        return constants, state | {"touch": np.zeros(n, bool), "touched": np.zeros(n, bool)}

    def step(
        self, constants: dict, state: dict, action: np.ndarray, dt: float
    ) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
        """Advance every clip one frame under ``action`` (N, 1) in [-1, 1].

        Returns:
            the next state (at the drop, where one occurs), reward (N,), ended (N,), and success so far (N,): caught, not dropped.

        Raises:
            ConfigError: an action is not finite or out of range.
        """
        check_action(action)
        x, v, floor = state["position"], state["velocity"], self.level + self.radius
        reaches = first_crossing(x[:, 1] - floor, v[:, 1], -constants["g"])  # never, for a ball that lies on the paddle
        meets = reaches <= dt
        law = self._walls(constants)
        position, velocity, _ = advance(x, v, law, dt, phi(law.drag, dt))
        lies = (position[:, 1] <= floor) & (velocity[:, 1] == 0) & ~meets
        time = np.where(meets, reaches, dt)
        (at, along), paddle = self._across(constants, state, time), self._paddle(state, action[:, 0], time)
        ended = (meets | lies) & (np.abs(at - paddle[:, 0]) > self.half)
        drop = np.stack([at, np.full_like(at, floor)], 1)
        sinking = np.stack([along, v[:, 1] - constants["g"] * time], 1)
        after = {
            "position": np.where(ended[:, None], drop, position), "velocity": np.where(ended[:, None], sinking, velocity),
            "paddle": np.where(ended[:, None], paddle, self._paddle(state, action[:, 0], np.full_like(time, dt))),
            "touch": meets & ~ended, "touched": state["touched"] | (meets & ~ended),
        }  # fmt: skip
        apart = np.abs(after["position"][:, 0] - after["paddle"][:, 0])
        reward = 0.05 * (1 - apart) - 0.01 * np.abs(action[:, 0]) - self.drop * ended
        return after, reward, ended, after["touched"] & ~ended

    def oracle(self, constants: dict, state: dict, dt: float) -> np.ndarray:
        """A controller that is told the true state and constants: go where the ball will reach the paddle's level, then along.

        Returns:
            action (N, 1). The reference of every return ratio; a good hand-written one, not a proven optimum.
        """
        x, v = state["position"], state["velocity"]
        falls = first_crossing(x[:, 1] - self.level - self.radius, v[:, 1], -constants["g"])
        falls = np.where(np.isfinite(falls), falls, 0.0)
        lands, along = self._across(constants, state, falls)
        speed = (lands - state["paddle"][:, 0]) / 0.12 + np.where(falls < 0.2, along, 0.0)
        return np.clip(speed[:, None] / self.top_speed, -1, 1)

    def pilot(self, clips: int, rng: np.random.Generator):
        """The log's pilot: true state -> actions (N, 1). It follows the ball, more or less keenly, off by a random step."""
        keen = rng.uniform(0, 1.5, clips)
        aside = rng.normal(0, 0.5, clips)

        def act(state):
            nonlocal aside
            aside = np.where(rng.random(clips) < 0.07, rng.normal(0, 0.5, clips), aside)
            speed = keen * (state["position"][:, 0] + aside - state["paddle"][:, 0]) / 0.2
            return np.clip(speed / self.top_speed + rng.normal(0, 0.2, clips), -1, 1)[:, None]

        return act

    def seen(self, constants: dict, states: dict) -> list:
        thick = self.level / 5
        left, right = (np.zeros_like(states["position"]) for _ in range(2))
        for end, side in ((left, -1), (right, 1)):
            end[..., 0] = states["paddle"][..., 0] + side * (self.half - thick)
            end[..., 1] = self.level - thick
        return [Rod(left, right, thick, SECOND), Disc(states["position"], self.radius, BODY)]

    def _walls(self, constants):
        """The box above the paddle's level, as `ball` has it."""
        nothing = np.zeros_like(constants["g"])
        law = BoxLaw(constants | {"drag": nothing, "sideways": nothing, "radius": nothing + self.radius}, self.box)
        law.low[:, 1] += self.level
        return law

    def _across(self, constants, state, time):
        """Where the ball is between the side walls after ``time`` (N,), and how fast."""
        x, v = state["position"][:, 0], state["velocity"][:, 0]
        low, high = self.radius, self.box - self.radius
        while True:
            with np.errstate(divide="ignore", invalid="ignore"):
                meets = np.where(v > 0, (high - x) / v, np.where(v < 0, (low - x) / v, np.inf))
            hit = meets < time
            x, time = x + v * np.where(hit, meets, time), np.where(hit, time - meets, 0.0)
            v = np.where(hit, -constants["restitution"] * v, v)
            if not hit.any():
                return x, v

    def _paddle(self, state, action, time):
        """The paddle's place and speed (N, 2) after ``time`` (N,) under an action (N,); beyond a wall it stops there."""
        x, v = state["paddle"].T
        asked, left = action * self.top_speed, np.exp(-time / self.lag)
        x, v = x + asked * time + (v - asked) * self.lag * (1 - left), asked + (v - asked) * left
        stopped = np.clip(x, self.half, self.box - self.half)
        return np.stack([stopped, np.where(stopped == x, v, 0.0)], 1)
