"""The families' comparison: what differs from the default is what the name says, the budget is kept, rows come of it."""

import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from worldmodel.model import WorldModel, WorldModelConfig
from worldmodel.training import FULL
from worldmodel.workbook.families import COMBINATIONS, LEAVE_ONE_OUT, SCALING, SWEEPS, Family, Sweep, exponent, run_family, within

SMALL = {"encoder_width": 8, "decoder_width": 8, "dynamics_width": 16}


def test_each_family_that_leaves_one_out_differs_from_the_default_in_one_setting():
    plain = asdict(WorldModelConfig()) | asdict(FULL)
    for name, family in LEAVE_ONE_OUT.items():
        mine = asdict(family.config("clean")) | asdict(replace(FULL, **family.fit))
        assert len([key for key in plain if plain[key] != mine[key]]) == (name != "default"), name
        assert family.config("clutter") == replace(family.config("clean"), still=True)


def test_with_the_combinations_the_table_is_whole():
    """30 in all; six of them leave out one of encoder, dynamics and objective, and the default none."""
    assert (
        len(COMBINATIONS)
        + len([name for name in LEAVE_ONE_OUT if name.split(".")[0] in ("encoder", "dynamics", "objective")])
        + 1
        == 30
    )


@pytest.mark.parametrize("times", SCALING["parameters"])
def test_parameters_grow_as_they_say(times):
    def weights(family):
        return sum(p.numel() for p in WorldModel(family.config("clean")).parameters())

    found = weights(SCALING["parameters"][times]) / weights(Family())
    assert found == pytest.approx(float(times), rel=0.1)


def test_a_budget_of_seconds_is_about_kept(ball, sizes):
    from worldmodel.training import fit

    config = replace(FULL, find_clips=4, find_frames=6, predict_clips=8, horizon=4, starts=2)
    config = within(4.0, ball, sizes, config)
    started = time.perf_counter()
    fit(ball, config, sizes, progress=False)
    assert 1.5 < time.perf_counter() - started < 10 and config.find_steps > 3 and config.predict_steps > 3


def test_a_sweep_keeps_each_seed_and_makes_rows(tmp_path, monkeypatch):
    monkeypatch.setitem(run_family.__globals__, "FULL", replace(FULL, find_clips=4, predict_clips=8))
    few = {"30": Family(SMALL, clips=30, seconds=2), "60": Family(SMALL, clips=60, seconds=2)}
    sweep = Sweep("clean", "J.clips", few, seeds=2, share=0.05, budget=0.5, exponent=True)
    assert sweep.pieces(5) == [("30", 0), ("30", 1), ("60", 0), ("60", 1)]
    rows = {row.name: row for row in sweep.reports(5, tmp_path, tmp_path / "runs")}
    taken = [np.load(tmp_path / "runs" / f"J.clips-clean-30-{of}.npz")["steps"].tolist() for of in ("steps", 0, 1)]
    assert taken[0] == taken[1] == taken[2] and min(taken[0]) > 0  # planned once, for all seeds alike
    assert {"ball.clean.J.clips.A.r2.30", "ball.clean.J.clips.E.slope.60", "ball.clean.J.clips.exponent"} <= set(rows)
    monkeypatch.setattr("worldmodel.training.fit", lambda *_, **__: pytest.fail("trained again"))
    again = sweep.reports(5, tmp_path, tmp_path / "runs")
    np.testing.assert_equal([row.value for row in again], [row.value for row in rows.values()])


def test_an_exponent_is_the_slope_in_logarithms():
    sizes = np.array([1.0, 2, 4, 8])
    assert exponent(sizes, 3 * sizes**-0.7) == pytest.approx(-0.7)


def test_the_sweeps_ask_for_five_seeds_where_the_claims_are():
    assert SWEEPS["families-clean"].seeds == SWEEPS["families-clutter"].seeds == 5
