"""PPO (Schulman et al. 2017) in the true world, by stable-baselines3: what learning costs without a model.

It gets what a dream's policy gets, pictures and rewards, or, as a bound, the true state. Its settings were tried with seed 100:
from the pixels of `lander` five, up to 40,000 frames, of which the best is kept (a higher rate, a reward for staying undecided);
on the state of Pendulum-v1 three, of which the best is kept, and used from its pixels as well: those of RL Baselines3 Zoo.
"""

from __future__ import annotations

import time

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space

from ..settings import ConfigError, choose_device, generator
from .episodes import run_episodes
from .physics_env import PhysicsEnv
from .pixel_env import PixelEnv

POINTS = (20_000, 60_000, 200_000)  # frames at which a policy is tried: those of a log, and 3 and 10 times as many
STACK = 3  # frames that a policy sees at once: a position, a speed and how that changes
UNITS = {"position": 2.0, "velocity": 4.0, "g": 10.0, "thrust": 40.0, "pad": 2.0}  # m, m/s, m/s^2: to order 1

# Settings of stable-baselines3's PPO that differ from its own; the rest is as it comes.
SWING = {"gamma": 0.9, "learning_rate": 1e-3, "n_steps": 256, "use_sde": True, "sde_sample_freq": 4}
SETTINGS = {
    "lander": {
        "pixels": {"gamma": 0.98, "learning_rate": 1e-3, "n_steps": 64, "batch_size": 256, "ent_coef": 3e-3},
        "state": {"gamma": 0.98, "learning_rate": 5e-4, "n_steps": 64, "batch_size": 128},
    },
    "Pendulum-v1": {"pixels": SWING | {"batch_size": 256}, "state": SWING | {"batch_size": 64}},
}
POLICIES = {"pixels": "CnnPolicy", "state": "MlpPolicy"}


class TrueState(PhysicsEnv):
    """A world of the project seen by its true state and hidden constants, (N, F), each divided by a fixed unit."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        _told_in_numbers(self, len(UNITS) + 2)  # position and velocity are pairs

    def _look(self):
        known = self.state | self.constants
        return np.column_stack([known[name] / unit for name, unit in UNITS.items()]).astype(np.float32)


class OwnState(PixelEnv):
    """A world of Gymnasium seen by its own observation, (N, F): the same episodes as in its pictures, and none is rendered."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        _told_in_numbers(self, self.envs[0].observation_space.shape[0])

    def _look(self):
        return np.stack(self.native).astype(np.float32)


def _told_in_numbers(env, size):
    env.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
    env.observation_space = batch_space(env.single_observation_space, env.num_envs)


def true_world(task: str, view: str, num_envs: int, band: str = "train") -> VectorEnv:
    """``lander`` or ``Pendulum-v1``, seen as ``pixels`` or as ``state``.

    Raises:
        ConfigError: another task or view.
    """
    if task not in SETTINGS or view not in POLICIES:
        raise ConfigError(f"PPO learns {' or '.join(SETTINGS)} from {' or '.join(POLICIES)}, not {task!r} from {view!r}")
    if task == "lander":
        return (PhysicsEnv if view == "pixels" else TrueState)(task, num_envs, band)
    return (PixelEnv if view == "pixels" else OwnState)(task, num_envs)


