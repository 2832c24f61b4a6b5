"""Floor 3: fit a model to videos; save and load it."""

from .checkpoint import load, load_module, save, save_tensors
from .loop import FULL, PRESETS, QUICK, FitConfig, encode_all, fit

__all__ = ["FULL", "PRESETS", "QUICK", "FitConfig", "encode_all", "fit", "load", "load_module", "save", "save_tensors"]
