"""Play whole episodes: the first of every environment, to its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Outcome:
    """One policy's first episode in each environment: ``returns`` (N,) and ``success`` (N,) bool.

    ``seen`` (N, T, ...) are the observations from the start on, where they were kept, and ``valid`` (N, T) those up to the end.
    """

    returns: np.ndarray
    success: np.ndarray
    seen: np.ndarray | None = None
    valid: np.ndarray | None = None


def run_episodes(env, act, seed: int, keep: bool = False) -> Outcome:
    """Play every environment's first episode to its end. ``act`` maps the observation to actions (N, A)."""
    observation, _ = env.reset(seed=seed)
    path, valid = [], []
    n = env.num_envs
    returns, success, over = np.zeros(n), np.zeros(n, bool), np.zeros(n, bool)
    while not over.all():
        if keep:
            path.append(as_array(observation).copy()), valid.append(~over)
        with torch.no_grad():
            observation, reward, terminated, truncated, info = env.step(act(observation))
        reward, terminated, truncated = (as_array(value) for value in (reward, terminated, truncated))
        returns += np.where(over, 0, reward)
        success |= np.asarray(info.get("success", np.zeros(n, bool))) & ~over
        over |= terminated | truncated
    return Outcome(returns, success, *(np.stack(kept, 1) for kept in (path, valid) if keep))


def as_array(value) -> np.ndarray:
    """As NumPy has it, from whatever device."""
    return torch.as_tensor(value).numpy(force=True)
