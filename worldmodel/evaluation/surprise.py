"""Test G: is the model surprised where the law changes in mid-flight, and only there?

Surprise is the distance between where a body was expected some frames ago and where it is seen, in units of how far off
that usually is where a path is as rough (at a contact the model may err) and as few frames were seen. What is usual is
learned from ordinary clips; no label, and no changed clip, takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ..model import WorldModel
from ..physics import FRAMES_PER_SECOND, bodies, draw_gravity, world
from ..probing import Report, auroc, gravity_change, linear_forecast, roughness, stretches, track, typical_error
from ..settings import generator
from .reports import rows_of
from .rollout import floor_of

CHANGES = (0.02, 0.05, 0.10, 0.15, 0.25, 0.35, 0.50)  # share by which g changes, down and up
FRAMES, DT = 40, 1 / FRAMES_PER_SECOND
BEFORE, AFTER = 5, 6  # frames of free flight up to the change, and from it on whatever the change
FIRST = 10  # frames before anything changes
JUMP = 0.5  # m, of a teleport, toward the middle of the box
DIM = 2 / 3  # brightness after a change of colour, as a share of the one before
HORIZON = 6  # frames ahead at which places expected and seen are compared


@dataclass(frozen=True)
class Motions:
    """Ordinary motions of `ball`, and the frame ``at`` (N,) after which something would change."""

    constants: dict
    states: dict
    at: np.ndarray
    seed: int  # of the camera: the clips of a pair share background and noise


def draw_motions(n: int, rng: np.random.Generator) -> Motions:
    """``n`` motions with g from the training band, each with a moment of flight at which something may change.

    Start and constants are drawn again until there is such a moment, g is not: its distribution stays that of the band.
    (Of first draws 99 % have one where g is below 5 m/s^2, 61 % above 15.) The frame is drawn from all that qualify.
    """
    law, g = world("ball").law, draw_gravity("train", n, rng)
    drawn = law.draw(g, rng)
    while True:
        states = law.simulate(*drawn, FRAMES, DT)
        allowed = changeable(law, drawn[0], states)
        rows = np.nonzero(~allowed.any(1))[0]
        if not len(rows):
            at = np.where(allowed, rng.random(allowed.shape), -1).argmax(1)
            return Motions(drawn[0], states, at, int(rng.integers(2**31)))
        for old, new in zip(drawn, law.draw(g[rows], rng)):
            for name in old:
                old[name][rows] = new[name]


def changeable(law, constants: dict, states: dict) -> np.ndarray:
    """Frames (N, T) with free flight before, and after under any g from half to one and a half times the ordinary one."""
    ahead = np.linspace(0, AFTER * DT, 4 * AFTER + 1)
    x, y = np.moveaxis(states["position"][..., None] + states["velocity"][..., None] * ahead, 2, 0)  # were there no g
    fall, low = constants["g"][:, None, None] * ahead**2 / 2, constants["radius"][:, None, None]
    high = law.box - low
    free = ((x > low) & (x < high) & (y - 1.5 * fall > low) & (y - 0.5 * fall < high)).all(-1)
    contacts = np.cumsum(np.pad(states["contacts"], ((0, 0), (BEFORE, 0))), 1)
    frame = np.arange(FRAMES)
    return free & (contacts[:, BEFORE:] == contacts[:, :-BEFORE]) & (frame >= FIRST) & (frame < FRAMES - AFTER)


def surprise_clips(motions: Motions, change: float | str = 0.0, scene: str = "clean") -> np.ndarray:
    """The motions on film: uint8 (N, T, H, W, C). ``change``: the share by which g changes, ``teleport`` or ``colour``."""
    ball, rows, constants = world("ball"), np.arange(len(motions.at)), motions.constants
    start = {name: motions.states[name][rows, motions.at] for name in ("position", "velocity")}
    if change == "teleport":
        start["position"][:, 0] += np.sign(ball.law.box / 2 - start["position"][:, 0]) * JUMP
    factor = 1 if isinstance(change, str) else 1 + change
    later = ball.law.simulate(constants | {"g": factor * constants["g"]}, start, FRAMES, DT)["position"]
    since = np.arange(FRAMES) - motions.at[:, None]
    changed = (since > 0)[..., None]
    position = np.where(changed, later[rows[:, None], np.maximum(since, 0)], motions.states["position"])
    camera = ball.camera(scene)
    seen = bodies(ball, constants, {"position": position}, camera.channels)
    frames = camera.film(seen, np.random.default_rng(motions.seed))
    if change == "colour":
        dim = [replace(body, colour=DIM * body.colour) for body in seen]
        frames = np.where(changed[..., None, None], camera.film(dim, np.random.default_rng(motions.seed)), frames)
    return frames


@torch.no_grad()
def expectation(model: WorldModel, frames: np.ndarray, batch: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """How far points lie from where they were expected `HORIZON` frames before, and how rough the way was.

    Returns:
        for the frames from `HORIZON` on, (N, T - HORIZON) each in px: rms distance, and roughness of the path as seen or as
        expected, whichever is greater.
    """
    far, rough = [], []
    for begin in range(0, len(frames), batch):
        state = model.observe(frames[begin : begin + batch])
        way = stretches(state.points.numpy(force=True) * model.config.size / 2, HORIZON)
        start = state[:, : way.shape[1]].apply(lambda value: value.flatten(0, 1).unsqueeze(1))
        ahead = model.imagine(start, HORIZON).points.unflatten(0, way.shape[:2]).numpy(force=True) * model.config.size / 2
        expected = np.concatenate([way[:, :, :-HORIZON], ahead], 2)
        far.append(np.sqrt(((expected[:, :, -1] - way[:, :, -1]) ** 2).mean(-1)))
        rough.append(np.maximum(roughness(way), roughness(expected)))
    return np.concatenate(far), np.concatenate(rough)


def learn_surprise(model, ordinary: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Frames -> surprise (B, T) after each, in units of what is usual in ``ordinary`` clips, uint8 (N, T, H, W, C).

    Of a model that is not ours, but has ``features(frames)``, it is the error of a linear forecast of them.
    """
    if isinstance(model, WorldModel):
        expect = partial(expectation, model)
    else:
        forecast = linear_forecast(model.features(ordinary), HORIZON)
        expect = lambda frames: forecast(model.features(frames))
    usual = typical_error(*expect(ordinary))

    def surprise(frames):
        far, rough = expect(frames)
        return np.pad(far / usual(rough), ((0, 0), (HORIZON, 0)))

    return surprise


