"""The efficiency of estimates whose error is known: 1 at the bound, 1/3 at three times its standard deviation."""

from types import SimpleNamespace

import numpy as np
import pytest

from worldmodel.evaluation import efficiency_reports, read_in_flight
from worldmodel.settings import generator


@pytest.mark.parametrize("times", [1.0, 3.0])
def test_an_estimate_at_the_bound_is_efficient(times):
    rng, sets = generator(0), {}
    sd = 0.13  # m/s^2, roughly what the pixels allow; set right below
    for name, n in (("train", 1500), ("validation", 300), ("test", 3000)):
        contacts = np.zeros((n, 12), int)
        contacts[: n // 10, 3] = 1  # these clips do not count
        g = rng.uniform(1, 20, n)
        truth = {"contacts": contacts, "g": g, "radius": np.full(n, 0.25), "metres_per_pixel": np.full(n, 1 / 16)}
        noise = rng.normal(size=n)
        sets[name] = SimpleNamespace(truth=truth, noise=noise, frames=lambda k, g=g, e=noise: np.stack([g, e], 1))
    bound = read_in_flight(SimpleNamespace(features=lambda x: x[:, None, :1]), sets)["sd"]
    assert len(bound) == 2700 and np.ptp(bound) == 0 and sd / 3 < bound[0] < 3 * sd
    estimate = lambda x: (x[:, 0] + times * bound[0] * x[:, 1])[:, None, None]
    found = read_in_flight(SimpleNamespace(features=estimate), sets)
    rows = efficiency_reports([found | {"seconds": 1.0}])
    assert rows[0].value == pytest.approx(1 / times, rel=0.06) and rows[0].holds is (times < 5)
    assert rows[1].value == pytest.approx(times * bound[0], rel=0.06)
