"""Where the speeds are measured: on the first GPU where there is one, else on the CPU; rows of a GPU have names of their own."""

import torch

from worldmodel.settings import choose_device

DEVICE = choose_device()
GPU = DEVICE != "cpu"
NAME = torch.cuda.get_device_name() if GPU else "cpu"


def done() -> None:
    """Wait for what a GPU was given to do: a clock read before that would stop too soon."""
    if GPU:
        torch.cuda.synchronize()
