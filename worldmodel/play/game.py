"""The game: a world that a person steers frame by frame, in the dream of a model or in truth, under a gravity of choice."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..control import DreamEnv, Observed, PhysicsEnv
from ..evaluation import log_direction
from ..model import Belief
from ..physics import world
from ..settings import ConfigError
from ..videos import Videos

PLACES = ("dream", "truth")
GRAVITY = (0.0, 30.0)  # m/s^2, what may be asked for
PAUSE = 20  # frames for which an episode's last picture stands
KEYS = {"ArrowLeft": (0, -1.0), "ArrowRight": (0, 1.0), "ArrowUp": (-1, 1.0)}  # key -> which number of an action, and its value


@dataclass(frozen=True)
class Shown:
    """What a player sees after a step."""

    frame: np.ndarray  # uint8 (H, W, 3)
    earned: float  # reward of this episode so far
    over: bool
    believed: float  # g in m/s^2 as the model's belief has it, by the probe


class Game:
    """One player's game. ``place`` and ``gravity`` may be set at any time; the state stays where it can."""

    def __init__(self, model, videos: Videos, task: str = "lander", seed: int = 0):
        """``videos`` is the log that the model learned the task from: dreams begin in it, and it tells of the direction of g."""
        self.task, self.law, self.model = task, world(task).law, model
        self.direction, self.place, self.gravity, self.seed = log_direction(model, videos), "dream", 9.81, seed
        dream = DreamEnv(model, videos, 1, limit=self.law.limit, starts=(2, 3))
        self.envs = {"dream": dream, "truth": Observed(PhysicsEnv(task), model)}
        self.reset()

    def another(self) -> Game:
        """Another player's game of the same, without the seconds that it takes to encode the log."""
        other = copy.copy(self)
        other.envs = {"dream": copy.copy(self.envs["dream"]), "truth": Observed(PhysicsEnv(self.task), self.model)}
        other.reset()
        return other

    def reset(self) -> None:
        """Begin another episode."""
        self.seed += 1
        self.env = self.envs[self.place]
        self.env.reset(seed=self.seed)
        self.earned, self.pause = 0.0, 0

    def set(self, place: str | None = None, gravity: float | None = None) -> None:
        """Change the place, which begins another episode, or the gravity.

        Raises:
            ConfigError: there is no such place, or the gravity is no number in range.
        """
        if place is not None and place not in PLACES:
            raise ConfigError(f"place is {place!r}; there are {', '.join(PLACES)}")
        if gravity is not None:
            if isinstance(gravity, bool) or not isinstance(gravity, int | float) or not GRAVITY[0] <= gravity <= GRAVITY[1]:
                raise ConfigError(f"gravity is {gravity!r}; it must be a number from {GRAVITY[0]:g} to {GRAVITY[1]:g} m/s²")
            self.gravity = float(gravity)
        if place not in (None, self.place):
            self.place = place
            self.reset()

    def step(self, keys=()) -> Shown:
        """One frame on, with these keys held down; after an episode's end a pause, then the next one."""
        if self.pause == 1:
            self.reset()
        if self.pause:
            self.pause -= 1
        else:
            self._pull()
            _, reward, terminated, truncated, _ = self.env.step(self.action(keys)[None])
            self.earned += float(reward[0])
            self.pause = PAUSE if terminated[0] or truncated[0] else 0
        return Shown(np.asarray(self.env.render()[0]), self.earned, self.pause > 0, self.believed())

    def action(self, keys) -> np.ndarray:
        """What the keys ask for, (A,) in [-1, 1]; keys that mean nothing here do nothing."""
        action = np.array(self.law.idle, np.float32)
        for number, value in (KEYS[key] for key in keys if key in KEYS):
            if number == 0 or len(action) > 1:
                action[number] = value
        return action

    def believed(self) -> float:
        return float(self.direction.read(self.env.state.belief.mean[0, -1].numpy(force=True)))

    def _pull(self) -> None:
        """Bring the world under the gravity asked: the law's own constant, or the dream's belief along the direction of g."""
        if self.place == "truth":
            self.env.env.constants["g"][:] = self.gravity
            return
        state = self.env.state
        change = torch.as_tensor((self.gravity - self.believed()) * self.direction.step, dtype=torch.float32)
        belief = Belief(state.belief.mean + change.to(state.belief.mean.device), state.belief.weight)
        self.env.state = replace(state, belief=belief)
