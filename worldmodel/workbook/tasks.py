"""The worlds to act in, and a recorded seed of each: learn it from a log, act in its dream, and measure what holds in truth."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

from .. import control, evaluation, training
from ..model import WorldModel, WorldModelConfig
from ..physics import WORLDS
from ..settings import generator
from ..videos import Film, Videos, film
from .keeping import keep
from .scales import Scale

GOAL = WorldModelConfig(anchors=8, centred=True)  # where something small stays and matters: it must stand out to be found
BLUR = 2.0  # of dreams to learn in: who learned to act with worse eyes than it will have acts better
STANDARD = (9.81, 5.0)  # m/s^2: a policy that is told g gets it less the first, in units of the second

SMALL = {"width": 128, "height": 128}  # px of MuJoCo's own pictures: 480 take six times as long to draw
# CartPole-v1 without its sky and the ends of its track, which are half of the picture; it is drawn on white.
NEAR = {"view": (0.4, 0.72, 1 / 6, 5 / 6), "negative": True}
# Seen from above, from as near as shows all of Reacher-v5 (MuJoCo's names); by itself it is seen aslant, and small.
ABOVE = {"trackbodyid": -1, "type": 0, "distance": 0.62, "elevation": -90.0, "azimuth": 90.0}
APART = {"apart": True}  # only where what matters is not found at once: to look elsewhere costs sharpness
ALL_MOVES = {"steady": 0.0}  # no weight on what stays within a clip; Reacher's target does, but with it the arm is a blur
# Where bodies are pushed to and fro no path is straight. What stays the same in all clips needs no anchor; and a point that is
# to tell a lean of a hundredth of a radian must be tied to a place on the pole. A few hundred falls are soon known by heart.
LEANING = ALL_MOVES | {"landmarks": 0.03, "straighten": 0.0, "noise": 0.1, "predict_decay": 0.1}
PALE = {"level": 0.9}  # a pole that is thin besides
# Where all falls a law learns from rollouts that last as long as an error takes to grow about five times: from shorter ones it
# cannot, and by longer ones it learns that poles stand. InvertedPendulum has half as many frames a second as CartPole.
LONG = {"horizon": 20}
# Near a floor the rollouts that still go on are those that were higher than foretold, the more so the longer they are: from long
# ones a law learns that floors are soft.
FLOORED = {"horizon": 5}
BARE = {"anchors": 0, "vector": 1, "constants": 0, "centred": False}  # where nothing differs from clip to clip
# Where every step pays the same, in a dream also that has left the log's range, and a return is the sum of hundreds.
HELD = {"awake": True, "priced": True, "price": 0.3, "act": {"normalised": True}}
# Where a pole is soon held, dreams that go on show it at rest, and the policy forgets what to do where it is not.
SHORT = {"spell": 100}
CONTACT = {"straighten_from": 0.5, "predict_decay": 0.3}  # what jerks must be seen sharply first, and bounces are few
BALANCE = {"change": 0.3, "feedback": 10.0}  # where pushes that are held for long soon end an episode


@dataclass(frozen=True)
class Task:
    """A true world, by our own name or Gymnasium's, and its log: at most 20,000 frames before the episodes' ends."""

    world: str
    clips: int
    frames: int
    options: dict = field(default_factory=dict)  # of `control.PixelEnv`
    wander: dict = field(default_factory=dict)  # of `control.Wander`, which makes the log
    fit: dict = field(default_factory=dict)  # settings of `training.FitConfig` that differ from those of all logs
    sizes: dict = field(default_factory=dict)  # of the model, that differ from `GOAL`
    spell: int | None = None  # frames after which a dream to learn in is cut off; None: as many as an episode may have
    awake: bool = False  # whether speeds are shown in them as eyes would make them out
    priced: bool = False  # whether these pay less where they are in doubt; the control is the other way
    price: float = 0.1  # how much, where they do
    act: dict = field(default_factory=dict)  # settings of `control.ActorCriticConfig` that differ from those of all tasks

    @property
    def name(self) -> str:
        """As rows and files have it: ``pendulum_v1`` is Pendulum-v1."""
        return "".join("_" + c.lower() if c.isupper() else c for c in self.world).strip("_").replace("-", "_")

    @property
    def eyes(self) -> str:
        """What rows call its model."""
        sizes, fit = self.model, self.fit
        told = {f"anchors {sizes.anchors}": sizes.anchors, "centred": sizes.centred, "apart": fit.get("apart"),
                "landmarks": fit.get("landmarks"), "paid": sizes.paid, "no belief": not sizes.constants}  # fmt: skip
        return ", ".join(name for name, there in told.items() if there)

    @property
    def model(self) -> WorldModelConfig:
        """Its sizes; shape of frames and actions come from the log."""
        return replace(GOAL, **self.sizes)

    @property
    def bands(self) -> tuple[str, ...]:
        return ("train", "beyond") if self.world in WORLDS else ("train",)

    @property
    def practice(self) -> dict:
        """Of dreams to learn in: blurred, widened and unsure where gravity differs from clip to clip, and as long as is best."""
        strange = {"widen": control.WIDEN, "unsure": control.UNSURE} if self.world in WORLDS else {}
        return {"blur": BLUR, "penalty": self.price} | strange | ({"limit": self.spell} if self.spell else {})

    def env(self, num_envs: int, band: str = "train"):
        """The true world."""
        return control.true_env(self.world, num_envs, band, **self.options)

    def log(self, root, progress: bool = False) -> Videos:
        """The log, recorded once: by a scripted pilot, or by random actions that are held for a while."""
        if self.world in WORLDS:
            return film(Film(self.world, clips=self.clips, frames=self.frames), root, progress=progress)
        path = Path(root) / "videos" / f"{self.name}-{self.clips}x{self.frames}"
        env = self.env(20)
        act = control.Wander(env, **self.wander)
        return control.record_log(env, act, self.clips, self.frames, path, **self.wander, **self.options)


TASKS = {
    task.name: task
    for task in (
        Task("lander", 600, 48, fit=FLOORED, priced=True),
        Task("catcher", 416, 48, fit=APART | CONTACT, priced=True),
        Task("Pendulum-v1", 200, 100, fit=ALL_MOVES, priced=True, act={"discount": 0.98}),
        Task("CartPole-v1", 520, 100, NEAR, BALANCE, LEANING | PALE | LONG, BARE, **HELD),
        Task("InvertedPendulum-v5", 780, 60, {"share": 0.1} | SMALL, BALANCE, LEANING, BARE, **SHORT, **HELD),
        Task("Reacher-v5", 400, 50, {"default_camera_config": ABOVE}, {}, APART | ALL_MOVES, {"paid": True}),
    )
}


class Pupil:
    """One seed's world model and log, and how it learns to act and is examined."""

    def __init__(self, task: Task, seed: int, scale: Scale, model: WorldModel, videos: Videos, log: dict | None = None):
        """``log`` is what `encode_all` made of the videos, where that is at hand."""
        self.task, self.seed, self.scale, self.model, self.videos = task, seed, scale, model, videos
        self.log = log or training.encode_all(model, videos)
        ours = task.world in WORLDS
        self.limit = WORLDS[task.world].law.limit if ours else gym.spec(task.world).max_episode_steps
        self.episodes = scale.episodes if ours else scale.episodes // 20
        self.few = max(2, self.episodes // 25)  # of these, where a planner acts

    def dreams(self, count: int = 256, **options) -> control.DreamEnv:
        return control.DreamEnv(self.model, self.log, count, **{"limit": self.limit, "awake": self.task.awake} | options)

    def practice(self, **options) -> control.DreamEnv:
        """Dreams to learn in."""
        return self.dreams(self.scale.dreams, **self.task.practice, **options)

    def ensemble(self, progress: bool = True) -> control.Ensemble:
        """Heads whose doubt a dream may price in."""
        return control.fit_ensemble(self.model, self.log, steps=10 * self.scale.generations, seed=self.seed, progress=progress)

    def learn(self, env, watch=None, progress: bool = False) -> control.Policy:
        config = replace(self.scale.act, seed=self.seed, **self.task.act)
        return control.learn_to_act(env, config, progress, watch)[0]

    def act_truly(self, act, band="train", see=lambda env: env, episodes=None, seed=None, keep=False) -> control.Outcome:
        """Play true episodes, seen through the model and then through ``see``."""
        env = control.Observed(self.task.env(episodes or self.episodes, band), self.model)
        return control.run_episodes(see(env), act, self.seed if seed is None else seed, keep)

    def practise(self, ensemble=None) -> tuple[dict[str, control.Policy], dict[str, np.ndarray]]:
        """The policy of the dream, and the one that true return would have chosen; both returns over training.

        An ``ensemble`` is one whose doubt the dream prices in.
        The true episodes of the curve are others than those of the examination, and choose nothing but ``selected_by_truth``.
        """
        curve, chosen = [], []

        def watch(update, policy):
            true = self.act_truly(policy.act, episodes=max(5, self.episodes // 8), seed=self.seed + 1000).returns.mean()
            begun = control.run_episodes(self.dreams(self.episodes, starts=(2, 3)), policy.act, self.seed).returns.mean()
            curve.append((update, begun, true))
            if true >= max(earned for *_, earned in curve):
                chosen[:] = [copy.deepcopy(policy)]

        policy = self.learn(self.practice(ensemble=ensemble), watch)
        names = ("update", "dream", "true")
        return {"dream": policy, "selected_by_truth": chosen[0]}, {f"curve.{n}": np.array(c) for n, c in zip(names, zip(*curve))}

    def gap(self, policy) -> dict[str, np.ndarray]:
        """Dreams beside true episodes from the same start, and what a detector makes of them."""
        env = self.task.env(self.episodes)
        beside = control.side_by_side(self.model, self.dreams(self.episodes), policy.act, env, self.seed)
        points = slice(0, 2 * self.model.config.points)
        true, dream = ((beside[f"{place}.features"][..., points], beside[f"{place}.valid"]) for place in ("true", "dream"))
        told = evaluation.tell_dreams(*true, *dream, self.seed)
        one, other = [[part[start::2] for part in true] for start in (0, 1)]
        none = evaluation.tell_dreams(*one, *other, self.seed)  # true paths on both sides: there is nothing to tell
        found = {f"gap.{place}": beside[f"{place}.return"] for place in ("true", "dream")}
        found |= {f"detector.{key}": value for key, value in told.items()}
        return found | {f"detector.none.{key}": none[f"windows.{key}"] for key in ("true", "dream")}

    def hide_and_tell(self, policy) -> dict[str, np.ndarray]:
        """Policies from which what is believed of constants is hidden, and that are told g instead; no doubt is priced in.

        And of the dream's policy ``BAND.g_error`` (N,) in m/s^2, of the probe in the last moment of each episode.
        """
        direction, (middle, unit), found = evaluation.log_direction(self.model, self.videos), STANDARD, {}
        dreams = self.practice()

        def dreamt_g():
            belief = dreams.state.belief.mean[:, -1].numpy(force=True)
            return torch.as_tensor((direction.read(belief) - middle) / unit, dtype=torch.float32)

        def told(env):
            return control.Told(env, lambda: (env.env.constants["g"] - middle) / unit)

        for band in self.task.bands:
            played, env = self.act_truly(policy.act, band, keep=True), self.task.env(self.episodes, band)
            env.reset(seed=self.seed)  # the same episodes once more, for their g
            last = played.valid.sum(1) - 1
            read = direction.read(played.seen[np.arange(len(last)), last, self.model.believed])
            found[f"{band}.g_error"] = np.abs(read - env.constants["g"])
        for name, see, dream in (("hidden", control.Told, control.Told(dreams)), ("told", told, control.Told(dreams, dreamt_g))):
            pupil = self.learn(dream)
            for band in self.task.bands:
                one = self.act_truly(pupil.act, band, see)
                found |= {f"{band}.{name}.return": one.returns, f"{band}.{name}.success": one.success}
        return found

    def plan(self) -> dict[str, np.ndarray]:
        """Planners in the true world: what they earn (CEM; in a few seeds its kin as well), and how far in px the paths of the
        first are from all logged ones."""
        episodes, model = self.few, self.model
        view = control.Observed(self.task.env(episodes), model)

        def played(method):
            config = control.PlanConfig(method, seed=self.seed)
            planner = control.Planner(partial(control.foresee, model), model.config.actions, config)
            return control.run_episodes(view, lambda _: planner.act(view.state, episodes).numpy(), self.seed, keep=True)

        first, found = played("cem"), {}
        others = {f"planner_{method}": played(method) for method in ("icem", "mppi") if self.seed < self.scale.few}
        for name, outcome in ({"planner": first} | others).items():
            found |= {f"train.{name}.return": outcome.returns, f"train.{name}.success": outcome.success}
        log, valid = (self.log[name].numpy(force=True) for name in ("points", "valid"))
        some, px = generator(self.seed, 11).permutation(len(log))[:episodes], model.config.size / 2
        return found | {
            "novelty.planner": px * evaluation.novelty(first.seen[..., : log.shape[-1]], first.valid, log, valid),
            "novelty.log": px * evaluation.novelty(log[some], valid[some], log, valid, own=some),
        }  # fmt: skip

    def reach(self, steps: int = 30) -> dict[str, np.ndarray]:
        """Plan a flight to the place that a picture shows: the body's true distance from it in m, at first and over the last ten
        of ``steps``, beside random play and none. A flight that ended is as far away as the box is wide."""
        episodes = self.few
        env = self.task.env(episodes)
        view, rng, found = control.Observed(env, self.model), generator(self.seed, 13), {}
        config = control.PlanConfig(seed=self.seed)

        def planned(goal):
            planner = control.Planner(partial(control.approach, self.model, goal), self.model.config.actions, config)
            return lambda: planner.act(view.state, episodes).numpy()

        for name, acting in (
            ("planner", planned),
            ("random", lambda _: lambda: rng.uniform(-1, 1, env.action_space.shape)),
            ("no-op", lambda _: lambda: np.tile(env.world.law.idle, (episodes, 1))),
        ):
            view.reset(seed=self.seed)
            place = env.world.draw("train", episodes, generator(self.seed, 12))[1]["position"]
            goal = self.model.encode(env.picture(position=place)[:, None])[0][:, 0]
            act, far, going = acting(goal), [], np.ones(episodes, bool)
            for _ in range(steps):
                far.append(np.where(going, np.linalg.norm(env.state["position"] - place, axis=1), env.world.law.box))
                *_, ended, cut, _ = view.step(act())
                going &= ~(ended | cut)
            found |= {f"goal.{name}": np.mean(far[-10:], 0), "goal.start": far[0]}
        return found


def run_task(task: str, seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """`task_seed`, kept in a file."""
    return keep(out / f"{task}-{seed}.npz", partial(task_seed, task, seed, scale, root, out, progress))


def task_seed(task: str, seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """Learn a world from its log, learn to act in the dream, then act in the true world on each band of g."""
    of = TASKS[task]
    videos = of.log(root, progress)
    started = time.perf_counter()
    place = out / f"{task}-{seed}"
    fit = replace(scale.log_fit, seed=seed, **of.fit)
    model = training.fit(videos, fit, of.model, place, progress=progress).requires_grad_(False)
    found = {"fit_seconds": np.array(time.perf_counter() - started)}
    pupil = Pupil(of, seed, scale, model, videos)
    both = seed < scale.few  # with a price on doubt and without one
    ensemble = None
    if of.priced or both:
        ensemble = pupil.ensemble(progress)
    policies, curve = pupil.practise(ensemble if of.priced else None)
    control.save_policy(policies["dream"], f"{place}-policy")
    other = "unpenalised" if of.priced else "penalised"
    if both:
        policies[other] = pupil.learn(pupil.practice(ensemble=None if of.priced else ensemble))
    policies["evolved"] = control.evolve(pupil.dreams(), scale.generations, seed=seed, progress=progress)[0]
    policies["clone"] = control.clone(model, pupil.log, 10 * scale.generations, seed=seed, progress=progress)
    for band in of.bands:
        for name, outcome in control.compare(model, policies, band, pupil.episodes, seed, of.world, **of.options).items():
            found |= {f"{band}.{name}.return": outcome.returns, f"{band}.{name}.success": outcome.success}
    found |= curve | pupil.gap(policies["dream"])
    if both:
        found |= {f"{other}.{key}": value for key, value in pupil.gap(policies[other]).items() if key.startswith("gap")}
    if of.world in WORLDS:
        found |= pupil.plan()
    if task == "lander":
        found |= pupil.reach() | (pupil.hide_and_tell(policies["dream"]) if seed < scale.few else {})
    if task == "catcher":
        found |= {f"contact.{key}": values for key, values in evaluation.read_contacts(model, videos, seed).items()}
    return found | {"seconds": np.array(time.perf_counter() - started)}
