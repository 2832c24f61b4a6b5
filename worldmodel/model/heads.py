"""What a log adds to the frames: the reward and the end that came with the arrival in a state."""

from __future__ import annotations

import torch
from torch import nn

from .belief import SPEED_SCALE


class OutcomeHead(nn.Module):
    """A state (and the action that led to it) -> reward and logit of the episode's end, both (B, T).

    It sees where things are and how fast they move, but not the belief nor the rest of the appearance: by these, which are
    the same throughout a clip, a few hundred logged clips would be learned by heart.
    """

    def __init__(self, latents: int, anchors: int, actions: int, width: int):
        super().__init__()
        self.anchors = anchors
        self.network = nn.Sequential(
            nn.Linear(2 * latents + anchors + actions, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)
        )

    def forward(self, state) -> tuple[torch.Tensor, torch.Tensor]:
        anchors = state.appearance[..., : self.anchors]
        parts = [state.points, state.speed * SPEED_SCALE, anchors]
        if state.action is not None:
            parts.append(state.action)
        reward, end = self.network(torch.cat(parts, -1)).unbind(-1)
        return reward, end
