"""The rows of results.json: the names of SCIENCE.md, marks that are met or not, intervals that hold the value."""

import json
from importlib import import_module

import numpy as np
import pytest

from worldmodel.evaluation import ball_reports, summarise
from worldmodel.probing import Report, r2

SEEDS, N = 3, 80
# The fixed names of tests A and B and of the rollout (SCIENCE.md, section 5); a row may be more than these, never less.
NAMES = {
    "A.r2.k20", "A.relerr.earth.k8", "A.relerr.beyond.k20", "A.r2_restitution.k32", "B.r2.first", "B.r2.shuffled",
    "B.r2.shuffled_frames", "B.r2.untrained", "B.r2.pixels", "B.selectivity", "B.ahead_of_pixels",
    "B.ahead_of_untrained", "rollout.error_px.h10",
}  # fmt: skip


def recorded(error=0.01, rollout=0.5):
    """Predictions of a probe that errs by this share, controls that know nothing, an oracle that is exact."""
    rng = np.random.default_rng(0)
    ranges = {"test": (1, 20), "earth": (9, 11), "beyond": (20, 30)}
    truths = {
        band: {"g": rng.uniform(*r, N), "restitution": rng.uniform(0.5, 1, N), "radius": rng.uniform(0.2, 0.3, N)}
        for band, r in ranges.items()
    }
    blind = lambda: 10 + 0.1 * rng.normal(size=N)  # noqa: E731
    seeds = []
    for _ in range(SEEDS):
        seed = {"seconds": 2.0, "fit_seconds": 1.0, "rollout": np.full((N, 10), rollout)}
        seed |= {"cells.truth": rng.normal(size=N), "cells": 0.1 * rng.normal(size=N)}
        for band, constants in truths.items():
            for name, values in constants.items():
                seed |= {f"{name}.{band}.k{k}": values * (1 + error * rng.normal(size=N)) for k in (8, 20, 32)}
        seed["g.test.k1"] = blind()
        seeds.append(seed | {name: blind() for name in ("alone", "shuffled", "shuffled_frames", "stack")})
    shared = {"pixels": blind(), "sorted": blind(), "untrained": np.stack([blind() for _ in range(4)])}
    shared |= {f"oracle.{band}.k{k}": truths[band]["g"] for band in truths for k in (8, 20)}
    return seeds, shared, truths


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(import_module("worldmodel.evaluation.reports"), "DRAWS", 100)


@pytest.fixture
def reports():
    return {report.name: report for report in ball_reports(*recorded(), scene="clean", preset="quick")}


def test_every_fixed_name_has_its_row_and_no_name_two(reports):
    assert {f"ball.clean.{name}" for name in NAMES} <= reports.keys()
    assert len(reports) == len(ball_reports(*recorded()))
    assert all(r.name.startswith("ball.clutter.") for r in ball_reports(*recorded(), scene="clutter"))


def test_rows_survive_json_and_hold_all_that_a_reader_needs(reports):
    for report in reports.values():
        row = json.loads(json.dumps(report.row()))
        assert Report.from_row(row) == report
        assert report.low <= report.value <= report.high or np.isclose(report.low, report.high), report
        clips = 1 if report.name.endswith("fit_seconds") else N
        assert (report.preset, report.seconds, report.n) == ("quick", 6.0, clips)
        assert report.holds is None if not report.mark else report.holds in (True, False)
    assert reports["ball.clean.A.r2.k20"].seeds == SEEDS and reports["ball.clean.B.r2.untrained"].seeds == 4


def test_a_good_model_meets_its_marks_and_a_bad_one_fails_them(reports):
    assert not [report for report in reports.values() if report.holds is False]
    bad = {r.name.removeprefix("ball.clean."): r for r in ball_reports(*recorded(error=0.8, rollout=9.0))}
    failing = {"A.r2.k20", "A.relerr.earth.k8", "A.relerr.beyond.k20", "rollout.error_px.h10"}
    assert not any(bad[name].holds for name in failing)


def test_a_strict_mark_is_asked_of_the_lower_end():
    rng = np.random.default_rng(0)
    few = [(rng.normal(0.1, 1, 30),)]  # a mean that may as well be below 0
    value = float(few[0][0].mean())
    loose, strict = (summarise("x", few, np.mean, mark="> -0.1", strict=s) for s in (False, True))
    assert loose.value == strict.value == pytest.approx(value) and strict.low < -0.1 < value
    assert loose.holds and not strict.holds


def test_a_row_is_the_mean_over_seeds_and_the_same_each_time():
    rng = np.random.default_rng(1)
    y = rng.normal(size=50)
    seeds = [(y, y + s * rng.normal(size=50)) for s in (0.1, 0.5, 1.0)]
    report = summarise("x", seeds, r2)
    assert report.value == pytest.approx(np.mean([r2(*seed) for seed in seeds]))
    assert (report.seeds, report.n) == (3, 50)
    assert summarise("x", seeds, r2) == report
