"""Actions nobody labelled: inferred from a log's frames, dreamt in, bound to real ones by a few labels, acted on in truth."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from .. import control, evaluation, training
from ..probing import Report
from ..settings import choose_device, generator
from .keeping import keep
from .reports import counted
from .scales import Scale
from .tasks import TASKS, Pupil, run_task

LABELS = (10, 30, 100)  # steps of the log whose real action is told
STEPS = 0.5  # of the steps that the model given all actions was trained, for the dynamics in latent actions


def run_latent_actions(task: str, seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """`latent_actions_seed`, kept in a file."""
    return keep(out / f"{task}-{seed}-latent-actions.npz", partial(latent_actions_seed, task, seed, scale, root, out, progress))


def latent_actions_seed(task: str, seed: int, scale: Scale, root, out: Path, progress: bool = True) -> dict[str, np.ndarray]:
    """Infer, dream, bind and act, beside the model and policy of `task_seed`, which are given all actions and made if need be.

    The encoder is that model's: it was found on frames alone. Everything else learns from frames, rewards and ends; of the
    log's actions only those of the labelled steps are used, and these for the binding alone.
    """
    run_task(task, seed, scale, root, out, progress)
    started, place = time.perf_counter(), out / f"{task}-{seed}"
    videos, eyes = TASKS[task].log(root, progress), training.load(place, choose_device())
    log = training.encode_all(eyes, videos)
    found = training.infer_actions(log["points"], log["valid"], training.LatentActionConfig(videos.action_size, seed), progress)
    fit = replace(scale.log_fit, seed=seed, **TASKS[task].fit)
    fit = replace(fit, find_steps=0, predict_steps=round(STEPS * fit.predict_steps))
    relabelled = videos.with_actions(found.values)
    model = training.fit(relabelled, fit, eyes.config, out / f"{task}-{seed}-latent", progress=progress, eyes=eyes)
    log["actions"] = torch.from_numpy(found.values).to(model.device)
    pupil = Pupil(TASKS[task], seed, scale, model.requires_grad_(False), relabelled, log)
    policy = pupil.learn(pupil.practice(), progress=progress)
    control.save_policy(policy, out / f"{task}-{seed}-latent-policy")

    given, episodes = control.load_policy(f"{place}-policy"), max(2, scale.episodes // 2)
    arrays, bindings = evaluation.read_latent_actions(found, videos, seed), bindings_of(found, videos.actions, seed, episodes)
    arrays |= {"shares": found.shares, **{f"binding.{name}": binding.weights for name, binding in bindings.items()}}
    for band in ("train", "beyond"):
        outcomes = control.compare(eyes, {"given": given}, band, episodes, seed, task)
        for name, binding in bindings.items():
            env = control.Observed(control.Bound(control.PhysicsEnv(task, episodes, band), binding), model)
            outcomes[name] = control.run_episodes(env, policy.act, seed)
        for name, outcome in outcomes.items():
            arrays |= {f"{band}.{name}.return": outcome.returns, f"{band}.{name}.success": outcome.success}
    return arrays | {"seconds": np.array(time.perf_counter() - started)}


def bindings_of(found, actions: np.ndarray, seed: int, episodes: int) -> dict[str, control.Binding]:
    """Bindings to `LABELS` steps of a log of actions (N, T, A), drawn at random, the few among the many; and to shuffled ones.

    Labels are shuffled anew for each of the ``episodes``: in one dimension every other shuffle gets the sign right by chance.
    """
    rng = generator(seed, 17)
    drawn = rng.permutation(np.argwhere(found.told))[: max(LABELS)]
    latent, real = found.values[tuple(drawn.T)], actions[tuple(drawn.T)]
    bindings = {f"n{count}": control.bind(latent[:count], real[:count]) for count in LABELS}
    mixed = [control.bind(latent, rng.permutation(real)) for _ in range(episodes)]
    shuffled = control.Binding(np.stack([one.weights for one in mixed]), np.stack([one.offset for one in mixed]))
    return bindings | {"shuffled": shuffled}


def latent_actions_reports(task: str, seeds: list[dict], preset: str = "full") -> list[Report]:
    """What the codes do to the body, what they tell of the real actions, what control by them earns: ``TASK.latent_actions.*``.

    Episodes whose start is already solved do not count, as in `control_reports`.
    """
    row = evaluation.rows_of(f"{task}.latent_actions", seeds, preset, same_clips=False, model=TASKS[task].eyes)
    reports = []
    for name, key in (("r2", "read"), *((f"r2.{how}", f"read.{how}") for how in ("shuffled", "acceleration", "surprise"))):
        reports.append(row(name, [tuple(seed[part] for part in ("told", "real", key)) for seed in seeds], evaluation.actions_r2))
    for k in range(seeds[0]["code"].shape[-1]):
        moves = [steps_of(seed, k) for seed in seeds]
        reports.append(row(f"one_way.{k}", moves, evaluation.one_way))
        for code in range(evaluation.CODES):
            push = partial(evaluation.push, which=code)
            reports.append(row(f"push.{k}.code{code}", moves, push, unit="px/frame^2"))
    for band, label in (("train", "in"), ("beyond", "beyond")):
        for name in ("given", *(f"n{count}" for count in LABELS), "shuffled"):
            triples = [tuple(counted(seed, band, one, "return") for one in (name, "random", "oracle")) for seed in seeds]
            reports.append(row(f"return_ratio.{label}.{name}", triples, control.return_ratio))
            won = [(counted(seed, band, name, "success"),) for seed in seeds]
            reports.append(row(f"success.{label}.{name}", won, np.mean))
    return reports


def steps_of(seed: dict, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, T) of the k-th latent number, -1 where nothing was told, and the change of speed (N, T) along its axis.

    Which axis of the world it moves the body along, and which way, no video can name; here the truth does.
    """
    code, told = seed["code"][..., k], seed["told"]
    linked = [abs(np.corrcoef(code[told], seed["change"][..., axis][told])[0, 1]) for axis in range(seed["change"].shape[-1])]
    change = seed["change"][..., int(np.argmax(linked))]
    sign = np.sign(np.corrcoef(code[told], change[told])[0, 1])
    return np.where(told, code if sign > 0 else evaluation.CODES - 1 - code, -1), change
