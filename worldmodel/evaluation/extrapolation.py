"""Test D: PhyWorld's extrapolation (Kang et al. 2024). Three frames are shown, the rest is imagined and decoded, the bodies are
tracked: how wrong are their velocities, at speeds as in training and beyond?

PhyWorld's error is the mean of |v found - v true| in world units per second over bodies and frames. Here v is the difference of
the places in two frames, on either side, so that a velocity that changes within a frame is no error; and a frame counts
where the true body is wholly in the picture, since an edge misplaces a centroid.
"""

from __future__ import annotations

import numpy as np

from ..probing import Report, track
from ..settings import DATA
from ..videos import Film, film, truth
from .reports import rows_of
from .rollout import imagine_frames
from .sets import EvaluationSet

FRAMES, SHOWN = 32, 3
BANDS = {"in": "train", "out": "beyond"}  # start speeds of 1 to 4, and of 0 to 0.8 and 4.5 to 6 world units a second
DEGREE = {"uniform": 1, "collision": 1, "parabola": 2}  # of the closed-form extrapolator, which foresees no meeting
MARKS = {
    "uniform.velocity_error.in": ("", "DiT: 0.012"),
    "uniform.velocity_error.out": ("<= 0.05", "DiT: 0.427"),
    "uniform.position_gap": ("<= 0.02", "LDR: 0.013 at 256 px, one seed"),
}
DIM = 0.55  # what only the brighter of two bodies has above background and threshold: it has 0.75, the dimmer 0.45
THRESHOLD = 0.05  # of the tracker: these scenes have no noise, and what is cut off from a rim costs accuracy


def phyworld_sets(world: str, root=DATA, clips: int = 500, progress: bool = True) -> dict[str, EvaluationSet]:
    """Film and open the test clips of one of PhyWorld's worlds, ``in`` and ``out``."""
    videos = {
        name: film(Film(world, clips, FRAMES, band=band, split="test", seed=1000), root, progress=progress)
        for name, band in BANDS.items()
    }
    return {name: EvaluationSet(mine, truth(mine)) for name, mine in videos.items()}


def extrapolate(model, clips: EvaluationSet, degree: int, batch: int = 50) -> dict[str, np.ndarray]:
    """Errors clip by clip (N,), NaN where no imagined frame counts.

    Returns:
        ``velocity`` in world units per second and ``position`` as a share of the picture's side, of the model; the same as
        ``closed.velocity``, ``closed.position`` of a polynomial of this degree in time through the shown frames' tracked
        places, and as ``floor.velocity``, ``floor.position`` of the tracker on the true frames.
    """
    metres, rate = float(clips.truth["metres_per_pixel"][0]), clips.videos.frames_per_second
    width = metres * clips.videos.shape[1]
    true = clips.truth["position"].reshape(len(clips.videos), clips.videos.shape[0], -1, 2)  # (N, T, bodies, 2)
    radius = np.stack([clips.truth[name] for name in ("radius", "radius_2")[: true.shape[2]]], 1)[:, None, :, None]
    look = track_pair if true.shape[2] == 2 else lambda frames: track(frames, THRESHOLD)[..., None, :]
    floor, dream = [], []
    for begin in range(0, len(true), batch):
        frames = clips.videos.read(np.arange(begin, min(begin + batch, len(true))))
        floor.append(look(frames) * metres)
        dream.append(look(imagine_frames(model, frames[:, :SHOWN], frames.shape[1] - SHOWN)) * metres)
    floor = np.concatenate(floor)
    shown, t = floor[:, :SHOWN], np.arange(true.shape[1])
    fit = np.vander(t, degree + 1) @ np.linalg.pinv(np.vander(t[:SHOWN], degree + 1))
    closed = np.einsum("ts,nsbx->ntbx", fit, shown)
    inside = ((true >= radius) & (true <= width - radius)).all(-1)
    counts = inside[:, SHOWN:] & inside[:, SHOWN - 1 : -1]

    def errors(found):
        """Of places (N, T, bodies, 2). A body that was lost is wrong by the picture's side, and by as much a second."""
        away = np.linalg.norm(found - true, axis=-1)[:, SHOWN:] / width
        wrong = np.linalg.norm(np.diff(found, axis=1) - np.diff(true, axis=1), axis=-1)[:, SHOWN - 1 :] * rate
        return _mean(np.nan_to_num(wrong, nan=width), counts), _mean(np.nan_to_num(away, nan=1.0), counts)

    found = {}
    for name, places in (("", np.concatenate([shown, np.concatenate(dream)], 1)), ("closed.", closed), ("floor.", floor)):
        found[f"{name}velocity"], found[f"{name}position"] = errors(places)
    return found


