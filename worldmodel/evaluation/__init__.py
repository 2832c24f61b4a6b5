"""Floor 4: the gravity battery, put together: who reads what, against which control and which bound."""

from .causal import ASKED, counts, gravity_direction, log_direction, slope, steer
from .constants import CONSTANTS, constants_reports, read_world
from .contact import contact_auroc, read_contacts
from .detector import explained, gap_where_real, rank_correlation, tell_dreams, told_apart
from .dimension import PENDULUMS, dimension_reports, latent_dimension
from .efficiency import efficiency_reports, read_in_flight
from .extrapolation import DEGREE, extrapolate, extrapolation_reports, phyworld_sets
from .falling import fall_freely
from .flights import fly_on
from .latent_actions import CODES, actions_r2, one_way, push, read_latent_actions
from .laws import law_reports, recover_law
from .novelty import novelty
from .reading import (
    FRAMES_SEEN,
    all_features,
    cramer_rao,
    oracle,
    read_constants,
    read_controls,
    read_pixels,
    read_sorted_positions,
    read_untrained,
)  # fmt: skip
from .reports import ball_reports, fall_reports, missed, rows_of, summarise
from .rollout import imagine_frames, open_loop_error, pixel_error
from .sets import EvaluationSet, open_sets
from .surprise import learn_surprise, score_changes, surprise_reports, violate
from .transfer import carry_over, transfer_reports

__all__ = [
    "ASKED", "CODES", "CONSTANTS", "DEGREE", "FRAMES_SEEN", "PENDULUMS", "EvaluationSet", "actions_r2", "all_features",
    "ball_reports", "carry_over", "constants_reports", "contact_auroc", "counts", "cramer_rao", "dimension_reports",
    "efficiency_reports", "explained", "extrapolate", "extrapolation_reports", "fall_freely", "fall_reports", "fly_on",
    "gap_where_real", "gravity_direction", "imagine_frames", "latent_dimension", "law_reports", "learn_surprise",
    "log_direction", "missed", "novelty", "one_way", "open_loop_error", "open_sets", "oracle", "phyworld_sets", "pixel_error",
    "push", "rank_correlation", "read_constants", "read_contacts", "read_controls", "read_in_flight", "read_latent_actions",
    "read_pixels", "read_sorted_positions", "read_untrained", "read_world", "recover_law", "rows_of", "score_changes", "slope",
    "steer", "summarise", "surprise_reports", "tell_dreams", "told_apart", "transfer_reports", "violate",
]  # fmt: skip
