"""Let policies act in the true world, side by side: return, success, and where they stand between random and oracle."""

from __future__ import annotations

import numpy as np
import torch

from ..physics import FRAMES_PER_SECOND, WORLDS
from ..settings import generator
from .dream_env import DreamEnv
from .episodes import Outcome, as_array, run_episodes
from .physics_env import PhysicsEnv
from .pixel_env import PixelEnv
from .views import Observed


def true_env(task: str, num_envs: int = 1, band: str = "train", **options):
    """The true world of a task: one of our own, its g drawn from a band, or by its name one of Gymnasium's.

    ``options`` are those of `PixelEnv`; our own worlds take none.
    """
    return PhysicsEnv(task, num_envs, band, **options) if task in WORLDS else PixelEnv(task, num_envs, **options)


def compare(
    model, policies: dict, band: str = "train", episodes: int = 200, seed: int = 0, task: str = "lander", **options
) -> dict[str, Outcome]:
    """Random, no-op (where one can do nothing), oracle (told the true state, in our own worlds) and ``policies`` by name, on the
    same true episodes."""
    rng, env = generator(seed, 7), true_env(task, episodes, band, **options)
    noop = np.zeros(env.action_space.shape)
    acts = {"random": lambda _: rng.uniform(-1, 1, noop.shape)}
    if isinstance(env, PhysicsEnv):
        noop += env.world.law.idle
        acts["oracle"] = lambda _: env.world.law.oracle(env.constants, env.state, 1 / FRAMES_PER_SECOND)
    if isinstance(env, PhysicsEnv) or not env.two:  # of two pushes one is done in every step
        acts["no-op"] = lambda _: noop
    found = {name: run_episodes(env, act, seed) for name, act in acts.items()}
    return found | {name: run_episodes(Observed(env, model), policy.act, seed) for name, policy in policies.items()}


def unsolved(outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """Without the episodes whose start is already solved: doing nothing succeeds there."""
    open_ones = ~outcomes["no-op"].success
    return {name: Outcome(one.returns[open_ones], one.success[open_ones]) for name, one in outcomes.items()}


def return_ratio(outcome: np.ndarray, random: np.ndarray, oracle: np.ndarray) -> float:
    """(policy - random) / (oracle - random) of mean returns: 0 is random, 1 is the oracle."""
    return float((outcome.mean() - random.mean()) / (oracle.mean() - random.mean()))


@torch.no_grad()
def side_by_side(model, dreams: DreamEnv, act, env, seed: int, fork: int = 2) -> dict[str, np.ndarray]:
    """Play true episodes and, from the ``fork``-th step of each, dream on beside it: the same start, the same policy.

    Args:
        dreams: with as many environments as the true ``env``, whose limit of steps it should have.

    Returns:
        of ``true`` and ``dream``, from the fork on: ``.features`` (N, T, F), ``.valid`` (N, T) up to the end, ``.return`` (N,).
    """
    view, played = Observed(env, model), {}
    features, _ = view.reset(seed=seed)
    over = np.zeros(env.num_envs, bool)
    for _ in range(fork):
        features, _, terminated, truncated, _ = view.step(act(features))
        over |= terminated | truncated
    dreams.reset(seed=seed)
    for name, world, seen in (("dream", dreams, dreams.begin(view.state, fork)), ("true", view, features)):
        going, path, valid, returns = ~over, [], [], np.zeros(env.num_envs)
        while going.any():
            seen, *rest, _ = world.step(act(seen))
            reward, terminated, truncated = (as_array(value) for value in rest)
            returns += np.where(going, reward, 0)
            path.append(as_array(seen)), valid.append(going)
            going = going & ~(terminated | truncated)
        played |= {f"{name}.features": np.stack(path, 1), f"{name}.valid": np.stack(valid, 1), f"{name}.return": returns}
    return played
