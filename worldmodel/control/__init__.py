"""Floor 4: act. The true world and the dream as environments, and a policy that learns in the dream alone."""

from .actor_critic import FULL, QUICK, ActorCriticConfig, Policy, learn_to_act, load_policy, save_policy
from .binding import Binding, Bound, bind
from .cloning import clone
from .compare import compare, return_ratio, side_by_side, true_env, unsolved
from .dream_env import UNSURE, WIDEN, DreamEnv, approach, foresee
from .ensemble import Ensemble, fit_ensemble
from .episodes import Outcome, run_episodes
from .evolution import LinearPolicy, evolve
from .physics_env import PhysicsEnv
from .pixel_env import PixelEnv, Wander, record_log
from .planners import PlanConfig, Planner
from .ppo import learn_ppo
from .views import Observed, SingleView, Told

__all__ = [
    "FULL", "QUICK", "UNSURE", "WIDEN", "ActorCriticConfig", "Binding", "Bound", "DreamEnv", "Ensemble", "LinearPolicy",
    "Observed", "Outcome", "PhysicsEnv", "PixelEnv", "PlanConfig", "Planner", "Policy", "SingleView", "Told", "Wander",
    "approach", "bind", "clone", "compare", "evolve", "fit_ensemble", "foresee", "learn_ppo", "learn_to_act", "load_policy",
    "record_log", "return_ratio", "run_episodes", "save_policy", "side_by_side", "true_env", "unsolved",
]  # fmt: skip
