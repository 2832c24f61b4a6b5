"""The optimiser: Muon for matrices, AdamW for all else. A third of the steps that AdamW alone needs to foretell as well.

Muon (Jordan et al. 2024) makes each update of a matrix orthogonal, so that rare directions learn as fast as common ones.
That is good where examples abound, and bad where a few hundred could be learned by heart: such heads learn by AdamW, slowly.
"""

from __future__ import annotations

import torch

SHARE = 0.25  # AdamW's learning rate, as a share of Muon's
HEAD_SHARE = 0.04  # that of the heads that learn from few examples
HEAD_DECAY = 1e-2  # their weight decay
COMMITTEE_SHARE, COMMITTEE_DECAY = 0.16, 0.3  # of those that learn from a few hundred
LEAST = 8  # rows or columns; what is smaller is no matrix to Muon


def optimizers(parameters, rate: float, weight_decay: float, heads=(), committee=()) -> list[torch.optim.Optimizer]:
    """One for the matrices among the parameters and one for the rest; `set_rate` sets the pace of both.

    Args:
        heads: parameters that have few examples to learn from; ``committee``: that have fewer yet.
    """
    matrices, others = [], []
    for parameter in parameters:
        (matrices if parameter.ndim == 2 and min(parameter.shape) >= LEAST else others).append(parameter)
    groups = [{"params": others, "share": SHARE}, {"params": list(heads), "share": HEAD_SHARE, "weight_decay": HEAD_DECAY}]
    groups.append({"params": list(committee), "share": COMMITTEE_SHARE, "weight_decay": COMMITTEE_DECAY})
    found = [torch.optim.AdamW([group for group in groups if group["params"]], rate, weight_decay=weight_decay)]
    if matrices:
        groups = [{"params": matrices, "share": 1.0}]
        found.append(torch.optim.Muon(groups, rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))
    set_rate(found, rate)
    return found


def set_rate(found: list[torch.optim.Optimizer], rate: float) -> None:
    """The learning rate of the matrices, and with it the others' shares of it."""
    for optimizer in found:
        for group in optimizer.param_groups:
            group["lr"] = group["share"] * rate
