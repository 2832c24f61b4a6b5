"""A linear controller evolved in the dream (Ha and Schmidhuber 2018), by CMA-ES: few numbers, and no gradient at all."""

from __future__ import annotations

import cma
import numpy as np
import torch
from torch import nn
from tqdm import trange

from .episodes import run_episodes


class LinearPolicy(nn.Module):
    """Features (N, F) -> actions tanh(W f + b), (N, A). ``act`` takes and gives arrays or tensors, whichever it is handed."""

    def __init__(self, mean: torch.Tensor, spread: torch.Tensor, weights: torch.Tensor):
        """``mean`` and ``spread`` (F,) bring features to order 1; ``weights`` (A, F + 1), the last column is b."""
        super().__init__()
        for name, value in (("mean", mean), ("spread", spread), ("weights", weights)):
            self.register_buffer(name, value)

    @torch.no_grad()
    def act(self, features):
        seen = (torch.as_tensor(features, device=self.mean.device) - self.mean) / self.spread
        action = torch.tanh(seen.clamp(-5, 5) @ self.weights[:, :-1].T + self.weights[:, -1])
        return action if torch.is_tensor(features) else action.cpu().numpy()


def evolve(
    env, generations: int = 60, population: int = 16, seed: int = 0, progress: bool = True
) -> tuple[LinearPolicy, list[float]]:
    """Evolve a linear controller in ``env``, a vector environment that speaks in tensors; all of a generation act side by side.

    Args:
        env: its environments are shared out among the population, which must divide their number.

    Returns:
        the policy at the middle of the last generation, and the mean return of each generation.
    """
    features, _ = env.reset(seed=seed)
    mean, spread = features.mean(0), features.std(0) + 1e-3
    shape, each = (env.single_action_space.shape[0], features.shape[1] + 1), env.num_envs // population
    search = cma.CMAEvolutionStrategy(np.zeros(shape).ravel(), 0.1, {"popsize": population, "seed": seed + 1, "verbose": -9})
    history = []
    for generation in trange(generations, desc="evolve", disable=not progress, leave=False):
        candidates = search.ask()
        weights = torch.as_tensor(np.stack(candidates), dtype=torch.float32, device=features.device).unflatten(1, shape)

        def act(seen, weights=weights):
            seen = ((seen - mean) / spread).clamp(-5, 5).unflatten(0, (population, each))
            return torch.tanh(seen @ weights[:, :, :-1].transpose(1, 2) + weights[:, None, :, -1]).flatten(0, 1)

        returns = run_episodes(env, act, seed + generation).returns.reshape(population, each).mean(1)
        search.tell(candidates, -returns)
        history.append(float(returns.mean()))
    best = torch.as_tensor(search.result.xfavorite, dtype=torch.float32, device=features.device).view(shape)
    return LinearPolicy(mean, spread, best), history
