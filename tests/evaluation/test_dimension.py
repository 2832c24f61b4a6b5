"""Test F on features whose dimension is known: those of a tracker that sees where the bob is and how it moves."""

import numpy as np
import pytest

from worldmodel.evaluation.dimension import PENDULUMS, dimension_reports, fixed, latent_dimension
from worldmodel.physics import world
from worldmodel.probing import track


class Tracker:
    @staticmethod
    def features(frames):
        place = track(frames, 0.5)  # above the rod's brightness
        return np.concatenate([place, np.gradient(place, axis=1)], -1)


class Place:
    @staticmethod
    def features(frames):
        return track(frames, 0.5)


def test_fixed_leaves_what_may_vary():
    law, free = fixed(world("pendulum"), ("damping",)).law, world("pendulum").law
    assert law.damping == free.damping and law.length == pytest.approx((0.85, 0.85)) and law.pivot_x == (2, 2)


@pytest.mark.parametrize("model, dimension", [(Tracker(), 2), (Place(), 1)])
def test_dimension_of_known_features(model, dimension):
    found = latent_dimension(model, "pendulum", clips=500)
    assert found["true"].shape == (500,)
    assert 1 / found["latent"].mean() == pytest.approx(dimension, abs=0.3)
    assert 1 / found["true"].mean() == pytest.approx(2, abs=0.3)


def test_g_alone_adds_one_to_the_true_states():
    assert 1 / latent_dimension(Place(), "pendulum", ("g",), 500)["true"].mean() == pytest.approx(3, abs=0.4)


def test_reports_meet_their_marks():
    inverse = np.full(100, 0.5)
    seed = {f"{name}/{kind}": inverse for name in PENDULUMS for kind in ("latent", "true")}
    rows = dimension_reports(PENDULUMS, [seed | {"seconds": 1.0}])
    assert [row.holds for row in rows] == [True, False, False] and rows[0].value == 2 == rows[0].limit
