"""Second-order dynamics: the belief and the action set an acceleration; a small network adds what contacts do."""

from __future__ import annotations

import torch
from torch import nn

from .belief import SPEED_SCALE, mlp
from .memory import join


class SecondOrderDynamics(nn.Module):
    """One frame on: v' = v + a + dv and z' = z + v' + dz, with a linear in (belief, action), dz and dv from a network.

    v is the last move, and a fall from frame to frame is v' = v + a, z' = z + v' exactly. So free flight needs only the linear
    part, which carries on beyond the range of training; contacts need the network.
    """

    def __init__(self, latents: int, actions: int, constants: int, width: int):
        super().__init__()
        self.acceleration = nn.Linear(constants + actions, latents)
        self.network = mlp(3 * latents + constants + actions, width, 2 * latents)
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def pull(self, constants: torch.Tensor, action: torch.Tensor | None = None) -> torch.Tensor:
        """a, from constants (B, K) and action (B, A) or None: (B, D) a frame squared."""
        return self.acceleration(join(constants, action)) / (2 * SPEED_SCALE)

    def forward(self, points, speed, constants, action=None) -> tuple[torch.Tensor, torch.Tensor]:
        """points, speed (B, D), constants (B, K), action (B, A) or None -> the next points and speed (B, D)."""
        seen = torch.cat([points, speed * SPEED_SCALE, points + speed, join(constants, action)], -1)
        dz, dv = (self.network(seen) / SPEED_SCALE).chunk(2, -1)
        speed = speed + self.pull(constants, action) + dv
        return points + speed + dz, speed
