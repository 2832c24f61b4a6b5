"""Second-order dynamics: the belief and the action set an acceleration; a small network adds what contacts do."""

from __future__ import annotations

import torch
from torch import nn

from .belief import SPEED_SCALE


class SecondOrderDynamics(nn.Module):
    """One frame on: z' = z + v + a/2 + dz and v' = v + a + dv, with a linear in (belief, action), dz and dv from a network.

    Free flight needs only the linear part, so it carries on beyond the range of training; contacts need the network.
    """

    def __init__(self, latents: int, actions: int, constants: int, width: int):
        super().__init__()
        self.acceleration = nn.Linear(constants + actions, latents)
        self.network = nn.Sequential(
            nn.Linear(3 * latents + constants + actions, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 2 * latents),
        )  # fmt: skip
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def forward(self, points, speed, constants, action=None) -> tuple[torch.Tensor, torch.Tensor]:
        """points, speed (B, D), constants (B, K), action (B, A) or None -> the next points and speed (B, D)."""
        causes = constants if action is None else torch.cat([constants, action], -1)
        a = self.acceleration(causes) / (2 * SPEED_SCALE)
        correction = self.network(torch.cat([points, speed * SPEED_SCALE, points + speed, causes], -1)) / SPEED_SCALE
        dz, dv = correction.chunk(2, -1)
        return points + speed + a / 2 + dz, speed + a + dv
