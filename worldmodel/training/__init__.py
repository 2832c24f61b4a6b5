"""Floor 3: fit a model to videos; save and load it."""

from .checkpoint import load, load_module, save, save_tensors
from .latent_actions import LatentActionConfig, LatentActions, infer_actions
from .loop import FULL, PRESETS, QUICK, FitConfig, encode_all, fit

__all__ = [
    "FULL", "PRESETS", "QUICK", "FitConfig", "LatentActionConfig", "LatentActions", "encode_all", "fit", "infer_actions", "load",
    "load_module", "save", "save_tensors",
]  # fmt: skip
