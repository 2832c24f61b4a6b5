"""Latent actions: what somebody did in a video that nobody labelled, told from how the points of a found world move.

Three things tell an action from all else that happens. The past does not tell it (Schmidt and Jiang 2024, LAPO; Bruce et al.
2024, Genie). It is there in every frame, which a bounce is not. And the same choices are open whatever the state: its extremes
do not hang on where things are and how fast they move (independent support; Roth et al. 2023, Ahuja et al. 2023), however much
the habits of whoever acts hang on it. Without the last, a latent action is as likely the agent's surprise or its acceleration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from tqdm import trange

from ..model.belief import SPEED_SCALE, mlp
from ..settings import ConfigError, check_config
from .optimizer import optimizers, set_rate

HELD_OUT = 5  # one clip in so many is kept from the network that foretells: on the others it learns the noise by heart
SMOOTH = 0.1  # in the unit of the scaled accelerations; errors count linearly above it, so that contacts do not rule


@dataclass(frozen=True)
class LatentActionConfig:
    """How to infer latent actions."""

    size: int = 1  # numbers in a latent action
    seed: int = 0
    past: int = 3  # frames from which the next is foretold
    width: int = 192
    steps: int = 600
    batch: int = 512
    rate: float = 2e-2  # peak learning rate of matrices; see `optimizer`
    beyond: float = 0.005  # share of the steps that may lie beyond either extreme

    def __post_init__(self):
        check_config(self, size=(1, 64), seed=(0, 2**31), past=(3, 32), width=(1, 8192), steps=(1, 1e6), batch=(1, 1e6))
        check_config(self, rate=(0, 1), beyond=(1e-6, 0.4))


@dataclass(frozen=True)
class LatentActions:
    """What was inferred of a log: index t is of what led to frame t, as in a log. L numbers each, in [-1, 1]."""

    values: np.ndarray  # float32 (N, T, L); 0 where nothing could be told
    told: np.ndarray  # bool (N, T): enough frames came before, and the episode's end did not
    axes: np.ndarray  # (D, L), the directions of the points that an action moves them in
    shares: np.ndarray  # (D,) of the surprise that lies along each direction, from most to least; actions have the first L
    acceleration: np.ndarray  # (N, T, L) along the axes, in 1/`SPEED_SCALE` of half a picture: without the third criterion
    surprise: np.ndarray  # (N, T, L) what of it was not foretold: by the first two criteria alone, an action would be this


def infer_actions(
    points: torch.Tensor, valid: torch.Tensor, config: LatentActionConfig = LatentActionConfig(), progress: bool = True
) -> LatentActions:
    """Latent actions of clips of points (B, T, D), of which the moments ``valid`` (B, T) count; labels are not looked at.

    Raises:
        ConfigError: fewer clips or frames than are needed, or more actions than the points have numbers.
    """
    past, latents = config.past, points.shape[2]
    if len(points) < 2 * HELD_OUT or points.shape[1] <= past or config.size > latents:
        needed = f"{config.size} numbers or more, {2 * HELD_OUT} clips and {past + 1} frames"
        raise ConfigError(f"points {tuple(points.shape)}: {config.size} latent actions need {needed}")
    told = torch.zeros_like(valid, dtype=torch.bool)
    told[:, past:] = valid[:, past:] > 0
    windows = points.unfold(1, past + 1, 1).transpose(2, 3)[told[:, past:]] * SPEED_SCALE  # (n, past + 1, D)
    moves = windows.diff(dim=1)
    before, speed, acceleration = moves[:, :-1], moves[:, -2], moves[:, -1] - moves[:, -2]
    seen = torch.cat([before.flatten(1), windows[:, -2]], 1)
    held_out = torch.arange(len(points), device=points.device)[:, None].expand_as(told)[told] % HELD_OUT == 0
    surprise = acceleration - _foretell(seen, acceleration, ~held_out, config, progress)
    axes, shares = spread_axes(surprise[held_out], config.size)
    along = acceleration @ axes
    values = torch.stack([independent_of(along[:, k], speed, config.beyond) for k in range(config.size)], 1)

    def laid_out(found):
        return points.new_zeros(*told.shape, config.size).masked_scatter(told[..., None], found).numpy(force=True)

    return LatentActions(laid_out(values.clamp(-1, 1)), told.numpy(force=True), axes.numpy(force=True),
                         shares.numpy(force=True), laid_out(along), laid_out(surprise @ axes))  # fmt: skip


def _foretell(seen, target, learn, config, progress):
    """The target (n, D) as a network foretells it from ``seen`` (n, F), which it learned on the rows ``learn`` (n,)."""
    torch.manual_seed(config.seed)
    network, rows = mlp(seen.shape[1], config.width, target.shape[1]).to(seen.device), learn.nonzero().squeeze(1)
    steepest = optimizers(list(network.parameters()), config.rate, 1e-3)
    with torch.enable_grad():
        for step in trange(config.steps, desc="foretell", disable=not progress, leave=False):
            set_rate(steepest, config.rate * (0.5 + 0.5 * np.cos(np.pi * step / config.steps)) + 1e-5)
            picked = rows[torch.randint(len(rows), (config.batch,), device=rows.device)]
            error = target[picked] - network(seen[picked])
            for optimizer in steepest:
                optimizer.zero_grad()
            torch.sqrt(error**2 + SMOOTH**2).mean().backward()
            for optimizer in steepest:
                optimizer.step()
    with torch.no_grad():
        return network(seen)


def spread_axes(surprise: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` directions (D, count) in which surprises (n, D) lie most often, and the share of each direction (D,).

    Every frame counts the same, however large its surprise: spherical principal components (Locantore et al. 1999). So a rare
    bounce does not outweigh what happens all the time.
    """
    unit = surprise / surprise.norm(dim=1, keepdim=True).clamp(min=1e-9)
    shares, directions = torch.linalg.eigh(unit.T @ unit / len(unit))
    return directions.flip(1)[:, :count], shares.flip(0)


def independent_of(values: torch.Tensor, state: torch.Tensor, beyond: float, steps: int = 800) -> torch.Tensor:
    """Values (n,) less a linear function of the state (n, F), and scaled, so that they fill [-1, 1] in every state.

    Two parallel planes, one above and one below all but the share ``beyond`` of the values, are laid as close together as can
    be: regression quantiles (Koenker and Bassett 1978) with a slope in common. Means, and so habits, play no part.
    """
    state = (state - state.mean(0)) / state.std(0).clamp(min=1e-6)
    scale = values.std() + 1e-9
    slope, edges = torch.zeros_like(state[0]), torch.quantile(values / scale, torch.tensor([beyond, 1 - beyond]).to(values))
    slope.requires_grad_(), edges.requires_grad_()
    adam = torch.optim.Adam([slope, edges])
    with torch.enable_grad():
        for step in range(steps):
            adam.param_groups[0]["lr"] = 0.03 * (1 - step / steps) + 1e-4
            above = (values / scale - state @ slope)[:, None] - edges
            share = torch.tensor([beyond, 1 - beyond]).to(values)
            loss = torch.maximum(share * above, (share - 1) * above).mean(0).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
    with torch.no_grad():
        low, high = edges
        return 2 * (values / scale - state @ slope - low) / (high - low) - 1
