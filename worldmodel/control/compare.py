"""Let policies act in the true world, side by side: return, success, and where they stand between random and oracle."""

from __future__ import annotations

import numpy as np

from ..physics import FRAMES_PER_SECOND
from ..settings import generator
from .episodes import Outcome, run_episodes
from .physics_env import PhysicsEnv
from .views import Observed


def compare(model, policy, band: str = "train", episodes: int = 200, seed: int = 0) -> dict[str, Outcome]:
    """Random, no-op, oracle (told the true state) and the dream's policy, on the same episodes of the true `lander`."""
    rng, env = generator(seed, 7), PhysicsEnv("lander", episodes, band)
    noop = np.zeros(env.action_space.shape)
    noop[:, -1] = -1.0  # the last number of an action is the throttle, and -1 is off

    def oracle(_):
        return env.world.law.oracle(env.constants, env.state, 1 / FRAMES_PER_SECOND)

    return {
        "random": run_episodes(env, lambda _: rng.uniform(-1, 1, noop.shape), seed),
        "no-op": run_episodes(env, lambda _: noop, seed),
        "oracle": run_episodes(env, oracle, seed),
        "dream": run_episodes(Observed(env, model), policy.act, seed),
    }


def return_ratio(outcome: np.ndarray, random: np.ndarray, oracle: np.ndarray) -> float:
    """(policy - random) / (oracle - random) of mean returns: 0 is random, 1 is the oracle."""
    return float((outcome.mean() - random.mean()) / (oracle.mean() - random.mean()))
