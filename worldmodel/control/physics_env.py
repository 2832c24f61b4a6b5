"""The true world as an environment: the law steps, the camera looks, many episodes at a time."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..physics import FRAMES_PER_SECOND, bodies, choose, world
from ..settings import ConfigError


class PhysicsEnv(VectorEnv):
    """Observations are frames uint8 (N, H, W, C); actions float32 (N, A) in [-1, 1].

    The step after an episode's end starts the next one and ignores its action (Gymnasium's NEXT_STEP). ``info["success"]``
    (N,) tells of episodes that end well, as the law defines it. The hidden constants are drawn anew for every episode.
    ``reset(options={"reset_mask": (N,) bool})`` starts new episodes there alone, as Gymnasium's own vector environments do.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_fps": FRAMES_PER_SECOND, "render_modes": ["rgb_array"]}

    def __init__(self, name: str = "lander", num_envs: int = 1, band: str = "train"):
        """Raises ConfigError: the world takes no actions, or an unknown name."""
        # Only the clean scene: a cluttered one would have to keep its background and distractors through an episode.
        self.world, self.camera, self.band, self.num_envs = world(name), world(name).camera("clean"), band, num_envs
        if not self.world.actions:
            raise ConfigError(f"the world {name!r} takes no actions; it can be filmed but not acted in")
        shape = (self.camera.size, self.camera.size, self.camera.channels)
        self.single_observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.single_action_space = gym.spaces.Box(-1, 1, (self.world.actions,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = "rgb_array"
        self.over = None

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        super().reset(seed=seed)
        constants, state = self._draw(self.num_envs)
        if options and "reset_mask" in options:
            fresh = options["reset_mask"]
            self.constants, self.state = choose(fresh, constants, self.constants), choose(fresh, state, self.state)
            self.age, self.over = np.where(fresh, 0, self.age), self.over & ~fresh
        else:
            self.constants, self.state = constants, state
            self.age, self.over = np.zeros(self.num_envs, int), np.zeros(self.num_envs, bool)
        return self._look(), {}

    def step(self, actions):
        fresh, actions = self.over, asked(self, actions)
        dt = 1 / self.world.frames_per_second
        after, reward, ended, success = self.world.law.step(self.constants, self.state, actions, dt)
        if fresh.any():
            constants, state = self._draw(self.num_envs)
            self.constants, after = choose(fresh, constants, self.constants), choose(fresh, state, after)
        self.state = after
        self.age = np.where(fresh, 0, self.age + 1)
        terminated = ended & ~fresh
        truncated = (self.age >= self.world.law.limit) & ~terminated
        self.over = terminated | truncated
        return self._look(), np.where(fresh, 0.0, reward), terminated, truncated, {"success": success & self.over}

    def render(self):
        return tuple(np.repeat(frame, 4 - frame.shape[-1], -1) for frame in self._look())

    def _draw(self, n):
        return self.world.draw(self.band, n, self.np_random)

    def picture(self, **instead) -> np.ndarray:
        """Frames (N, H, W, C) of the worlds at hand in another state, such as ``position``: what may be given as a goal."""
        now = self.state
        self.state = now | instead
        frames = self._look()
        self.state = now
        return frames

    def _look(self):
        states = {name: value[:, None] for name, value in self.state.items()}
        seen = bodies(self.world, self.constants, states, self.camera.channels)
        return self.camera.film(seen, self.np_random)[:, 0]


def asked(env: VectorEnv, actions) -> np.ndarray:
    """The actions (N, A) that a step of ``env`` takes: 0 where it only starts another episode, as ``env.over`` says.

    Raises:
        ConfigError: before the first reset, or for another shape.
    """
    if env.over is None:
        raise ConfigError("reset the environment before the first step")
    actions = np.asarray(actions, float)
    if actions.shape != env.action_space.shape:
        raise ConfigError(f"actions {actions.shape}: this environment takes {env.action_space.shape}")
    return np.where(env.over[:, None], 0, actions)
