"""What is known of a world decides which rows it has: an oracle, the most it pays, or nothing but the policy's own return."""

import numpy as np
import pytest

from worldmodel.workbook.reports import control_reports

FLAT = np.linspace(0.4, 0.6, 10)


def seed(dream, random, **more):
    """What `run_task` might have found in a seed, evenly spread around these returns."""
    found = {"train.dream.return": dream + FLAT - 0.5, "train.random.return": random + FLAT - 0.5}
    found |= {"gap.true": dream + FLAT - 0.5, "gap.dream": dream + 30 + FLAT - 0.5, "seconds": np.array(1.0)}
    for start in ("detector", "detector.windows", "detector.none"):
        found |= {f"{start}.true": FLAT, f"{start}.dream": FLAT}
    return found | more


def rows_of(task, *seeds):
    return {row.name.removeprefix(f"{task}.control."): row for row in control_reports(task, list(seeds), "tiny")}


def test_where_the_most_that_a_world_pays_is_known_a_policy_is_measured_by_that():
    rows = rows_of("cart_pole_v1", *(seed(140.0, 20.0) for _ in range(2)))
    assert rows["return_ratio.in"].value == pytest.approx(120 / 480) and rows["return_ratio.in"].holds is False
    assert rows["gap"].value == pytest.approx(30 / 480)
    assert not any(name.startswith(("success", "return.oracle", "return.no-op")) for name in rows)


def test_where_nothing_is_known_the_gap_is_a_share_of_what_the_policy_itself_earned():
    rows = rows_of("pendulum_v1", *(seed(-150.0, -1150.0, **{"train.no-op.return": FLAT - 1200}) for _ in range(2)))
    assert rows["gap"].value == pytest.approx(0.03) and rows["return"].holds
    assert "return.no-op.in" in rows and not any(name.startswith(("return_ratio", "success")) for name in rows)


def test_starts_that_are_already_solved_do_not_count():
    gift = np.arange(10) < 4
    more = {f"train.{who}.success": won for who, won in (("no-op", gift), ("dream", ~gift), ("random", ~gift), ("oracle", ~gift))}
    more |= {"train.no-op.return": FLAT, "train.oracle.return": 10 + FLAT, "train.random.return": np.where(gift, 99.0, 0.0)}
    rows = rows_of("lander", *(seed(5.0, 0.0, **more) for _ in range(2)))
    assert rows["success.dream.in"].value == 1 and rows["return.random.in"].value == 0
