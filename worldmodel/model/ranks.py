"""Many processes, one batch: each works on its share of the clips, and what is said of the batch is said of the whole.

A loss that is made of `whole` values is the same on every rank, and is the one that a single process would have had.
"""

from __future__ import annotations

import atexit
import os

import torch
import torch.distributed as dist


def join_ranks(device: str) -> str:
    """Where `torchrun` started this process among others, meet them; returns the device that is this one's."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        atexit.register(_leave_ranks)
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and rank_and_ranks()[1] > 1 else device


def _leave_ranks() -> None:
    """At the end of the process, unless the caller did: the group's threads may abort a process that ends while they run."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank_and_ranks() -> tuple[int, int]:
    """This process's number and how many there are: (0, 1) alone."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def whole(values: torch.Tensor) -> torch.Tensor:
    """Rows (B, ...) of every rank, one below the other, (ranks * B, ...), with their gradients; alone, ``values`` themselves.

    Backward adds up what all ranks ask of a row: each gradient is ``ranks`` times too large until `average_gradients`.
    """
    if rank_and_ranks()[1] == 1:
        return values
    return _Gather.apply(values)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(rank_and_ranks()[1])]
        dist.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient):
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        rank, ranks = rank_and_ranks()
        return total.chunk(ranks)[rank]


def average_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Give every rank the mean of all ranks' gradients, in one exchange; alone, nothing."""
    ranks = rank_and_ranks()[1]
    if ranks == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, mean in zip(gradients, (flat / ranks).split([gradient.numel() for gradient in gradients])):
        gradient.copy_(mean.view_as(gradient))
