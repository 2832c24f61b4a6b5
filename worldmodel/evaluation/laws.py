"""Test H: which law do the latents obey? Sparse regression (SINDy) on imagined flights, which no truth has touched.

The latents have no gauge of their own, so they are read through one affine map onto the places of the tracked body in decoded
frames; metres enter through the scale of the picture alone. One flight cannot tell a constant from a sum of its position
and speed: so several are imagined under each clip's belief, from moments of other clips.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch

from ..model import Belief
from ..probing import Report
from .falling import CLEAR, SEEN, STEPS, Starts, frames_in_flight, high_starts
from .reports import missed, rows_of
from .rollout import find_body

FLIGHTS = 8  # imagined under the belief of each clip
LEAST = 4  # flights that must be long enough for a law
BEFORE_CONTACT = 2  # frames: second differences must not reach into what the model makes of a contact
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)  # of a term, as a share of the flights' acceleration (root mean square)


@torch.no_grad()
def gauge(model, starts: Starts, batch: int = 50) -> np.ndarray:
    """The affine map (D + 1, 2) from the points of imagined flights to the tracked place of the body in their frames, in px."""
    width, points, places = model.config.size * starts.metres, [], []
    for begin in range(0, len(starts.clips), batch):
        rows = slice(begin, begin + batch)
        path = model.imagine(starts.state[rows], STEPS, starts.belief[rows])
        place = find_body(model, path)[0]
        flies = np.arange(STEPS) < _flight(place * starts.metres, width)[:, None]
        points.append(path.points.cpu().numpy()[flies])
        places.append(place[flies])
    return np.linalg.lstsq(_with_one(np.concatenate(points)), np.concatenate(places), rcond=None)[0]


@torch.no_grad()
def imagine_flights(model, starts: Starts, belief: Belief, to_pixels: np.ndarray, dt: float, rng) -> list[list]:
    """For each belief (M, K) a list of flights, each (states, accelerations): x, y, x', y' (T, 4) and x'', y'' (T, 2), SI units.

    A clip may have fewer than `FLIGHTS`: one needs 5 frames.
    """
    width, found = model.config.size * starts.metres, []
    for row in range(len(belief.mean)):
        moments = torch.from_numpy(rng.integers(len(starts.clips), size=FLIGHTS))
        mean, weight = (value[row].expand(FLIGHTS, -1) for value in (belief.mean, belief.weight))
        points = model.imagine(starts.state[moments], STEPS, Belief(mean, weight)).points.cpu().numpy()
        paths = _with_one(points) @ to_pixels * starts.metres
        found.append([_differences(path[:end], dt) for path, end in zip(paths, _flight(paths, width)) if end >= 5])
    return found


def regress(flights: list, threshold: float) -> np.ndarray:
    """Sequentially thresholded least squares (Brunton, Proctor & Kutz 2016) of x'' and y'' on the products of x, y, x', y' up to
    degree 2: coefficients (2, 15), the constant first. All numbers are to be of order 1 (`to_order_one`).
    """
    import pysindy  # here, since it takes a second

    states, accelerations = zip(*flights)
    law = pysindy.SINDy(
        optimizer=pysindy.STLSQ(threshold=threshold, alpha=1e-3), feature_library=pysindy.PolynomialLibrary(degree=2)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing is left above a threshold is an answer too
        # SINDy wants a derivative for each of its inputs; those of the speeds stand in for those of the places.
        law.fit(list(states), t=1.0, x_dot=[np.concatenate([a, a], 1) for a in accelerations])
    return law.coefficients()[:2]


def to_order_one(flights: list) -> tuple[list, float]:
    """Places from their mean, speeds from rest, both in their spread; accelerations in ``unit``, their root mean square."""
    states, accelerations = map(np.concatenate, zip(*flights))
    middle, spread = states.mean(0) * [1, 1, 0, 0], states.std(0) + 1e-9
    unit = np.sqrt((accelerations**2).sum(1).mean())
    return [((s - middle) / spread, a / unit) for s, a in flights], float(unit)


def choose_threshold(clips: list[list]) -> float:
    """The threshold whose laws, fitted on half of a clip's flights, miss the accelerations of the other half least (median)."""

    def error(flights, threshold):
        half = len(flights) // 2
        states, accelerations = map(np.concatenate, zip(*flights[half:]))
        return np.sqrt(((_products(states) @ regress(flights[:half], threshold).T - accelerations) ** 2).sum(1).mean())

    usable = [to_order_one(flights)[0] for flights in clips if len(flights) >= LEAST]
    errors = [np.median([error(flights, threshold) for flights in usable]) for threshold in THRESHOLDS]
    return THRESHOLDS[int(np.argmin(errors))]


