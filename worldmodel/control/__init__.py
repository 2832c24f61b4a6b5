"""Floor 4: act. The true world and the dream as environments, and a policy that learns in the dream alone."""

from .actor_critic import FULL, PRESETS, QUICK, ActorCriticConfig, Policy, learn_to_act, load_policy, save_policy
from .binding import Binding, Bound, bind
from .cloning import clone
from .compare import compare, return_ratio, unsolved
from .dream_env import WIDEN, DreamEnv, foresee
from .episodes import Outcome, run_episodes
from .evolution import LinearPolicy, evolve
from .physics_env import PhysicsEnv
from .pixel_env import PixelEnv, Wander, record_log
from .planners import PlanConfig, Planner
from .views import Observed, SingleView

__all__ = [
    "FULL", "PRESETS", "QUICK", "WIDEN", "ActorCriticConfig", "Binding", "Bound", "DreamEnv", "LinearPolicy", "Observed",
    "Outcome", "PhysicsEnv", "PixelEnv", "PlanConfig", "Planner", "Policy", "SingleView", "Wander", "bind", "clone", "compare",
    "evolve", "foresee", "learn_to_act", "load_policy", "record_log", "return_ratio", "run_episodes", "save_policy",
    "unsolved",
]  # fmt: skip
