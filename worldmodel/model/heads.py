"""What a log adds to the frames: the reward and the end that came with the arrival in a state."""

from __future__ import annotations

import torch
from torch import nn

from .belief import SPEED_SCALE

PLACE_SCALE = 10.0  # whether a body touches the floor is a matter of 1/100 of the picture


class OutcomeHead(nn.Module):
    """A state (and the action that led to it) -> reward on the way, reward at an end, and logit of the end, each (B, T).

    An end has a reward of its own, so that a dream can only collect it by ending. The head sees where things are and how
    fast they move, but not the belief nor the rest of the appearance: by these, which are the same throughout a clip, a
    few hundred logged clips would be learned by heart. Rewards are learned in units of their spread in the log, whatever the
    world pays in, and none is foretold beyond the least and the most that the log holds: a policy would find it.
    """

    def __init__(self, latents: int, anchors: int, actions: int, width: int):
        super().__init__()
        self.anchors = anchors
        self.network = nn.Sequential(
            nn.Linear(2 * latents + anchors + actions, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 3),
        )
        # Of rewards on the way and at an end, as columns: mean, spread, least and most in the log.
        self.register_buffer("logged", torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1e9, -1e9], [1e9, 1e9]]))

    def scale_to(self, rewards: torch.Tensor, ends: torch.Tensor, valid: torch.Tensor) -> None:
        """Take units and limits from a log, tensors (N, T); the first frame of a clip has no reward."""
        for kind, there in enumerate((valid * (1 - ends), valid * ends)):
            paid = rewards[:, 1:][there[:, 1:] > 0.5]
            if len(paid):
                self.logged[:, kind] = torch.stack([paid.mean(), paid.std(correction=0) + 1e-3, paid.min(), paid.max()])

    def forward(self, state) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        anchors = state.appearance[..., : self.anchors]
        parts = [state.points * PLACE_SCALE, state.speed * SPEED_SCALE, anchors * PLACE_SCALE]
        if state.action is not None:
            parts.append(state.action)
        *rewards, end = self.network(torch.cat(parts, -1)).unbind(-1)
        mean, spread = self.logged[:2]
        return *(mean[kind] + spread[kind] * rewards[kind] for kind in (0, 1)), end


class Predictor(nn.Module):
    """Three embeddings in a row -> the next one: what a jepa is trained through."""

    def __init__(self, size: int, width: int):
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(3 * size, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, size)
        )

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, T, E) -> guesses (B, T - 3, E) of the fourth and those after it."""
        return embeddings[:, 2:-1] + self.network(embeddings.unfold(1, 3, 1)[:, :-1].flatten(2))
