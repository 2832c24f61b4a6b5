"""Let policies act in the true world, side by side: return, success, and where they stand between random and oracle."""

from __future__ import annotations

import numpy as np

from ..physics import FRAMES_PER_SECOND
from ..settings import generator
from .episodes import Outcome, run_episodes
from .physics_env import PhysicsEnv
from .views import Observed


def compare(
    model, policies: dict, band: str = "train", episodes: int = 200, seed: int = 0, task: str = "lander"
) -> dict[str, Outcome]:
    """Random, no-op, oracle (told the true state) and the ``policies`` by name, on the same episodes of a true world."""
    rng, env = generator(seed, 7), PhysicsEnv(task, episodes, band)
    noop = np.tile(env.world.law.idle, (episodes, 1))

    def oracle(_):
        return env.world.law.oracle(env.constants, env.state, 1 / FRAMES_PER_SECOND)

    return {
        "random": run_episodes(env, lambda _: rng.uniform(-1, 1, noop.shape), seed),
        "no-op": run_episodes(env, lambda _: noop, seed),
        "oracle": run_episodes(env, oracle, seed),
        **{name: run_episodes(Observed(env, model), policy.act, seed) for name, policy in policies.items()},
    }


def unsolved(outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """Without the episodes whose start is already solved: doing nothing succeeds there."""
    open_ones = ~outcomes["no-op"].success
    return {name: Outcome(one.returns[open_ones], one.success[open_ones]) for name, one in outcomes.items()}


def return_ratio(outcome: np.ndarray, random: np.ndarray, oracle: np.ndarray) -> float:
    """(policy - random) / (oracle - random) of mean returns: 0 is random, 1 is the oracle."""
    return float((outcome.mean() - random.mean()) / (oracle.mean() - random.mean()))
