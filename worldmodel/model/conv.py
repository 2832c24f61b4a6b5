"""A plain convolutional encoder and decoder, with no notion of a place: what the points are compared with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .encoder import PATCH


class ConvEncoder(nn.Module):
    """Frames (B, C, H, W) in 0 to 1 -> what moves (B, 2K) and appearance (B, A), both plain vectors."""

    def __init__(self, size: int, channels: int, latents: int, appearance: int, width: int):
        super().__init__()
        self.latents = latents
        self.stem = nn.Conv2d(channels, width, 2 * PATCH, PATCH, PATCH // 2)
        self.deeper = nn.Conv2d(width, 2 * width, 4, 2, 1)
        self.outputs = nn.Linear(2 * width * (size // PATCH // 2) ** 2, latents + appearance)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = F.silu(self.deeper(F.silu(self.stem(frames))))
        return self.outputs(h.flatten(1)).float().tensor_split([self.latents], 1)


class ConvDecoder(nn.Module):
    """The way back: what moves (B, 2K), appearance (B, A), background (B, C, H, W) -> frames (B, C, H, W)."""

    def __init__(self, size: int, channels: int, latents: int, appearance: int, width: int):
        super().__init__()
        self.side, self.width = size // PATCH // 2, 2 * width
        self.inputs = nn.Linear(latents + appearance, self.width * self.side**2)
        self.wider = nn.ConvTranspose2d(self.width, width, 4, 2, 1)
        self.outputs = nn.ConvTranspose2d(width, 2 * channels, 2 * PATCH, PATCH, PATCH // 2)  # a picture, and what it hides
        self.background = nn.Parameter(torch.full((1, channels, size, size), 0.1))

    def forward(self, points: torch.Tensor, appearance: torch.Tensor, background: torch.Tensor | None = None) -> torch.Tensor:
        background = self.background if background is None else background
        h = F.silu(self.inputs(torch.cat([points, appearance], 1))).unflatten(1, (self.width, self.side, self.side))
        painted, cover = self.outputs(F.silu(self.wider(h))).float().chunk(2, 1)
        return background + torch.sigmoid(cover - 2) * (painted - background)
