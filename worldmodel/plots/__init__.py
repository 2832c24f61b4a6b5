"""Plots: arrays in, figure out. One visual language, one message a figure; knows no model, no dataset and no pyplot."""

from .control import open_loop, returns_over_frames, returns_over_training, training_curve, trajectories
from .probing import bars, legibility, read_against_true
from .scaling import scaling
from .strips import film_strip, points_on_frames
from .style import Picture, style
from .surprise import psychometric, surprise_over_time

__all__ = [
    "Picture", "bars", "film_strip", "legibility", "open_loop", "points_on_frames", "psychometric", "read_against_true",
    "returns_over_frames", "returns_over_training", "scaling", "style", "surprise_over_time", "training_curve", "trajectories",
]  # fmt: skip
