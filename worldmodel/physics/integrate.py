"""One integrator for the laws without a closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def runge_kutta(rate: Callable, y: np.ndarray, frames: int, dt: float, steps: int) -> np.ndarray:
    """Classical fourth-order Runge-Kutta, ``steps`` equal steps in each frame of ``dt`` seconds.

    Args:
        rate: dy/dt as a function of y alone; both are (D, N), one row for each quantity.
        y: the start, which is the first frame.

    Returns:
        (D, N, frames).
    """
    path = np.empty((*y.shape, frames))
    path[..., 0] = y
    h = dt / steps
    for frame in range(1, frames):
        for _ in range(steps):
            k1 = rate(y)
            k2 = rate(y + h / 2 * k1)
            k3 = rate(y + h / 2 * k2)
            k4 = rate(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path[..., frame] = y
    return path
