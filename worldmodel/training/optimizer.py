"""The optimiser: Muon for matrices, AdamW for all else. A third of the steps that AdamW alone needs to foretell as well.

Muon (Jordan et al. 2024) makes each update of a matrix orthogonal, so that rare directions learn as fast as common ones.
"""

from __future__ import annotations

import torch

SHARE = 0.25  # AdamW's learning rate, as a share of Muon's
LEAST = 8  # rows or columns; what is smaller is no matrix to Muon


def optimizers(parameters, rate: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """One for the matrices among the parameters and one for the rest; `set_rate` sets the pace of both."""
    matrices, others = [], []
    for parameter in parameters:
        (matrices if parameter.ndim == 2 and min(parameter.shape) >= LEAST else others).append(parameter)
    found = [torch.optim.AdamW(others, SHARE * rate, weight_decay=weight_decay)]
    if matrices:
        found.append(torch.optim.Muon(matrices, rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))
    return found


def set_rate(found: list[torch.optim.Optimizer], rate: float) -> None:
    """The learning rate of the matrices, and with it AdamW's share of it."""
    for optimizer in found:
        for group in optimizer.param_groups:
            group["lr"] = rate if isinstance(optimizer, torch.optim.Muon) else SHARE * rate
