"""Probing: arrays in, numbers out. What can be read from features, against which control, limit and interval.

Knows no model and no torch, so the features of anybody's model can be measured with it.
"""

from .bounds import disc_sigma, gravity_sd, oracle_gravity, quantisation_noise, track
from .controls import first_frame_cells, pca_features, permuted, shuffle_time
from .detection import auroc, gravity_change, linear_forecast, roughness, stretches, typical_error
from .dimension import inverse_dimension
from .probes import RidgeProbe, median_relative_error, r2, ridge
from .statistics import Report, bootstrap, meets

__all__ = [
    "Report", "RidgeProbe", "auroc", "bootstrap", "disc_sigma", "first_frame_cells", "gravity_change", "gravity_sd",
    "inverse_dimension", "linear_forecast", "median_relative_error", "meets", "oracle_gravity", "pca_features", "permuted",
    "quantisation_noise", "r2", "ridge", "roughness", "shuffle_time", "stretches", "track", "typical_error",
]  # fmt: skip
