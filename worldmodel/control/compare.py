"""Let policies act in the true world, side by side: return, success, and where they stand between random and oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..physics import FRAMES_PER_SECOND
from ..settings import generator
from .physics_env import PhysicsEnv
from .views import Observed


@dataclass(frozen=True)
class Outcome:
    """One policy's first episode in each environment: ``returns`` (N,), ``success`` (N,) bool, ``frames`` (N,)."""

    returns: np.ndarray
    success: np.ndarray
    frames: np.ndarray


def run_episodes(env, act, seed: int) -> Outcome:
    """Play every environment's first episode to its end. ``act`` maps the observation to actions (N, A)."""
    observation, _ = env.reset(seed=seed)
    n = env.num_envs
    returns, success, frames, over = np.zeros(n), np.zeros(n, bool), np.zeros(n, int), np.zeros(n, bool)
    while not over.all():
        with torch.no_grad():
            observation, reward, terminated, truncated, info = env.step(act(observation))
        returns += np.where(over, 0, np.asarray(reward))
        frames += ~over
        success |= np.asarray(info.get("success", np.zeros(n, bool))) & ~over
        over |= np.asarray(terminated) | np.asarray(truncated)
    return Outcome(returns, success, frames)


def compare(model, policy, name: str = "lander", band: str = "train", episodes: int = 200, seed: int = 0) -> dict[str, Outcome]:
    """Random, no-op, oracle (told the true state) and the dream's policy, on the same episodes of the true world."""
    rng = generator(seed, 7)
    size = PhysicsEnv(name).single_action_space.shape[0]
    env = PhysicsEnv(name, episodes, band)
    noop = np.zeros((episodes, size))
    noop[:, -1] = -1.0  # the last number of an action is the throttle, and -1 is off

    def oracle(_):
        return env.world.law.oracle(env.constants, env.state, 1 / FRAMES_PER_SECOND)

    return {
        "random": run_episodes(env, lambda _: rng.uniform(-1, 1, (episodes, size)), seed),
        "no-op": run_episodes(env, lambda _: noop, seed),
        "oracle": run_episodes(env, oracle, seed),
        "dream": run_episodes(Observed(env, model), policy.act, seed),
    }


def return_ratio(outcome: np.ndarray, random: np.ndarray, oracle: np.ndarray) -> float:
    """(policy - random) / (oracle - random) of mean returns: 0 is random, 1 is the oracle."""
    return float((outcome.mean() - random.mean()) / (oracle.mean() - random.mean()))
