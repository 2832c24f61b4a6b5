"""Other people's worlds: an environment of Gymnasium seen only through the picture that it renders, and a log of acting in it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import torch.nn.functional as F
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..physics.ranges import check_action
from ..settings import ConfigError
from ..videos import Videos
from ..videos.store import recorded, save_manifest, save_shard
from .physics_env import asked

GREY = (0.299, 0.587, 0.114)  # share of red, green and blue in brightness (ITU-R BT.601)
READ = {}  # pictures that pygame has read, by path


class PixelEnv(VectorEnv):
    """Observations are grey frames uint8 (N, S, S, 1), averaged down; actions (N, A) in [-1, 1] are stretched to the world's own.

    Of two discrete actions the sign chooses, and ``info`` has as ``action`` what was done: -1 or 1. As in `PhysicsEnv`, the
    step after an end starts the next episode, and a reset with a ``reset_mask`` starts some of them. ``native`` holds what the
    world itself would have had its agents see.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": ["rgb_array"]}
    render_mode = "rgb_array"

    def __init__(
        self,
        name: str,
        num_envs: int = 1,
        size: int = 64,
        share: float = 1.0,
        view=(0.0, 1.0, 0.0, 1.0),
        negative: bool = False,
        **options,
    ):
        """``options`` go to `gymnasium.make`, such as ``g`` of Pendulum-v1.

        Args:
            share: of the world's own range, that the actions are stretched to: where its middle is stillness and its ends are
                far too much. Two choices have none.
            view: the part of the world's picture that is seen: from where to where down it and across it, as shares.
            negative: light and dark exchanged, for a world that is drawn on white: what stands there is to stand out.

        Raises:
            ConfigError: its actions are neither a bounded box nor two choices, or the view is no part of a picture.
        """
        if not (0 <= view[0] < view[1] <= 1 and 0 <= view[2] < view[3] <= 1):
            raise ConfigError(f"view {view}: from where to where down the picture and across it, as shares of it")
        with contextlib.suppress(ImportError):
            # A world may be drawn by Mesa, which has an LLVM of its own: if torch asks for triton's only then, it crashes.
            import triton  # noqa: F401
        if sys.platform == "linux" and "DISPLAY" not in os.environ:
            os.environ.setdefault("MUJOCO_GL", "egl")  # without a screen MuJoCo must be told how to draw
            # And Mesa draws small pictures twice as quickly without threads of its own.
            os.environ.setdefault("LP_NUM_THREADS", "0")
        self.envs = [gym.make(name, render_mode="rgb_array", **options) for _ in range(num_envs)]
        self.metadata = self.metadata | {"render_fps": float(self.envs[0].metadata.get("render_fps", 20))}
        own, self.num_envs, self.size = self.envs[0].action_space, num_envs, size
        self.view, self.negative = view, negative
        self.two = isinstance(own, gym.spaces.Discrete) and own.n == 2
        if not self.two and not (isinstance(own, gym.spaces.Box) and len(own.shape) == 1 and own.is_bounded()):
            raise ConfigError(f"{name}: its actions are {own}; a bounded box or two choices can be acted in")
        self.middle, self.reach = (None, None) if self.two else ((own.high + own.low) / 2, share * (own.high - own.low) / 2)
        self.single_observation_space = gym.spaces.Box(0, 255, (size, size, 1), np.uint8)
        self.single_action_space = gym.spaces.Box(-1, 1, (1,) if self.two else own.shape, np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.over = None

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        super().reset(seed=seed)
        if options and "reset_mask" in options:
            fresh = options["reset_mask"]
            for number in np.nonzero(fresh)[0]:
                self.native[number], _ = self.envs[number].reset()
            self.over = self.over & ~fresh
        else:
            self.native = [env.reset(seed=int(self.np_random.integers(2**31)))[0] for env in self.envs]
            self.over = np.zeros(self.num_envs, bool)
        return self._look(), {}

    def step(self, actions):
        fresh, actions = self.over, asked(self, actions)
        check_action(actions)
        actions = np.where(actions > 0, 1.0, -1.0) if self.two else actions
        reward, terminated, truncated = np.zeros(self.num_envs), *np.zeros((2, self.num_envs), bool)
        for number, env in enumerate(self.envs):
            if fresh[number]:
                self.native[number], _ = env.reset()
            else:
                step = env.step(self._own(actions[number]))
                self.native[number], reward[number], terminated[number], truncated[number], _ = step
        self.over = terminated | truncated
        return self._look(), reward, terminated, truncated, {"success": np.zeros(self.num_envs, bool), "action": actions}

    def render(self):
        return tuple(np.repeat(frame, 3, -1) for frame in self.seen)

    def close_extras(self, **_):
        for env in self.envs:
            env.close()

    def _own(self, action: np.ndarray):
        if self.two:
            return int(action[0] > 0)
        return (self.middle + action * self.reach).astype(np.float32)

    def _look(self) -> np.ndarray:
        with images_read_once():
            rendered = [picture(env) for env in self.envs]
        (rows, columns), (top, bottom, left, right) = rendered[0].shape[:2], self.view
        part = slice(round(top * rows), round(bottom * rows)), slice(round(left * columns), round(right * columns))
        frames = [torch.from_numpy(np.asarray(one[part], np.float32) @ np.float32(GREY)) for one in rendered]
        small = [F.adaptive_avg_pool2d(frame[None, None], self.size)[0, 0] for frame in frames]
        seen = torch.stack(small).round().to(torch.uint8).unsqueeze(-1).numpy()
        self.seen = 255 - seen if self.negative else seen
        return self.seen


def picture(env: gym.Env) -> np.ndarray:
    """What ``env`` renders, uint8 (H, W, 3).

    Where pygame draws it, later pictures are drawn on a surface that holds red, green and blue as an array does: the same
    bytes, and copying them out takes a thirtieth of the time.
    """
    rendered, screen = env.render(), getattr(env.unwrapped, "screen", None)
    if hasattr(screen, "get_bitsize") and screen.get_bitsize() != 24:
        env.unwrapped.screen = type(screen)(screen.get_size(), 0, 24, (0xFF, 0xFF00, 0xFF0000, 0))
    return rendered


@contextlib.contextmanager
def images_read_once():
    """Pendulum-v1 reads its arrow from disk for every frame, a third of its time: as long as this lasts, pygame reads it once."""
    image = getattr(sys.modules.get("pygame"), "image", None)
    if image is None:
        yield
        return
    load, image.load = image.load, lambda path: READ.get(path) or READ.setdefault(path, load(path))
    try:
        yield
    finally:
        image.load = load


def record_log(env: VectorEnv, act: Callable, clips: int, frames: int, path, seed: int = 0, **about) -> Videos:
    """Act for ``clips`` episodes, or their first ``frames`` frames, and keep them as a log: what a world model learns from.

    Args:
        env: frames uint8 (N, H, W, C), reset anew for every N clips. act: its observation -> actions (N, A).
        about: what else makes this log, for the manifest.

    Raises:
        DataError: the folder holds another log than the one asked for.
    """
    path, source = Path(path), {"clips": clips, "frames": frames, "seed": seed, **about}
    return recorded(path, lambda: _record(env, act, path, clips, frames, seed, source), source)


def _record(env, act, path, clips, frames, seed, source) -> Videos:
    shards, n = [], env.num_envs
    for number in range(-(-clips // n)):
        seen, over = env.reset(seed=seed + number)[0], np.zeros(n, bool)
        film = np.empty((n, frames, *seen.shape[1:]), np.uint8)
        film[:, 0] = seen
        log = {"actions": np.zeros((n, frames, env.single_action_space.shape[0])), "rewards": np.zeros((n, frames))}
        log["ends"] = np.zeros((n, frames), bool)
        for t in range(1, frames):
            actions = act(seen)
            seen, reward, terminated, truncated, info = env.step(actions)
            film[:, t] = np.where(over[:, None, None, None], film[:, t - 1], seen)
            log["actions"][:, t] = np.where(over[:, None], 0, info.get("action", actions))
            log["rewards"][:, t], log["ends"][:, t] = np.where(over, 0, reward), terminated & ~over
            over |= terminated | truncated
        few = min(n, clips - number * n)
        shards.append(save_shard(path, number, few, [film[:few]], {name: values[:few] for name, values in log.items()}))
    return save_manifest(path, film.shape[1:], env.metadata["render_fps"], shards, env.single_action_space.shape[0], **source)


class Wander:
    """Random actions that are held for a while, (N, A): what a log is made of where nobody knows what to do.

    With ``feedback`` a random linear function of what the world tells its own agents is added, other ones after every reset of
    all (an episode that begins because another ended keeps its own): some hold a pole up for a while, and none is chosen for it.
    """

    def __init__(self, env: PixelEnv, seed: int = 0, change: float = 0.15, feedback: float = 0.0):
        self.env, self.rng, self.change, self.feedback, self.native = env, np.random.default_rng(seed), change, feedback, None
        self.held = self.rng.uniform(-1, 1, env.action_space.shape)

    def __call__(self, _) -> np.ndarray:
        new = self.rng.random((len(self.held), 1)) < self.change
        self.held = np.where(new, self.rng.uniform(-1, 1, self.held.shape), self.held)
        if not self.feedback:
            return self.held
        if self.native is not self.env.native:  # a reset of all makes a new list
            self.native = self.env.native
            self.gain = self.feedback * self.rng.standard_normal((*self.held.shape, len(self.native[0])))
        return np.clip(self.held + np.einsum("nak,nk->na", self.gain, self.native), -1, 1)
