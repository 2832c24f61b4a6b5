"""Tests A and B: what one linear probe reads from one frozen state, and what it reads where there is nothing to know.

Every function returns predictions clip by clip, so that intervals can be drawn over clips and seeds afterwards.
"""

from __future__ import annotations

import numpy as np
import torch

from ..model import WorldModel, WorldModelConfig
from ..physics import FRAMES_PER_SECOND, world
from ..probing import (
    disc_sigma,
    first_frame_cells,
    gravity_sd,
    oracle_gravity,
    pca_features,
    permuted,
    quantisation_noise,
    ridge,
    shuffle_time,
    track,
)  # fmt: skip
from .rollout import floor_of
from .sets import EvaluationSet

FRAMES_SEEN = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 32)
BANDS = ("test", "earth", "beyond")
PARTS = ("train", "validation", "test")  # what a probe is fitted on, chosen on and tried on
PERMUTATIONS = 20  # of the labels
K = 20  # the number of frames at which controls are compared
RESIDUAL, TEXTURED_RESIDUAL = 0.002, 0.01  # m, about twice the tracker's error, on a plain background and on a textured one


def gravity_of(sets) -> dict[str, np.ndarray]:
    """The true g of the clips of `PARTS`, (N,) each in m/s^2."""
    return {name: sets[name].truth["g"] for name in PARTS}


def probe(features: dict[str, np.ndarray], targets: dict[str, np.ndarray], kept: dict | None = None, name="") -> dict:
    """Fit on ``train``, choose the strength on ``validation``, predict all other sets; features (N, F), targets (N,).

    ``kept``, where given, is told under ``name`` the strength that was chosen, the clips n and the number of features.
    """
    fitted = ridge(features["train"], targets["train"], features["validation"], targets["validation"])
    if kept is not None:
        kept[name] = {"strength": fitted.strength, "n": fitted.n, "features": fitted.features}
    return {name: fitted.predict(features[name]) for name in features if name not in ("train", "validation")}


def all_features(model, sets: dict[str, EvaluationSet], stop: int = 32, names=None) -> dict[str, np.ndarray]:
    """The model's features of the first ``stop`` frames of every set: float32 (N, T, F)."""
    return {name: model.features(sets[name].frames(stop)) for name in names or sets}


def read_constants(
    features, sets, constants=("g", "restitution", "radius"), frames_seen=FRAMES_SEEN, kept: dict | None = None
) -> dict[str, np.ndarray]:
    """Test A: the probe's predictions by ``constant.band.k``; each k is a probe of its own on the state after k frames."""
    read = {}
    for constant in constants:
        targets = {name: sets[name].truth[constant] for name in features}
        for k in frames_seen:
            found = probe({name: values[:, k - 1] for name, values in features.items()}, targets, kept, f"{constant}.k{k}")
            read |= {f"{constant}.{band}.k{k}": values for band, values in found.items()}
    return read


def read_permuted(state: dict, target: dict, rng: np.random.Generator, kept: dict | None = None) -> np.ndarray:
    """Predictions (N, `PERMUTATIONS`) on the ``test`` set by probes that learned on permuted labels: one alone is a lottery."""
    dealt = ({name: permuted(target[name], rng) for name in ("train", "validation")} for _ in range(PERMUTATIONS))
    return np.stack([probe(state, labels, kept, "shuffled")["test"] for labels in dealt], 1)


