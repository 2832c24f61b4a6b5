"""Encoder: one frame -> a few points that may move, and an appearance for what stays: anchors (points too) and a vector.

A point is the weighted mean of patch positions, as in deep spatial autoencoders (Finn et al. 2016), with two changes that
make it sharp to a few hundredths of a pixel: each map of weights is standardised over the picture, so that whatever stands
out is found from the first step; and each patch shifts its own position, so that a mean is not tied to the patch grid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

PATCH = 4  # pixels a side; a stem on patches costs a third of a stack of strided convolutions at equal width


def patch_grid(size: int) -> torch.Tensor:
    """Middles of the patches in image coordinates, x right and y up, each in (-1, 1): (2, cells), row by row from the top."""
    n = size // PATCH
    middle = (torch.arange(n) + 0.5) / n * 2 - 1
    return torch.stack([middle.repeat(n), -middle.repeat_interleave(n)])


class PointEncoder(nn.Module):
    """Frames (B, C, H, W) in 0 to 1 -> points (B, 2K) in image coordinates, appearance (B, 2 anchors + vector)."""

    def __init__(
        self, size: int, channels: int, points: int, anchors: int, vector: int, width: int, glimpse: int = 0, edges: str = "zeros"
    ):
        super().__init__()
        self.moving, self.points = points, points + anchors
        self.glimpse = Glimpse(size, channels, glimpse) if glimpse else None
        self.stem = nn.Conv2d(channels, width, 2 * PATCH, PATCH, PATCH // 2)
        self.around = nn.Conv2d(width, width, 3, 1, 1, padding_mode=edges)
        self.mix = nn.Conv2d(width, width, 1)
        self.head = nn.Conv2d(width, 3 * self.points, 1)  # per point: a weight and a shift (x, y)
        self.vector = nn.Linear(width, vector)
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("grid", patch_grid(size), persistent=False)
        self.reach = 2.0 * PATCH / size * 2  # a patch may shift its position by up to two patches

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = F.silu(self.stem(frames))
        h = h + F.silu(self.around(h))
        h = h + F.silu(self.mix(h))
        maps = self.head(h).flatten(2).float()  # the means below need more than bfloat16
        weight, shift = maps[:, : self.points], maps[:, self.points :].unflatten(1, (self.points, 2))
        weight = (weight - weight.mean(-1, keepdim=True)) / (weight.std(-1, keepdim=True) + 1e-4)
        weight = F.softplus(self.sharpness * (weight - 2))
        place = self.grid + self.reach * torch.tanh(shift)
        points = (weight.unsqueeze(2) * place).sum(-1) / weight.sum(-1, keepdim=True)
        if self.glimpse is not None:
            points = self.glimpse(frames.float(), points)
        points, anchors = points[:, : self.moving], points[:, self.moving :]
        return points.flatten(1), torch.cat([anchors.flatten(1), self.vector(h.float().mean((2, 3)))], 1)


class Glimpse(nn.Module):
    """A second, closer look at each point: the pixels around it say how far it is off. Near the bound that noise sets."""

    def __init__(self, size: int, channels: int, side: int, width: int = 64):
        super().__init__()
        step = 2 / size  # a pixel, in image coordinates
        ticks = (torch.arange(side) - (side - 1) / 2) * step
        self.register_buffer("window", torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), -1), persistent=False)
        self.reach = 4 * step
        self.hidden = nn.Linear(channels * side * side, width)
        self.offset = nn.Linear(width, 2)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)

    def forward(self, frames: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Frames (B, C, H, W), points (B, P, 2) -> the same points, each moved by up to 4 px."""
        at = points * points.new_tensor([1.0, -1.0])  # rows of a picture go down
        grid = (at[:, :, None, None] + self.window).flatten(1, 2)  # (B, P * side, side, 2)
        seen = F.grid_sample(frames, grid, align_corners=False, padding_mode="border")
        seen = seen.unflatten(2, (points.shape[1], -1)).transpose(1, 2).flatten(2)  # (B, P, C * side * side)
        seen = (seen - seen.mean(-1, keepdim=True)) / (seen.std(-1, keepdim=True) + 0.02)
        off = self.offset(F.silu(self.hidden(seen))).float()
        return points + self.reach * torch.tanh(off)
