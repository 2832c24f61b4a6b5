"""How many times the frames: between trials, a bound where there is no between, and nothing from a rival that learned nothing."""

import numpy as np
import pytest

from worldmodel.evaluation import rows_of
from worldmodel.workbook.baselines import baseline_reports, frames_multiple
from worldmodel.workbook.figures import frames_figure


def rows(earned, dream, idle=-1.0, view="pixels"):
    """Rows of a dream's policy, of idleness, and of PPO on a view at 20,000, 60,000 and 200,000 frames."""
    row = rows_of("lander.control", [{"seconds": 1.0}], "full")
    others = [row(f"return.{name}.in", [(np.full(4, value),)], np.mean) for name, value in (("dream", dream), ("no-op", idle))]
    seed = {
        "points": np.array([20_000, 60_000, 200_000]),
        "frames": np.array([20_480, 60_416, 200_704]),
        "seconds": np.array([1.0, 2.0, 3.0]),
    }
    for band in ("train", "beyond"):
        seed |= {f"returns.{band}": np.repeat(earned, 4).reshape(3, 4), f"success.{band}": np.zeros((3, 4), bool)}
    return others + baseline_reports(f"lander-ppo-{view}", [seed])


@pytest.mark.parametrize(
    "earned, multiple, word",
    [
        ((0.0, 1.0, 3.0), 3 * (200 / 60) ** 0.5, "between"),  # halfway from the second trial to the third
        ((0.0, 0.5, 1.0), 10.0, "lower bound"),
        ((2.5, 3.0, 3.0), 1.0, "upper bound"),
    ],
)
def test_the_multiple_and_what_kind_of_number_it_is(earned, multiple, word):
    (found,) = frames_multiple(rows(earned, dream=2.0), "lander")
    assert found.value == pytest.approx(multiple) and word in found.anchor and found.holds == (multiple >= 10)


def test_what_is_told_the_state_has_a_row_of_its_own_and_no_mark():
    reports = rows((0.0, 1.0, 3.0), dream=2.0, view="state")
    assert frames_multiple(reports, "lander") == []
    (found,) = frames_multiple(reports, "lander", view="state")
    assert found.name == "lander.control.frames_vs_ppo_state" and found.holds is None
    assert found.value == pytest.approx(3 * (200 / 60) ** 0.5)


def test_a_rival_that_is_no_better_than_idleness_shows_nothing():
    assert frames_multiple(rows((-3.0, -3.0, -2.0), dream=2.0), "lander") == []


def test_rows_are_named_by_the_frames_that_were_asked_for():
    names = {row.name for row in rows((0.0, 1.0, 2.0), 2.0)}
    assert {f"lander.control.return.ppo_pixels.{n}.{band}" for n in (20000, 60000, 200000) for band in ("in", "beyond")} <= names


def test_the_figure_shows_the_intervals_that_the_rows_have():
    reports = rows((0.0, 1.0, 2.0), 2.0)
    axes = frames_figure("lander", reports).axes[0]
    (band,) = (path.vertices for path in axes.collections[0].get_paths())
    told = [row for row in reports if ".return.ppo_pixels." in row.name and row.name.endswith(".in")]
    assert {*band[:, 1].round(6)} >= {round(value, 6) for row in told for value in (row.low, row.high)}
    assert frames_figure("catcher", reports) is None
