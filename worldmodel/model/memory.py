"""Dynamics that carry a memory from frame to frame, the field's usual way: a GRU, one that moves by accelerations, a transformer.

Each offers `observe` (a memory after every frame) and, as a call, one imagined step. None knows of a constant.
"""

from __future__ import annotations

import torch
from torch import nn

from .belief import SPEED_SCALE


class GruDynamics(nn.Module):
    """The memory is the hidden state of a GRU over points (and actions); the next points are read off it."""

    def __init__(self, latents: int, actions: int, width: int, window: int = 0):
        super().__init__()
        self.latents, self.size = latents, width
        self.cell = nn.GRUCell(latents + actions, width)
        self.head = nn.Sequential(nn.Linear(width + actions, width), nn.SiLU(), nn.Linear(width, latents))

    def observe(self, points, actions=None, before: torch.Tensor | None = None) -> torch.Tensor:
        """Points (B, T, D), actions (B, T, A) that led to each, the memory (B, M) so far -> memory after each (B, T, M)."""
        memory, last, path = before, points[:, 0] if before is None else self.last(before), []
        for t in range(points.shape[1]):
            memory = self.remember(memory, last, points[:, t], None if actions is None else actions[:, t])
            last = points[:, t]
            path.append(memory)
        return torch.stack(path, 1)

    def forward(self, points, memory, action=None) -> tuple[torch.Tensor, torch.Tensor]:
        """Points (B, D), memory (B, M), the action (B, A) that comes -> the next points and memory, without a frame."""
        after = self.foretell(points, memory, action)
        return after, self.remember(memory, points, after, action)

    def foretell(self, points, memory, action=None) -> torch.Tensor:
        return self.head(join(memory, action))

    def remember(self, memory, before, points, action=None) -> torch.Tensor:
        return self.cell(join(points, action), memory)

    def last(self, memory) -> torch.Tensor | None:
        """The points that a memory holds besides, (B, D), where it holds any."""
        return None


class KinematicGruDynamics(GruDynamics):
    """The GRU sees points and their last move, and sets an acceleration: z' = z + v + a. Its memory ends with z and v."""

    def __init__(self, latents: int, actions: int, width: int, window: int = 0):
        super().__init__(latents, actions, width)
        self.width, self.size = width, width + 2 * latents
        self.cell = nn.GRUCell(2 * latents + actions, width)
        nn.init.zeros_(self.head[-1].weight), nn.init.zeros_(self.head[-1].bias)

    def foretell(self, points, memory, action=None):
        acceleration = self.head(join(memory[:, : self.width], action)) / SPEED_SCALE
        return points + memory[:, -self.latents :] + acceleration

    def remember(self, memory, before, points, action=None):
        move = points - before
        hidden = self.cell(
            join(torch.cat([points, move * SPEED_SCALE], -1), action), memory if memory is None else memory[:, : self.width]
        )
        return torch.cat([hidden, points, move], -1)

    def last(self, memory):
        return memory[:, self.width : self.width + self.latents]


class TransformerDynamics(nn.Module):
    """A transformer over the last `window` points and actions; the memory is that window and what came out at its end.

    It is half as wide as the others are: each step looks at a whole window anew, and costs that much more.
    """

    def __init__(self, latents: int, actions: int, width: int, window: int, layers: int = 2, heads: int = 4):
        super().__init__()
        width = heads * max(1, width // (2 * heads))
        self.window, self.width, self.token = window, width, latents + actions
        self.size = window * self.token + width
        self.embed = nn.Linear(self.token, width)
        self.place = nn.Parameter(0.02 * torch.randn(window, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.Linear(width + actions, width), nn.SiLU(), nn.Linear(width, latents))

    def observe(self, points, actions=None, before=None):
        """As `GruDynamics.observe`; all windows at once. Before a clip its first frame is repeated, without an action."""
        tokens = join(points, actions)
        if before is None:
            first = torch.cat([points[:, :1], points.new_zeros(len(points), 1, self.token - points.shape[-1])], -1)
            past = first.expand(-1, self.window - 1, -1)
        else:
            past = before[:, : self.window * self.token].unflatten(1, (self.window, -1))[:, 1:]
        windows = torch.cat([past, tokens], 1).unfold(1, self.window, 1).transpose(2, 3)  # (B, T, window, token)
        return self._memory(windows.flatten(0, 1)).unflatten(0, points.shape[:2])

    def forward(self, points, memory, action=None):
        """As `GruDynamics.forward`."""
        after = points + self.head(join(memory[:, -self.width :], action)) / SPEED_SCALE
        past = memory[:, : self.window * self.token].unflatten(1, (self.window, -1))[:, 1:]
        return after, self._memory(torch.cat([past, join(after, action).unsqueeze(1)], 1))

    def _memory(self, window):
        out = self.layers(self.embed(window) + self.place)[:, -1]
        return torch.cat([window.flatten(1), out], -1)


def join(values: torch.Tensor, action: torch.Tensor | None) -> torch.Tensor:
    return values if action is None else torch.cat([values, action], -1)
