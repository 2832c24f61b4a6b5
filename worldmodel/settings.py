"""Floor 0: seeds, device, threads, paths and the error types that every other room uses."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from dataclasses import fields
from pathlib import Path

import numpy as np

# Spinning OpenMP threads starve any other process on the machine; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# glibc hands the memory of large tensors back at every step and asks for it again, a page at a time: a fifth of a step's time.
with contextlib.suppress(OSError, AttributeError):
    _mallopt = ctypes.CDLL("libc.so.6").mallopt
    _mallopt(-3, 1 << 30), _mallopt(-1, (1 << 31) - 1)  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD

DATA = Path(os.environ.get("WORLDMODEL_DATA", "data"))


class WorldModelError(Exception):
    """Base of every error that the package raises on purpose; the command line prints it in one line."""


class ConfigError(WorldModelError, ValueError):
    """A setting is out of its range; the message names the setting."""


class DataError(WorldModelError):
    """A recorded dataset is missing, damaged or of another version; the message names the file."""


class VideoFileError(WorldModelError):
    """A video file cannot be used. ``path`` is the file, ``reason`` says why."""

    def __init__(self, path, reason: str):
        self.path, self.reason = Path(path), reason
        super().__init__(f"{path}: {reason}")


class CheckpointError(WorldModelError):
    """A saved model is damaged, incomplete or of another version; the message names the file."""


class TrainingDiverged(WorldModelError):
    """The loss was not finite. The last good checkpoint is untouched; the message names the step."""


def check_config(config, **ranges: tuple[float, float]) -> None:
    """Refuse a NaN in any float field of a dataclass, and any named field outside its closed range.

    Raises:
        ConfigError: naming the class and the field.
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{type(config).__name__}.{field.name} is {value}; it must be finite")
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise ConfigError(f"{type(config).__name__}.{name} is {value}; it must lie in [{low}, {high}]")


def generator(seed: int, *stream: int) -> np.random.Generator:
    """A NumPy generator for ``seed`` and a named ``stream`` of integers; different streams are independent."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(stream)))


def choose_device(name: str = "auto") -> str:
    """``auto`` is what the environment variable ``WORLDMODEL_DEVICE`` names, or the first CUDA device, or else the CPU.

    Raises:
        ConfigError: for a CUDA device that this machine lacks.
    """
    import torch

    if name == "auto":
        name = os.environ.get("WORLDMODEL_DEVICE", "auto")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {name} was asked for, but torch sees no CUDA device here")
    return name


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
