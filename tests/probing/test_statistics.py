import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldmodel.probing import Report, bootstrap, meets, r2
from worldmodel.settings import ConfigError, generator

ROW = {
    "name": "ball.clean.A.r2.k20", "value": 0.991, "low": 0.989, "high": 0.993, "seeds": 5, "n": 1000, "unit": "1",
    "mark": ">= 0.99", "holds": True, "limit": 0.9998, "anchor": "none published", "model": "default",
    "preset": "full", "seconds": 812,
}  # fmt: skip


def test_report_is_a_row_and_back_in_the_same_order():
    report = Report.from_row(ROW)
    assert list(report.row().items()) == list(ROW.items())
    assert Report.from_row(json.loads(json.dumps(report.row()))) == report


def test_row_is_strict_json_whatever_numpy_left_in_it():
    report = dataclasses.replace(
        Report.from_row(ROW), value=np.float32("nan"), low=-math.inf, n=np.int64(3), holds=np.bool_(False), limit=None
    )
    row = json.loads(json.dumps(report.row(), allow_nan=False))
    assert (row["value"], row["low"], row["n"], row["holds"], row["limit"]) == (None, None, 3, False, None)
    back = Report.from_row(row)
    assert math.isnan(back.value) and back.limit is None


@pytest.mark.parametrize("row", [ROW | {"p": 0.05}, {k: v for k, v in ROW.items() if k != "seeds"}])
def test_a_row_with_other_fields_is_refused_by_name(row):
    with pytest.raises(ConfigError, match="'p'|'seeds'"):
        Report.from_row(row)


@pytest.mark.parametrize(
    ("value", "mark", "holds"),
    [
        (0.99, ">= 0.99", True), (0.98, ">= 0.99", False), (0.05, "<= 0.05", True), (0.06, "<= 0.05", False),
        (0.0, "> 0", False), (-1.0, "< 0", True), (-250.0, ">= -200", False),
        (0.9, "0.9 to 1.1", True), (1.1, "0.9 to 1.1", True), (1.2, "0.9 to 1.1", False), (0.8, "0.9 to 1.1", False),
        (math.nan, ">= 0.99", False), (math.nan, "<= 0.99", False), (math.nan, "0 to 1", False), (0.5, "", None),
    ],
)  # fmt: skip
def test_meets(value, mark, holds):
    assert meets(np.float64(value), mark) is holds


@pytest.mark.parametrize("mark", [">=", "0.99", "== 1", ">= high", "1 to", "a to b", ">= 1 2"])
def test_a_mark_that_cannot_be_read_is_refused(mark):
    with pytest.raises(ConfigError, match="mark"):
        meets(1.0, mark)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_value_is_on_one_side_of_a_mark(value, number):
    assert meets(value, f">= {number!r}") != meets(value, f"< {number!r}")


def test_bootstrap_value_is_the_mean_over_seeds_and_is_repeatable():
    rng = generator(0)
    seeds = [(y, y + rng.normal(size=60)) for y in rng.normal(size=(3, 60))]
    value, low, high = bootstrap(seeds, r2, generator(1), draws=200)
    assert value == pytest.approx(np.mean([r2(*arrays) for arrays in seeds]))
    assert low < value < high
    assert (value, low, high) == bootstrap(seeds, r2, generator(1), draws=200)


def covered(seed_sd, clip_sd, seeds, clips, same_clips=False, trials=150):
    """Share of trials whose interval holds the true mean, 0. Under ``same_clips`` the clips' part is common to seeds."""
    rng, hits = generator(2), 0
    for _ in range(trials):
        part = clip_sd * rng.normal(size=(1 if same_clips else seeds, clips))
        data = part + seed_sd * rng.normal(size=(seeds, 1))
        _, low, high = bootstrap([(row,) for row in data], np.mean, rng, draws=100, same_clips=same_clips)
        hits += low <= 0 <= high
    return hits / trials


def test_bootstrap_covers_the_truth():
    assert 0.87 < covered(0.0, 1.0, seeds=1, clips=60) < 0.99  # clips alone
    assert 0.8 < covered(0.5, 1.0, seeds=8, clips=30) < 0.99  # seeds and clips


def test_shared_clips_must_be_drawn_together():
    assert covered(0.0, 1.0, seeds=5, clips=40, same_clips=True) > 0.87
    clips = generator(3).normal(size=200)
    widths = [np.diff(bootstrap([(clips,)] * 5, np.mean, generator(4), 300, same)[1:])[0] for same in (False, True)]
    assert widths[1] > 1.8 * widths[0]


def test_a_difference_on_the_same_clips_is_a_statistic_of_three_arrays():
    rng = generator(5)
    seeds = []
    for _ in range(3):
        y = rng.normal(size=200)
        common = rng.normal(size=200)  # both probes err alike, so the pairing matters
        seeds.append((y, y + common, y + common * 1.2))
    value, low, _ = bootstrap(seeds, lambda y, a, b: r2(y, a) - r2(y, b), generator(6), draws=300)
    assert 0 < low < value


def test_bootstrap_with_unequal_seeds_and_a_nan():
    rng = generator(7)
    value, low, high = bootstrap([(rng.normal(size=30),), (rng.normal(size=50),)], np.mean, rng, draws=50)
    assert low < value < high
    assert np.isnan(bootstrap([(np.array([1.0, np.nan]),)], np.mean, rng, draws=50)).all()


@pytest.mark.parametrize(
    ("per_seed", "same"),
    [
        ([], False),
        ([(np.ones(3), np.ones(4))], False),
        ([(np.ones(0),)], False),
        ([(np.ones(3),), (np.ones(4),)], True),
    ],
)
def test_bootstrap_refuses(per_seed, same):
    with pytest.raises(ConfigError):
        bootstrap(per_seed, np.mean, generator(8), same_clips=same)
