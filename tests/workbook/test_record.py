"""The recorded run, end to end at a tiny size: every fixed name, every figure, and resuming seed by seed."""

from dataclasses import replace

import pytest

from worldmodel import training
from worldmodel.workbook import read_results
from worldmodel.workbook.record import EXPERIMENTS, SCALES, TASKS, record

NAMES = """ball.clean.A.r2.k20 ball.clean.A.relerr.earth.k8 ball.clean.A.relerr.beyond.k20 ball.clean.A.r2_restitution.k32
ball.clean.B.r2.first ball.clean.B.r2.shuffled ball.clean.B.r2.shuffled_frames ball.clean.B.r2.untrained ball.clean.B.r2.pixels
ball.clean.B.selectivity ball.clean.B.ahead_of_pixels ball.clean.B.ahead_of_untrained ball.clean.rollout.error_px.h10
lander.control.return_ratio.in lander.control.return_ratio.beyond lander.control.gap""".split()


RECORDED = ("ball-clean", "uniform-clean", "lander")  # all others take the same way


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tiny_scale, sizes, widths, brief):
    folder = tmp_path_factory.mktemp("recorded")
    brief.setitem(SCALES, "tiny", tiny_scale)
    for name in RECORDED[:2]:
        brief.setitem(EXPERIMENTS, name, replace(EXPERIMENTS[name], sizes=sizes))
    brief.setitem(TASKS, "lander", replace(TASKS["lander"], clips=60, sizes=widths))
    record("tiny", 2, RECORDED, folder / "data", folder / "runs", folder / "figures", progress=False)
    return folder


def test_every_fixed_name_has_a_row_with_two_seeds(recorded):
    rows = {row.name: row for row in read_results(recorded / "figures/results.json")[1]}
    assert set(NAMES) <= set(rows)
    assert all(rows[name].seeds == 2 for name in NAMES if name.split(".")[-1] not in ("pixels", "untrained"))
    assert all(rows[name].preset == "tiny" and rows[name].seconds > 0 for name in NAMES)
    assert rows["lander.control.gap.unpenalised"].seeds == 1 and "lander.control.gap.penalised" not in rows


def test_there_is_a_figure_for_each_test_and_a_moving_picture(recorded):
    made = {file.name for file in (recorded / "figures").iterdir()}
    pictures = {
        "ball.clean.A.png",
        "ball.clean.A.read.png",
        "ball.clean.B.png",
        "ball.clean.dream.gif",
        "lander.control.png",
        "lander.control.acting.gif",
    }
    assert pictures <= made


def test_a_second_call_trains_nothing_again_and_says_the_same(recorded, monkeypatch):
    before = (recorded / "figures/results.json").read_bytes()
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
    record("tiny", 2, RECORDED, recorded / "data", recorded / "runs", recorded / "figures", progress=False)
    assert (recorded / "figures/results.json").read_bytes() == before


def test_seeds_that_run_side_by_side_find_the_same(recorded):
    two = recorded / "two"
    record("tiny", 2, ("uniform-clean",), recorded / "data", two, two / "figures", progress=False, jobs=2)
    alone, found = ({row.name: row.value for row in read_results(at / "figures/results.json")[1]} for at in (recorded, two))
    assert found and found == {name: value for name, value in alone.items() if name.startswith("uniform.")}
