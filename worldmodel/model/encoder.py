"""Encoder: one frame -> a few points that may move, and an appearance for what stays: anchors (points too) and a vector.

A point is the weighted mean of patch positions, as in deep spatial autoencoders (Finn et al. 2016), with two changes that
make it sharp to a few hundredths of a pixel: each map of weights is standardised over the picture, so that whatever stands
out is found from the first step; and each patch shifts its own position, so that a mean is not tied to the patch grid.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.linalg import qr
from torch import nn

APART = 0.2  # share of the first point's movement that a point must tell beyond the others
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

    @torch.no_grad()
    def look_apart(self, frames: torch.Tensor, calm: torch.Tensor, choice: int = 16) -> None:
        """Points that tell nothing beyond the others get new maps, of ``choice`` random ones each: those that tell the most.

        Told by a pivoted QR of where the maps' middles lie. All points are drawn to what stands out most; what does so less is
        found by luck, unless some are sent to look elsewhere.

        Args:
            frames: (B, C, H, W) for the points that may move; calm: for the anchors, pictures of what stays.
        """
        rows = self.head.weight.data
        for mine, pictures in ((slice(0, self.moving), frames), (slice(self.moving, self.points), calm)):
            h = self._look(pictures)
            own = self._middles(h, rows[mine])
            r, order = qr(own, mode="r", pivoting=True)
            told = np.abs(np.diag(r)) > APART * np.abs(r[0, 0])
            kept, free = order[told], order[~told]
            tried = torch.empty(choice * len(order), *rows.shape[1:]).uniform_(-1, 1).to(rows) / rows.shape[1] ** 0.5
            new = self._middles(h, tried)
            basis = np.linalg.qr(own[:, kept])[0]
            best = qr(new - basis @ (basis.T @ new), mode="r", pivoting=True)[1]
            rows[mine.start + torch.from_numpy(free)] = tried[torch.from_numpy(best[: len(free)])]

    def _middles(self, h, rows):
        """Of maps (B, W, h, w) by ``rows``: x and y over all pictures, less their means, (2B, rows)."""
        weight = self._weight(F.conv2d(h, rows).flatten(2).float())
        middles = weight @ self.grid.T / weight.sum(-1, keepdim=True)
        return (middles - middles.mean(0)).movedim(1, 2).flatten(0, 1).numpy(force=True)

    def _look(self, frames):
        h = F.silu(self.stem(frames))
        h = h + F.silu(self.around(h))
        return h + F.silu(self.mix(h))

    def _weight(self, maps):
        weight = (maps - maps.mean(-1, keepdim=True)) / (maps.std(-1, keepdim=True) + 1e-4)
        return F.softplus(self.sharpness * (weight - 2))

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self._look(frames)
        maps = self.head(h).flatten(2).float()  # the means below need more than bfloat16
        shift, weight = maps[:, self.points :].unflatten(1, (self.points, 2)), self._weight(maps[:, : self.points])
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
