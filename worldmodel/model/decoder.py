"""Decoder: points and appearance -> a frame, painted patch by patch.

Every patch asks one small network what it looks like, given where the points lie relative to it. So what is learned at one
place holds at all, and a shift of a point by a hundredth of a pixel shows. Ancestor: the spatial broadcast decoder
(Watters et al. 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .encoder import PATCH, patch_grid


class PatchDecoder(nn.Module):
    """Points (B, 2K), appearance (B, 2 anchors + vector) -> frames (B, C, H, W), about 0 to 1."""

    def __init__(self, size: int, channels: int, points: int, anchors: int, vector: int, width: int):
        super().__init__()
        self.cells = size // PATCH
        self.points, self.anchors = points + anchors, anchors
        self.register_buffer("grid", patch_grid(size), persistent=False)
        self.near = 1.5 * PATCH / size * 2  # how far around a point its bump of influence reaches
        self.inputs = nn.Linear(5 * self.points + vector, width)
        self.place = nn.Parameter(torch.zeros(self.cells**2, width))  # a background that is the same in all clips
        self.hidden = nn.Linear(width, width)
        self.outputs = nn.Linear(width, PATCH * PATCH * channels)

    def forward(self, points: torch.Tensor, appearance: torch.Tensor) -> torch.Tensor:
        points = torch.cat([points, appearance[:, : 2 * self.anchors]], 1)
        offset = (self.grid - points.unflatten(1, (self.points, 2)).unsqueeze(-1)) / self.near  # (B, K, 2, cells)
        bump = torch.exp(-0.5 * (offset**2).sum(2, keepdim=True))
        seen = torch.cat([bump, bump * offset, torch.tanh(offset)], 2).flatten(1, 2).transpose(1, 2)
        vector = appearance[:, 2 * self.anchors :]
        seen = torch.cat([seen, vector.unsqueeze(1).expand(-1, seen.shape[1], -1)], -1)
        h = F.silu(self.inputs(seen) + self.place)
        h = F.silu(self.hidden(h))
        patches = self.outputs(h).transpose(1, 2).unflatten(-1, (self.cells, self.cells))
        return F.pixel_shuffle(patches.contiguous(), PATCH).float()
