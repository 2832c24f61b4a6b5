"""SIGReg (LeJEPA, Balestriero & LeCun 2025): latents are to look like a standard normal from every side, so none collapses."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .ranks import whole

PROJECTIONS, KNOTS, REACH = 1024, 17, 3.0


def sigreg(z: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Epps-Pulley distance of fresh random projections of z (B, T, D) from the standard normal: mean over times and directions.

    The characteristic function of a batch is compared with the normal's at knots on [0, 3], under a Gaussian window. It is
    not multiplied by the batch's size, as the test statistic is: so its weight in a loss does not depend on that. Under
    data-parallel training the function is that of the whole batch, since it is a mean over it.
    """
    directions = F.normalize(torch.randn(z.shape[-1], PROJECTIONS, generator=generator).to(z.device), dim=0)
    t = torch.linspace(0, REACH, KNOTS, device=z.device)
    with torch.autocast(z.device.type, enabled=False):
        angle = (z.float() @ directions).unsqueeze(-1) * t  # (B, T, directions, knots)
    found = whole(torch.stack([angle.cos().mean(0), angle.sin().mean(0)]).unsqueeze(0)).mean(0)
    window = torch.exp(-(t**2) / 2)
    return torch.trapezoid(((found[0] - window) ** 2 + found[1] ** 2) * window, t).mean()
