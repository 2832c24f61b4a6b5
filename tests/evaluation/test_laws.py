"""Test H: laws that are known are found again, from flights alone and through a whole model whose physics is exact."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldmodel.evaluation import EvaluationSet
from worldmodel.evaluation.laws import (
    THRESHOLDS,
    _differences,
    _flight,
    choose_threshold,
    law_reports,
    recover_law,
    regress,
    to_order_one,
)
from worldmodel.model import Belief, LatentState
from worldmodel.physics import CLEAN, Disc
from worldmodel.probing import oracle_gravity, track
from worldmodel.settings import generator
from worldmodel.videos import Film, film, truth

DT = 0.05


def thrown(g, rng, drag=0.0, noise=0.0):
    """Eight flights of 12 frames under g and a drag that slows x alone, each as `imagine_flights` gives it."""
    t, flights = np.arange(12) * DT, []
    for _ in range(8):
        x, y, vx, vy = rng.uniform([1, 2.5, -2, -1], [3, 3.5, 2, 1])
        along = vx * t if not drag else vx * (1 - np.exp(-drag * t)) / drag
        path = np.stack([x + along, y + vy * t - g * t**2 / 2], 1)
        flights.append(_differences(path + noise * rng.standard_normal(path.shape), DT))
    return flights


def terms(flights, threshold):
    scaled, unit = to_order_one(flights)
    law = regress(scaled, threshold)
    return np.argwhere(law).tolist(), law * unit


def test_constant_acceleration_is_found_and_so_is_its_size():
    left, law = terms(thrown(9.0, generator(0), noise=1e-4), 0.1)
    assert left == [[1, 0]] and law[1, 0] == pytest.approx(-9, rel=0.01)


def test_another_law_is_not_taken_for_it():
    left, _ = terms(thrown(3.0, generator(0), drag=2.0), 0.1)
    assert [0, 3] in left and [1, 0] in left  # the drag pulls against x'


def test_the_threshold_is_the_one_that_carries_over_to_other_flights():
    clips = [thrown(g, generator(0, i), noise=5e-4) for i, g in enumerate((2.0, 6.0, 12.0))]
    found = choose_threshold(clips)
    assert found > THRESHOLDS[0] and all(terms(flights, found)[0] == [[1, 0]] for flights in clips)


def test_a_flight_ends_before_the_floor_and_before_a_side():
    t = np.arange(30) * DT
    falls = np.stack([0 * t + 2, np.abs(3.2 - 5 * t**2 - 0.25) + 0.25], 1)
    aside = np.stack([2 + 1.7 * t, 3.4 - 0.1 * t], 1)
    stop = _flight(np.stack([falls, aside]), 4.0)
    assert falls[stop[0] - 1, 1] > 0.45 and (np.diff(falls[: stop[0], 1]) <= 0).all()
    assert stop[1] == np.argmax(aside[:, 0] >= 4 - 0.45)


class Exact:
    """A model whose points are an affine image of the place, whose belief is the measured g, and whose dream is a parabola."""

    config = SimpleNamespace(size=64, still=0)
    mix = np.array([[0.3, -0.2, 0.1], [0.1, 0.4, -0.3]])

    def observe(self, frames):
        place = track(frames) / 16
        g = oracle_gravity(place, DT, residual_limit=0.002)
        mean = torch.tensor(g)[:, None, None].expand(-1, frames.shape[1], 1)
        speed = np.diff(place, axis=1, prepend=2 * place[:, :1] - place[:, 1:2])
        return self.state(place, speed, Belief(mean, mean))

    def state(self, place, speed, belief):
        other = torch.zeros(*place.shape[:2], 1)
        return LatentState(torch.tensor(place @ self.mix + 0.5), torch.tensor(speed @ self.mix), other, belief, other, other)

    def imagine(self, state, steps, belief):
        back = np.linalg.pinv(self.mix)
        t = np.arange(1, steps + 1)[:, None]
        pull = -belief.mean.numpy()[:, None] * DT**2 * [0, 1] * t**2 / 2
        place = (state.points[:, -1:].numpy() - 0.5) @ back + state.speed[:, -1:].numpy() @ back * t + pull
        kept = Belief(*(value[:, None].expand(-1, steps, -1) for value in (belief.mean, belief.weight)))
        return self.state(place, 0 * place, kept)

    def decode(self, state):
        place = (state.points.numpy() - 0.5) @ np.linalg.pinv(self.mix)
        n = len(place)
        return torch.from_numpy(CLEAN.film([Disc(place, np.full(n, 0.25), np.full((n, 1), 0.9))], generator(0)))


def test_the_law_of_an_exact_model_is_constant_acceleration_by_g(tmp_path):
    sets = {}
    for split, clips in (("validation", 25), ("test", 10)):
        videos = film(Film("ball", clips, 20, split=split), tmp_path, progress=False)
        sets[split] = EvaluationSet(videos, truth(videos))
    found = recover_law(Exact(), sets, generator(0), clips=8)
    assert found["chosen"].all() and len(found["clips"]) == 8
    assert np.median(np.abs(found["coefficient"] / sets["test"].truth["g"][:8] - 1)) < 0.02


def test_reports_count_what_was_not_found_as_wrong():
    seed = {"clips": np.arange(4), "chosen": np.array([1, 1, 1, 0], bool), "seconds": 1.0}
    seed["coefficient"] = np.array([10.2, np.nan, np.nan, np.nan])
    rows = {r.name.removeprefix("ball.clean.H."): r for r in law_reports([seed] * 3, {"test": {"g": np.full(4, 10.0)}})}
    assert rows["coefficient_error"].value == 1 and not rows["coefficient_error"].holds
    assert rows["constant_chosen"].value == 0.75 and rows["seeds_chosen"].value == 1 and rows["seeds_chosen"].holds
