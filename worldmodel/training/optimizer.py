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
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of the odd quintic that brings singular values near 1 in five steps


class Muon(torch.optim.Optimizer):
    """As `torch.optim.Muon` with ``match_rms_adamw``, but in float32.

    That one multiplies in bfloat16, which a processor without it must imitate, and took nearly half of a step there.
    """

    def __init__(self, groups, rate: float, weight_decay: float, momentum: float = 0.95):
        super().__init__(groups, {"lr": rate, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for matrix in (parameter for parameter in group["params"] if parameter.grad is not None):
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                momentum = state["momentum_buffer"].lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonal(matrix.grad.lerp(momentum, group["momentum"]))  # as Nesterov looks ahead
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-0.2 * group["lr"] * max(matrix.shape) ** 0.5)  # as large as AdamW's usually are


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """A matrix with the same singular directions, whose singular values all lie near 1."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    first, third, fifth = NEWTON_SCHULZ
    for _ in range(5):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=third, alpha=fifth), wide, beta=first)
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def optimizers(parameters, rate: float, weight_decay: float, heads=(), committee=()) -> list[torch.optim.Optimizer]:
    """One for the matrices among the parameters and one for the rest; `set_rate` sets the pace of both.

    Args:
        heads: parameters that have few examples to learn from; ``committee``: that have a few hundred.
    """
    matrices, others = [], []
    for parameter in parameters:
        (matrices if parameter.ndim == 2 and min(parameter.shape) >= LEAST else others).append(parameter)
    groups = [{"params": others, "share": SHARE}, {"params": list(heads), "share": HEAD_SHARE, "weight_decay": HEAD_DECAY}]
    groups.append({"params": list(committee), "share": COMMITTEE_SHARE, "weight_decay": COMMITTEE_DECAY})
    found = [torch.optim.AdamW([group for group in groups if group["params"]], rate, weight_decay=weight_decay)]
    if matrices:
        found.append(Muon([{"params": matrices, "share": 1.0}], rate, weight_decay))
    set_rate(found, rate)
    return found


def set_rate(found: list[torch.optim.Optimizer], rate: float) -> None:
    """The learning rate of the matrices, and with it the others' shares of it."""
    for optimizer in found:
        for group in optimizer.param_groups:
            group["lr"] = group["share"] * rate
