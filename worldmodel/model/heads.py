"""What a log adds to the frames: the reward and the end that came with the arrival in a state."""

from __future__ import annotations

import torch
from torch import nn

from .belief import SPEED_SCALE


class OutcomeHead(nn.Module):
    """A state (and the action that led to it) -> reward and logit of the episode's end, both (B, T)."""

    def __init__(self, inputs: int, actions: int, width: int):
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(inputs + actions, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)
        )

    def forward(self, state) -> tuple[torch.Tensor, torch.Tensor]:
        parts = [state.points, state.speed * SPEED_SCALE, state.belief.mean, state.appearance]
        if state.action is not None:
            parts.append(state.action)
        reward, end = self.network(torch.cat(parts, -1)).unbind(-1)
        return reward, end