def read_controls(model, features, sets, rng: np.random.Generator, kept: dict | None = None) -> dict[str, np.ndarray]:
    """Test B for one model: what it must not read, or only worse. Predictions of g on the ``test`` set, after K frames.

    Keys: ``shuffled`` (labels permuted; see `read_permuted`), ``shuffled_frames`` (frames permuted), ``alone`` (frame K,
    nothing before it), ``cells`` and ``cells.truth`` (the control task) and, of our own models, ``stack`` (single-frame points
    of K frames side by side: it may take differences itself).
    """
    g, read = gravity_of(sets), {}
    state = {name: features[name][:, K - 1] for name in PARTS}

    def try_on(name, seen, target=g):
        read[name] = probe(seen, target, kept, name)["test"]

    read["shuffled"] = read_permuted(state, g, rng, kept)
    try_on("shuffled_frames", {name: model.features(shuffle_time(sets[name].frames(K), rng))[:, -1] for name in PARTS})
    try_on("alone", {name: model.features(sets[name].videos.read(start=K - 1, stop=K))[:, 0] for name in PARTS})
    if hasattr(model, "config"):
        points = 2 * model.config.points
        try_on("stack", {name: features[name][:, :K, :points].reshape(len(features[name]), -1) for name in PARTS})
    box = world("ball").law.box
    where = np.concatenate([sets[name].truth["position"][:, 0] for name in PARTS])
    numbers = np.split(first_frame_cells(where, box, rng), np.cumsum([len(g[name]) for name in PARTS])[:-1])
    try_on("cells", state, dict(zip(PARTS, numbers)))
    return read | {"cells.truth": numbers[-1]}


def read_pixels(sets, rng: np.random.Generator, kept: dict | None = None) -> np.ndarray:
    """g of the ``test`` set from 64 principal components of each of the same K frames, side by side."""
    features = pca_features(*(sets[name].frames(K) for name in PARTS), rng=rng)
    return probe(dict(zip(PARTS, features)), gravity_of(sets), kept, "pixels")["test"]


def read_untrained(sets, networks: int, clips: int = 1000, sizes=None) -> np.ndarray:
    """g of the ``test`` set read from networks that were never trained, after K frames: (networks, N).

    Twenty networks cost minutes, so their probes learn on the first ``clips`` training clips, half as many as ours do.
    """
    frames = {name: sets[name].frames(K)[:clips] for name in PARTS}
    g, read = {name: values[:clips] for name, values in gravity_of(sets).items()}, []
    for seed in range(networks):
        torch.manual_seed(10_000 + seed)
        model = WorldModel(sizes or WorldModelConfig()).eval()
        read.append(probe({name: model.features(frames[name])[:, -1] for name in PARTS}, g)["test"])
    return np.stack(read)


def read_sorted_positions(sets) -> np.ndarray:
    """g of the ``test`` set from the true positions without their order: what the set of places tells by itself."""
    places = {name: np.sort(sets[name].truth["position"][:, :K], 1).reshape(-1, 2 * K) for name in PARTS}
    return probe(places, gravity_of(sets))["test"]


def oracle(sets, frames_seen=FRAMES_SEEN, scene: str = "clean") -> dict[str, np.ndarray]:
    """The practical ceiling: a tracker and least squares on the same frames. Predictions by ``band.k``, k of 3 or more."""
    read, floor = {}, floor_of(scene)
    limit = TEXTURED_RESIDUAL if floor else RESIDUAL
    for band in BANDS:
        metres = float(sets[band].truth["metres_per_pixel"][0])
        positions = track(sets[band].frames(max(frames_seen)), floor=floor) * metres
        for k in frames_seen:
            if k >= 3:
                read[f"{band}.k{k}"] = oracle_gravity(positions[:, :k], 1 / FRAMES_PER_SECOND, residual_limit=limit)
    return read


def cramer_rao(sets, noise: float = 0.0, frames_seen=FRAMES_SEEN) -> dict[int, float]:
    """The least standard deviation of g in m/s^2 after k frames of flight, from the pixels' noise (8 bits, and the camera's)."""
    truth = sets["test"].truth
    metres = float(truth["metres_per_pixel"][0])
    pixel_noise = float(np.hypot(noise, quantisation_noise()))
    sigma = disc_sigma(float(truth["radius"].mean()) / metres, pixel_noise, contrast=0.8) * metres
    return {k: float(gravity_sd(k, sigma, 1 / FRAMES_PER_SECOND)) for k in frames_seen if k >= 3}