def recover_law(model, sets, rng: np.random.Generator, clips: int = 200) -> dict[str, np.ndarray]:
    """Test H: the law of flight under the belief of each of the first test clips. Gauge, starts and threshold: validation clips.

    Returns:
        ``clips`` (M,); ``chosen`` (M,) bool, whether x'' = 0 and y'' = constant is the law that was found; ``coefficient`` (M,),
        that constant downwards in m/s^2, whatever stands beside it (NaN where too few flights are long enough); ``threshold``.
    """
    known, tried = sets["validation"], sets["test"]
    starts, dt = high_starts(model, known), 1 / known.videos.frames_per_second
    to_pixels = gauge(model, starts)
    threshold = choose_threshold(imagine_flights(model, starts, starts.belief[:50], to_pixels, dt, rng))
    with torch.no_grad():
        belief = model.observe(tried.videos.read(np.arange(min(clips, len(tried.videos))), 0, SEEN)).belief[:, -1]
    chosen, coefficient = np.zeros(len(belief.mean), bool), np.full(len(belief.mean), np.nan)
    for row, flights in enumerate(imagine_flights(model, starts, belief, to_pixels, dt, rng)):
        if len(flights) >= LEAST:
            flights, unit = to_order_one(flights)
            law = regress(flights, threshold)
            chosen[row] = np.array_equal(np.argwhere(law), [[1, 0]])  # one term is left, the constant of y''
            coefficient[row] = -law[1, 0] * unit
    return {"clips": np.arange(len(chosen)), "chosen": chosen, "coefficient": coefficient, "threshold": np.array(threshold)}


def law_reports(seeds: list[dict], truths: dict, preset: str = "full") -> list[Report]:
    """Test H of `ball`. ``seeds``: the keys of `recover_law` and ``seconds``; ``truths``: per band constants, (N,)."""
    row = rows_of("ball.clean.H", seeds, preset)
    g = [(truths["test"]["g"][seed["clips"]], seed["coefficient"]) for seed in seeds]
    chosen = [(seed["chosen"],) for seed in seeds]
    return [
        row("coefficient_error", g, missed, mark="<= 0.03", anchor="SINDy autoencoder: z error 0.021"),
        row("constant_chosen", chosen, np.mean),
        row("seeds_chosen", chosen, lambda chosen: float(chosen.mean() > 0.5), mark=">= 0.8"),
    ]


def _flight(paths: np.ndarray, width: float) -> np.ndarray:
    """Frames (M,) of each path (M, T, 2) in m before what the model makes of its first contact, with the floor or a side."""
    aside = ~((paths[..., 0] > CLEAR) & (paths[..., 0] < width - CLEAR))
    return np.minimum(frames_in_flight(paths) - BEFORE_CONTACT, np.where(aside.any(1), aside.argmax(1), paths.shape[1])).clip(0)


def _differences(path: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of a path (T, 2): states (T - 2, 4) and accelerations (T - 2, 2), exact on a parabola."""
    speed = (path[2:] - path[:-2]) / (2 * dt)
    return np.concatenate([path[1:-1], speed], 1), (path[2:] - 2 * path[1:-1] + path[:-2]) / dt**2


def _products(states: np.ndarray) -> np.ndarray:
    """1, the four, and their products two by two (T, 15), in the order of pysindy's polynomial library."""
    i, j = np.triu_indices(4)
    return np.concatenate([np.ones((len(states), 1)), states, states[:, i] * states[:, j]], 1)


def _with_one(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], -1)
