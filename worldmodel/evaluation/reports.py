"""From predictions, seed by seed, to the rows of results.json: value, interval, mark, limit and anchor."""

from __future__ import annotations

import math

import numpy as np

from ..probing import Report, bootstrap, median_relative_error, meets, r2
from ..settings import generator
from .causal import slope

DRAWS = 1000  # draws of the bootstrap


def summarise(name, per_seed, statistic, *, unit="1", mark="", limit=None, anchor="none published", preset="full", seconds=0.0,
              model="default", strict=False, same_clips=True) -> Report:  # fmt: skip
    """One row: the mean of ``statistic`` over the seeds' tuples of per-clip arrays.

    Args:
        same_clips: all seeds were tried on the same clips.
        strict: the mark is asked of the interval's lower end instead of the value.
    """
    value, low, high = bootstrap(per_seed, statistic, generator(0, 99), DRAWS, same_clips)
    holds = meets(low if strict else value, mark)
    n = len(per_seed[0][0])
    return Report(name, value, low, high, len(per_seed), n, unit, mark, holds, limit, anchor, model, preset, seconds)


def rows_of(test: str, seeds: list[dict], preset: str, **common):
    """`summarise` for the rows of one test: their names begin with ``test``, and they took the ``seconds`` of all seeds."""
    common |= {"preset": preset, "seconds": float(sum(seed["seconds"] for seed in seeds))}

    def row(name, per_seed, statistic, **more):
        return summarise(f"{test}.{name}", per_seed, statistic, **common | more)

    return row


def ball_reports(seeds: list[dict], shared: dict, truths: dict, scene: str = "clean", preset: str = "full") -> list[Report]:
    """Tests A and B and the rollout of `ball`, as SCIENCE names them.

    Args:
        seeds: per seed, ``read_constants`` and ``read_controls`` together with ``rollout`` (N, ahead) and ``seconds``.
        shared: what no seed changes: ``pixels``, ``sorted``, ``untrained`` (S, N), ``oracle.BAND.kK``.
        truths: per band the constants by name, (N,).
    """
    g, row = truths["test"]["g"], rows_of(f"ball.{scene}", seeds, preset)
    ensemble = shared["untrained"].mean(0)  # what all of them read, averaged clip by clip: stronger than their mean R2
    return reading_reports(seeds, shared, truths, scene, preset) + [
        row("B.r2.stack", [(g, seed["stack"]) for seed in seeds], r2),
        row("B.r2.untrained", [(g, values) for values in shared["untrained"]], r2,
            anchor="V-JEPA compares with 20 untrained networks"),
        row("B.ahead_of_untrained", [(g, seed["g.test.k20"], ensemble) for seed in seeds], r2_ahead, mark="> 0", strict=True),
        row("fit_seconds", [(np.atleast_1d(seed["fit_seconds"]),) for seed in seeds], np.mean, unit="s",
            mark="<= 360" if scene == "clean" else "<= 600"),
    ]  # fmt: skip


def reading_reports(
    seeds: list[dict], shared: dict, truths: dict, scene: str = "clean", preset: str = "full", model: str = "default"
) -> list[Report]:
    """The rows of tests A and B that anybody's model can have, and the rollout's where ``seeds`` hold one; see `ball_reports`."""
    g, row = truths["test"]["g"], rows_of(f"ball.{scene}", seeds, preset, model=model)

    def of(key, constant="g", band="test"):
        return [(truths[band][constant], seed[key]) for seed in seeds]

    def error(band, k, **more):
        """Median relative error of g, beside the oracle tracker's on the same clips."""
        limit = float(median_relative_error(truths[band]["g"], shared[f"oracle.{band}.k{k}"]))
        return row(f"A.relerr.{band}.k{k}", of(f"g.{band}.k{k}", band=band), median_relative_error, limit=limit, **more)

    def ahead_of(name, controls):
        """How far the state's R2 lies above a control's on the same clips; the interval must exclude 0."""
        per_seed = [(g, seed["g.test.k20"], control) for seed, control in zip(seeds, controls)]
        return row(f"B.ahead_of_{name}", per_seed, r2_ahead, mark="> 0", strict=True)

    velocity = "LeWM joint velocity r 0.095; billiards JEPA velocity R2 0.296; PokeWorld drag R2 0.13"
    rows = [
        row("A.r2.k20", of("g.test.k20"), r2, mark=">= 0.99", limit=float(r2(g, shared["oracle.test.k20"])), anchor=velocity),
        row("A.r2.k8", of("g.test.k8"), r2),
        error("test", 20),
        error("earth", 8, mark="<= 0.02"),
        error("beyond", 20, mark="<= 0.05"),
        row("A.r2_restitution.k32", of("restitution.test.k32", "restitution"), r2),
        row("A.r2_radius.k20", of("radius.test.k20", "radius"), r2),
        row("B.r2.first", of("g.test.k1"), r2, mark="<= 0.02"),
        row("B.r2.alone", of("alone"), r2),
        row("B.r2.shuffled", of("shuffled"), r2, mark="<= 0.02"),
        row("B.r2.shuffled_frames", of("shuffled_frames"), r2),
        row("B.r2.sorted_positions", [(g, shared["sorted"])], r2),
        row("B.r2.pixels", [(g, shared["pixels"])], r2, anchor="physprobe: raw pixels 0.999 in clean scenes"),
        row("B.selectivity", [(g, s["g.test.k20"], s["cells.truth"], s["cells"]) for s in seeds],
            lambda y, a, c, b: r2(y, a) - r2(c, b), mark=">= 0.5"),
        ahead_of("pixels", [shared["pixels"]] * len(seeds)),
        ahead_of("shuffled_frames", [seed["shuffled_frames"] for seed in seeds]),
    ]  # fmt: skip
    if "rollout" in seeds[0]:
        errors = [(seed["rollout"][:, 9],) for seed in seeds]
        rows.append(row("rollout.error_px.h10", errors, np.median, unit="px", mark="<= 2"))
    return rows


