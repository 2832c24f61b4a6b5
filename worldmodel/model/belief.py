"""Belief: what the model holds to be constant in a world, gathered as evidence frame by frame.

A small network turns each window of latents into a guess and a weight for every constant; the belief is their running
weighted mean, like the posterior of a Gaussian mean under known precisions. No recurrence: all frames of a clip at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..files import load_arrays
from ..settings import CheckpointError, ConfigError

PRIOR_WEIGHT = 1e-2  # the weight of the prior mean, which is 0
SPEED_SCALE = 20.0  # latents move by about 1/20 a frame; differences are brought to order 1


@dataclass(frozen=True)
class Belief:
    """``mean`` and ``weight`` of each constant, tensors (..., K). ``weight`` counts the prior's `PRIOR_WEIGHT`."""

    mean: torch.Tensor
    weight: torch.Tensor

    def merge(self, other: Belief) -> Belief:
        """What follows from the evidence of both, gathered in two clips of one world; the prior counts once.

        Raises:
            ConfigError: the beliefs are about different numbers of constants.
        """
        if self.mean.shape[-1] != other.mean.shape[-1]:
            raise ConfigError(f"cannot merge beliefs over {self.mean.shape[-1]} and {other.mean.shape[-1]} constants")
        weight = self.weight + other.weight - PRIOR_WEIGHT
        return Belief((self.mean * self.weight + other.mean * other.weight) / weight, weight)

    def save(self, path) -> None:
        """Write the few numbers into a .npz file."""
        np.savez(path, mean=self.mean.cpu().numpy(), weight=self.weight.cpu().numpy())

    @classmethod
    def load(cls, path) -> Belief:
        """Read them back.

        Raises:
            CheckpointError: the file is missing or damaged.
        """
        return cls(
            **{name: torch.from_numpy(value) for name, value in load_arrays(path, CheckpointError, "mean", "weight").items()}
        )

    def to(self, device) -> Belief:
        return Belief(self.mean.to(device), self.weight.to(device))

    def __getitem__(self, index) -> Belief:
        return Belief(self.mean[index], self.weight[index])


def mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """The network of two hidden layers that most parts of a model are made of."""
    hidden = [nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


class Evidence(nn.Module):
    """Windows of points (and of actions) -> a guess and a weight for each constant, and the speed of every point."""

    def __init__(self, latents: int, actions: int, constants: int, window: int, width: int):
        super().__init__()
        self.latents, self.constants, self.window = latents, constants, window
        moves = (window - 1) * latents + window * actions
        # It carries on in a straight line beyond the range it was trained in
        self.linear = nn.Linear(moves, constants) if constants else None
        self.network = mlp(moves + latents + 1, width, 2 * constants + latents)
        if constants:
            nn.init.normal_(self.linear.weight, std=0.02)

    def forward(
        self, points: torch.Tensor, actions: torch.Tensor | None, seen: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Points (B, T + window - 1, D), actions (B, T + window - 1, A), frames seen (B, T, 1) -> guess, weight (B, T, K), speed
        (B, T, D). Before the first frame the window repeats it.
        """
        moves = (points[:, 1:] - points[:, :-1]) * SPEED_SCALE
        moves = moves.unfold(1, self.window - 1, 1).transpose(2, 3).flatten(2)
        if actions is not None:
            moves = torch.cat([moves, actions.unfold(1, self.window, 1).transpose(2, 3).flatten(2)], -1)
        latest = points[:, self.window - 1 :]
        last_move = points[:, self.window - 1 :] - points[:, self.window - 2 : -1]
        count = seen.clamp(max=self.window) / self.window  # tells a body at rest from a clip that has just begun
        guess, weight, speed = self.network(torch.cat([moves, latest, count], -1)).split(
            [self.constants, self.constants, self.latents], -1
        )
        guess = guess if self.linear is None else self.linear(moves) + guess
        return guess, F.softplus(weight), last_move + speed / SPEED_SCALE


def accumulate(guess: torch.Tensor, weight: torch.Tensor, before: Belief | None = None) -> Belief:
    """The belief after each frame from guesses and weights (B, T, K), on top of ``before`` (B, K) or of the prior."""
    total, mass = torch.cumsum(weight * guess, 1), torch.cumsum(weight, 1)
    if before is None:
        return Belief(total / (mass + PRIOR_WEIGHT), mass + PRIOR_WEIGHT)
    mass = mass + before.weight.unsqueeze(1)
    return Belief((total + (before.mean * before.weight).unsqueeze(1)) / mass, mass)