def ideal_surprise(frames: np.ndarray, floor: float | None = None) -> np.ndarray:
    """An ideal observer's, once a clip (B, 1): it tracks the body, fits parabolas and compares g."""
    return gravity_change(track(frames, floor=floor) * world("ball").metres / frames.shape[2], DT)[:, None]


def score_changes(surprise: Callable, motions: Motions, scene: str = "clean", changes=CHANGES) -> dict[str, np.ndarray]:
    """The greatest surprise in a clip: ``ordinary``, ``teleport``, ``colour`` (N,), and by percent, down and up, (N, 2)."""

    def score(change):
        return surprise(surprise_clips(motions, change, scene)).max(1)

    scores = {"ordinary": score(0.0), "teleport": score("teleport"), "colour": score("colour")}
    return scores | {f"{100 * by:02.0f}": np.stack([score(-by), score(by)], 1) for by in changes}


def violate(model, scene: str = "clean", clips: int = 400, ordinary: int = 1000) -> dict[str, np.ndarray]:
    """Test G: `score_changes` of a model (of the ideal observer, where it is None) on the clips that are recorded."""
    usual = None if model is None else surprise_clips(draw_motions(ordinary, generator(1000, 13)), scene=scene)
    surprise = partial(ideal_surprise, floor=floor_of(scene)) if model is None else learn_surprise(model, usual)
    return score_changes(surprise, draw_motions(clips, generator(1000, 12)), scene)


def surprise_reports(seeds: list[dict], ideal: dict, scene: str = "clean", preset: str = "full") -> list[Report]:
    """The rows of test G. ``seeds``: what `violate` gives for each, and ``seconds``; ``ideal``: for the ideal observer."""
    jepa = "V-JEPA 98 / 66 / 62 %; LeWM: teleport found, colour change not significant"
    summary = rows_of(f"ball.{scene}.G.auroc", seeds, preset, anchor=jepa)

    def row(key, side=None, mark=""):
        pick = lambda scores: scores[key] if side is None else scores[key][:, ("down", "up").index(side)]
        limit = auroc(ideal["ordinary"], pick(ideal)) if key.isdigit() else None
        name = f"{key}.{side}" if side else key
        return summary(name, [(seed["ordinary"], pick(seed)) for seed in seeds], auroc, mark=mark, limit=limit)

    sizes = [row(f"{100 * by:02.0f}", mark=">= 0.95" if by == 0.25 else "") for by in CHANGES]
    return [*sizes, row("25", "down"), row("25", "up"), row("teleport"), row("colour", mark="0.4 to 0.6")]
