"""How much a recorded run does: `quick` in minutes and without a claim, `full` for the README's numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .. import control, training

LOG_FULL, LOG_QUICK = (replace(p, steady=0.3, stir=1.0, find_steps=n) for p, n in ((training.FULL, 1000), (training.QUICK, 350)))


@dataclass(frozen=True)
class Scale:
    """How much a run does: training, the share of the evaluation's clips, untrained networks, episodes of each policy."""

    name: str
    fit: training.FitConfig | None  # in place of each experiment's own, and
    clips: int | None  # so many clips to train on
    log_fit: training.FitConfig  # for a log of actions, which has a tenth of the frames
    act: control.ActorCriticConfig
    dreams: int  # at a time, to learn to act in
    few: int  # seeds that do more: a policy with the price on doubt the other way, planners but CEM; in lander g hidden, and told
    share: float
    untrained: int
    episodes: int
    budget: float  # of the seconds that a sweep's families train
    generations: int  # of the evolved controller; a clone and an ensemble take ten times as many steps
    ppo_frames: int  # that PPO sees of the true world; a tenth is what a log has


SCALES = {
    "quick": Scale("quick", training.QUICK, 2000, LOG_QUICK, control.QUICK, 256, 0, 0.2, 2, 100, 0.25, 20, 2000),
    "full": Scale("full", None, None, LOG_FULL, control.FULL, 512, 2, 1.0, 20, 400, 1.0, 60, 200_000),
}