def same_step(env: VectorEnv):
    """``env`` as stable-baselines3 wants it, a `VecEnv`: where an episode has ended, the next begins within the same step.

    No step is lost on beginning, so none has to be left out of learning. ``frames`` counts every frame that the world has
    shown, the first of an episode as well.

    Args:
        env: its `reset` takes Gymnasium's ``options={"reset_mask": (N,) bool}``.

    Raises:
        ConfigError: stable-baselines3 is not installed.
    """
    try:
        from stable_baselines3.common.vec_env import VecEnv
    except ImportError as missing:
        raise ConfigError(f"PPO needs stable-baselines3 (pip install 'worldmodel[test]'): {missing}") from missing

    class SameStep(VecEnv):
        def __init__(self):
            super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
            self.frames = 0

        def reset(self):
            self.frames += env.num_envs
            seen, _ = env.reset(seed=self._seeds[0])
            self._reset_seeds()
            return seen

        def step_async(self, actions):
            self.actions = actions

        def step_wait(self):
            seen, reward, terminated, truncated, _ = env.step(self.actions)
            over, infos = terminated | truncated, [{} for _ in terminated]
            for row in np.nonzero(over)[0]:
                infos[row] = {"terminal_observation": seen[row], "TimeLimit.truncated": not terminated[row]}
            if over.any():
                seen, _ = env.reset(options={"reset_mask": over})
            self.frames += env.num_envs + int(over.sum())
            return seen, reward.astype(np.float32), over, infos

        def close(self):
            env.close()

        def get_attr(self, name, indices=None):
            return [getattr(env, name) for _ in self._get_indices(indices)]

        def env_is_wrapped(self, wrapper, indices=None):
            return [False for _ in self._get_indices(indices)]

        def set_attr(self, *_):
            raise NotImplementedError("the environments share one set of attributes")

        env_method = set_attr

    return SameStep()


def learn_ppo(
    task: str = "lander", view: str = "pixels", seed: int = 0, points=POINTS, episodes: int = 100, num_envs: int = 16, **settings
) -> dict[str, np.ndarray]:
    """Learn in the training band of the true world, and try the policy, without its noise, at each of ``points`` frames.

    Args:
        task: ``lander`` or ``Pendulum-v1``. view: ``pixels`` (the last `STACK` frames) or ``state``.
        points: rising numbers of frames; the policy is tried after the first update at or beyond each, so it never has fewer.
        episodes: those on which it is tried, at every point the same; they are those of `compare` for this seed and number.
        settings: of stable-baselines3's `PPO`, in place of those chosen here.

    Returns:
        ``frames`` (P,) shown to it until then and ``seconds`` (P,) of learning; and for each band (``train`` and ``beyond``
        for `lander`, else ``train``) ``returns.BAND`` (P, E), ``success.BAND`` (P, E) of every episode.

    Raises:
        ConfigError: another task or view, or stable-baselines3 is not installed.
    """
    world = same_step(true_world(task, view, num_envs))
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize

    stack = STACK if view == "pixels" else 1
    settings = SETTINGS[task][view] | settings
    scaled = VecNormalize(world, norm_obs=False, gamma=settings["gamma"])
    own = int(generator(seed, 8).integers(2**31))  # it does not learn on the episodes on which it is tried
    device = choose_device() if view == "pixels" else "cpu"  # what is learned from a few numbers is no quicker on a GPU
    agent = PPO(POLICIES[view], VecFrameStack(scaled, stack), seed=own, device=device, **settings)
    agent.policy.to(memory_format=torch.channels_last)  # convolutions take half the time
    trials = {band: true_world(task, view, episodes, band) for band in (("train", "beyond") if task == "lander" else ("train",))}
    found = {"frames": [], "seconds": []}
    seconds = 0.0
    for point in points:
        start = time.perf_counter()
        while world.frames < point:
            agent.learn(num_envs * agent.n_steps, reset_num_timesteps=False)  # one rollout, one update
        seconds += time.perf_counter() - start
        outcomes = {band: run_episodes(env, _acting(agent, env, stack), seed) for band, env in trials.items()}
        found["frames"].append(world.frames), found["seconds"].append(seconds)
        for band, outcome in outcomes.items():
            found.setdefault(f"returns.{band}", []).append(outcome.returns)
            found.setdefault(f"success.{band}", []).append(outcome.success)
    return {name: np.stack(values) for name, values in found.items()}


def _acting(agent, env, stack):
    """Frames -> actions without noise, for one run of episodes: it remembers the last ``stack`` frames."""
    from stable_baselines3.common.vec_env.stacked_observations import StackedObservations

    seen, going = StackedObservations(env.num_envs, stack, env.single_observation_space), np.zeros(env.num_envs, bool)
    return lambda frames: agent.predict(seen.update(frames, going, [])[0], deterministic=True)[0]
