"""Decoder: points and appearance -> a frame: what moves, painted patch by patch over what stays.

Every patch asks one small network what it looks like and how much of the background it hides, given where the points lie
relative to it. So what is learned at one place holds at all: a body looks the same wherever it is, and a shift of a point by a
hundredth of a pixel shows. Ancestor: the spatial broadcast decoder (Watters et al. 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .encoder import PATCH, patch_grid


class PatchDecoder(nn.Module):
    """Points (B, 2K), appearance (B, 2 anchors + vector), background (B, C, H, W) -> frames (B, C, H, W), about 0 to 1."""

    def __init__(self, size: int, channels: int, points: int, anchors: int, vector: int, width: int):
        super().__init__()
        self.cells = size // PATCH
        self.points, self.anchors = points + anchors, anchors
        self.register_buffer("grid", patch_grid(size), persistent=False)
        self.near = 1.5 * PATCH / size * 2  # how far around a point its bump of influence reaches
        self.inputs = nn.Linear(5 * self.points + vector, width)
        self.hidden = nn.Linear(width, width)
        self.outputs = nn.Linear(width, PATCH * PATCH * channels)
        self.cover = nn.Linear(width, PATCH * PATCH)  # how much of the background is hidden, a logit
        nn.init.constant_(self.cover.bias, -2.0)  # little at first
        self.background = nn.Parameter(torch.full((1, channels, size, size), 0.1))  # of all clips that bring none

    def forward(self, points: torch.Tensor, appearance: torch.Tensor, background: torch.Tensor | None = None) -> torch.Tensor:
        points = torch.cat([points, appearance[:, : 2 * self.anchors]], 1)
        offset = (self.grid - points.unflatten(1, (self.points, 2)).unsqueeze(-1)) / self.near  # (B, K, 2, cells)
        bump = torch.exp(-0.5 * (offset**2).sum(2, keepdim=True))
        seen = torch.cat([bump, bump * offset, torch.tanh(offset)], 2).flatten(1, 2).transpose(1, 2)
        vector = appearance[:, 2 * self.anchors :]
        seen = torch.cat([seen, vector.unsqueeze(1).expand(-1, seen.shape[1], -1)], -1)
        h = F.silu(self.inputs(seen))
        h = F.silu(self.hidden(h))
        background = self.background if background is None else background
        return background + torch.sigmoid(self._picture(self.cover(h))) * (self._picture(self.outputs(h)) - background)

    def _picture(self, patches: torch.Tensor) -> torch.Tensor:
        """(B, cells, values) -> (B, C, H, W)"""
        patches = patches.transpose(1, 2).unflatten(-1, (self.cells, self.cells))
        return F.pixel_shuffle(patches.contiguous(), PATCH).float()