def track_pair(frames: np.ndarray) -> np.ndarray:
    """Centres (..., 2 bodies, 2) in px of a bright body and of a dimmer one, uint8 (..., H, W, C): the brighter comes first.

    The bright one is found by what exceeds the dim one's brightness, the dim one by what is left once a disc somewhat larger
    than the bright one has been covered. Then each pixel goes to the body whose rim is nearer, and the centres are taken anew.
    """
    excess = frames.mean(-1, dtype=np.float32) / 255
    excess = np.maximum(excess - np.median(excess, (-2, -1), keepdims=True) - THRESHOLD, 0)
    y, x = np.mgrid[excess.shape[-2] : 0 : -1, 0 : excess.shape[-1]] + np.array([-0.5, 0.5])[:, None, None]

    def beyond(weight, margin=0.0):
        """How far each pixel lies beyond the rim of the body that this weight shows; infinitely, where it shows none."""
        centre, radius = _centroid(weight)[..., None, None], np.sqrt((weight > 0).sum((-2, -1)) / np.pi)[..., None, None]
        away = np.hypot(x - centre[..., 0, :, :], y - centre[..., 1, :, :]) - radius - margin
        return np.where(np.isnan(away), np.inf, away)

    bright = np.maximum(excess - DIM, 0)
    rest = np.where(beyond(bright, 2.0) < 0, 0, excess)
    first = beyond(bright) <= beyond(rest)
    return np.stack([_centroid(np.where(mine, excess, 0)) for mine in (first, ~first)], -2)


def extrapolation_reports(world: str, seeds: list[dict], preset: str = "full") -> list[Report]:
    """Test D of one world. The limit is the closed form's; where bodies meet, which it does not foresee, the tracker's.

    Args:
        seeds: the keys of `extrapolate` behind ``in.`` and ``out.``, for equally many clips, and ``seconds``.
    """
    row = rows_of(f"{world}.clean.D", seeds, preset)
    gap = lambda inside, outside: abs(np.nanmean(outside) - np.nanmean(inside))
    rows, bound = [], "floor" if world == "collision" else "closed"
    for name, keys, statistic in (
        ("velocity_error.in", ["in.velocity"], np.nanmean),
        ("velocity_error.out", ["out.velocity"], np.nanmean),
        ("position_error.in", ["in.position"], np.nanmean),
        ("position_error.out", ["out.position"], np.nanmean),
        ("position_gap", ["in.position", "out.position"], gap),
    ):
        mark, anchor = MARKS.get(f"{world}.{name}", ("", "none published"))
        limit = float(statistic(*(seeds[0][key.replace(".", f".{bound}.")] for key in keys)))
        per_seed = [tuple(seed[key] for key in keys) for seed in seeds]
        unit = "m/s" if "velocity" in name else "1"
        rows.append(row(name, per_seed, statistic, mark=mark, anchor=anchor, limit=limit, unit=unit))
    for band in BANDS:  # the same for every seed: no model has a part in it
        floor = [(seeds[0][f"{band}.floor.velocity"],)]
        rows.append(row(f"floor.{band}", floor, np.nanmean, unit="m/s", anchor="0.0099", seconds=0.0))
    return rows


def _mean(errors, counts):
    """Of errors (N, T, bodies) where they count, clip by clip."""
    total, n = np.where(counts, errors, 0).sum((1, 2)), counts.sum((1, 2))
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _centroid(weight):
    height, width = weight.shape[-2:]
    total = weight.sum((-2, -1))
    x, y = weight.sum(-2) @ (np.arange(width) + 0.5), weight.sum(-1) @ (height - np.arange(height) - 0.5)
    return np.where(total > 0, np.stack([x, y]) / np.where(total > 0, total, 1), np.nan).transpose(*range(1, total.ndim + 1), 0)