def r2_ahead(truth, ours, control) -> float:
    """How far our R2 lies above a control's on the same clips."""
    return r2(truth, ours) - r2(truth, control)


def fall_reports(seeds: list[dict], truths: dict, scene: str = "clean", preset: str = "full") -> list[Report]:
    """Tests C and E of `ball`: falls imagined from rest, and what moving the belief along the probe's direction does to them.

    Args:
        seeds: per seed ``BAND.clips``, ``BAND.g``, ``BAND.galileo`` of `fall_freely`, the keys of `steer` and ``seconds``.
        truths: per band the constants by name, (N,).
    """
    row = rows_of(f"ball.{scene}", seeds, preset)

    def falls(band):
        return [(truths[band]["g"][seed[f"{band}.clips"]], seed[f"{band}.g"]) for seed in seeds]

    def ratio_missed(ratio):
        return np.median(np.nan_to_num(np.abs(ratio - 1), nan=1.0))

    generators = "video generators: g_eff 1.81 of 9.81; 65 % of g after fine-tuning"
    true = [(truths["test"]["g"][seed["clips"]], seed["erased"]) for seed in seeds]
    moved = [(seed["none"], seed["asked"], seed["read"]) for seed in seeds]
    blind = [(seed["none"], seed["orthogonal"], seed["read"]) for seed in seeds]
    return [
        row("C.g_error.in", falls("test"), missed, mark="<= 0.03", anchor=generators),
        row("C.g_error.earth", falls("earth"), missed),
        row("C.g_error.beyond", falls("beyond"), missed, mark="<= 0.1"),
        row("C.galileo", [(seed["test.galileo"],) for seed in seeds], ratio_missed, mark="<= 0.02"),
        row("E.slope", moved, slope, mark="0.9 to 1.1", anchor="only qualitative"),
        row("E.slope_orthogonal", blind, slope),
        row("E.drift", [(seed["drift"],) for seed in seeds], np.max, mark="<= 0.05"),
        row("E.drift_x", [(seed["drift_x"],) for seed in seeds], np.max),
        row("E.drift_orthogonal", [(seed["orthogonal_drift"],) for seed in seeds], np.max),
        row("E.lost", [(np.isnan(seed["asked"]).mean(1),) for seed in seeds], np.mean),
        row("E.erased_r2", true, squared_correlation, mark="<= 0.05"),
        row("E.erased_slope", true, line_slope),
    ]


def missed(g, measured) -> float:
    """Median relative error of g (N,); a fall that was lost counts as wholly wrong."""
    return float(np.median(np.nan_to_num(np.abs(measured / g - 1), nan=1.0)))


def line_slope(truth, measured) -> float:
    """m/s^2 in the measured fall for each m/s^2 in the true one; lost falls are left out."""
    seen = np.isfinite(measured)
    return float(np.polyfit(truth[seen], measured[seen], 1)[0]) if seen.sum() > 2 and np.ptp(truth[seen]) else math.nan


def squared_correlation(truth, measured) -> float:
    """The share of the truth's variance that a straight line through the measured values explains; lost falls are left out."""
    seen = np.isfinite(measured)
    if seen.sum() < 3 or not (np.ptp(measured[seen]) and np.ptp(truth[seen])):
        return math.nan
    return float(np.corrcoef(truth[seen], measured[seen])[0, 1] ** 2)
