"""Floor 2: encoder, evidence, dynamics, decoder, and the world model that joins them."""

from .belief import Belief
from .world_model import LatentState, WorldModel, WorldModelConfig, at_rest

__all__ = ["Belief", "LatentState", "WorldModel", "WorldModelConfig", "at_rest"]
