"""The battery on models whose knowledge is known: it finds g where it is, and nothing where nothing is."""

from types import SimpleNamespace

import numpy as np
import pytest

from worldmodel.evaluation import (
    EvaluationSet,
    all_features,
    cramer_rao,
    open_sets,
    oracle,
    read_constants,
    read_controls,
    read_pixels,
    read_sorted_positions,
    read_untrained,
)
from worldmodel.evaluation.reading import K
from worldmodel.evaluation.sets import SETS
from worldmodel.physics import BANDS
from worldmodel.probing import median_relative_error, r2, track
from worldmodel.settings import generator
from worldmodel.videos import truth


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """200 clips to fit a probe on, 50 in each other set."""
    return open_sets(root=tmp_path_factory.mktemp("sets"), share=0.1, progress=False)


class Tracker:
    """A model that sees the body's place, and over time the median second difference of its path: it knows g well."""

    config = SimpleNamespace(points=1)

    def features(self, frames):
        place = np.nan_to_num(track(frames)) / 64
        bend = np.zeros(place.shape[:2])
        for t in range(2, place.shape[1]):
            bend[:, t] = np.median(np.diff(place[:, : t + 1, 1], 2, axis=1), axis=1)
        return np.concatenate([place, bend[..., None]], 2).astype(np.float32)


def first(n, sets):
    """The first clips of every set, with their truth."""
    return {name: EvaluationSet(clips.videos[:n], truth(clips.videos[:n])) for name, clips in sets.items()}


def given_features(sets, noise):
    """Features (N, 32, 6) that hold g linearly among noise, from the second frame on."""
    rng, mix, features = generator(0), generator(1).normal(size=(1, 6)), {}
    for name, clips in sets.items():
        g = (clips.truth["g"][:, None, None] - 10) / 5
        features[name] = noise * rng.normal(size=(len(g), 32, 6)) + g * mix * (np.arange(32) > 0)[:, None]
    return features


def test_a_probe_finds_g_that_is_linearly_there_and_none_where_it_is_not(sets):
    read = read_constants(given_features(sets, 0.05), sets, ("g", "restitution"), (1, 2, 20))
    for band in ("test", "earth", "beyond"):  # beyond the range it was fitted in as well
        assert median_relative_error(sets[band].truth["g"], read[f"g.{band}.k20"]) < 0.05
    test = sets["test"].truth
    assert r2(test["g"], read["g.test.k20"]) > 0.99 and r2(test["g"], read["g.test.k2"]) > 0.99
    assert r2(test["g"], read["g.test.k1"]) < 0.1  # the first frame's features are noise
    assert r2(test["restitution"], read["restitution.test.k20"]) < 0.1


def test_noise_in_the_features_lowers_what_is_read(sets):
    scores = []
    for noise in (0.05, 1.0, 5.0):
        read = read_constants(given_features(sets, noise), sets, ("g",), (20,))
        scores.append(r2(sets["test"].truth["g"], read["g.test.k20"]))
    assert scores[0] > scores[1] > scores[2]


def test_the_controls_find_nothing_where_there_is_nothing(sets):
    model, g = Tracker(), sets["test"].truth["g"]
    features = all_features(model, sets, stop=20, names=("train", "validation", "test"))
    state = read_constants(features, {name: sets[name] for name in features}, ("g",), (1, K))
    read = read_controls(model, features, sets, generator(0))
    value = r2(g, state[f"g.test.k{K}"])
    assert value > 0.8
    assert r2(g, state["g.test.k1"]) < 0.1 and r2(g, read["shuffled"]) < 0.1
    assert max(r2(g, read["shuffled_frames"]), r2(g, read["alone"])) < value - 0.2
    assert value - r2(read["cells.truth"], read["cells"]) > 0.5  # selectivity
    assert {len(values) for values in read.values()} == {len(g)}
    assert read.keys() == {"shuffled", "shuffled_frames", "alone", "stack", "cells", "cells.truth"}


def test_permuting_the_labels_does_not_touch_the_recorded_truth(sets):
    before = {name: clips.truth["g"].copy() for name, clips in sets.items()}
    features = given_features(sets, 0.05)
    read_controls(Tracker(), {name: features[name] for name in ("train", "validation", "test")}, sets, generator(0))
    assert all(np.array_equal(before[name], sets[name].truth["g"]) for name in sets)


def test_the_oracle_beats_every_band_and_what_pixels_and_places_tell(sets):
    found, g = oracle(sets, (2, 8, 20)), sets["test"].truth["g"]
    assert found.keys() == {f"{band}.k{k}" for band in ("test", "earth", "beyond") for k in (8, 20)}
    for band in ("test", "earth", "beyond"):
        assert median_relative_error(sets[band].truth["g"], found[f"{band}.k20"]) < 0.01
    ceiling = r2(g, found["test.k20"])
    assert ceiling > 0.98
    few = first(30, sets)
    assert ceiling > max(r2(few["test"].truth["g"], read_pixels(few, generator(0))), r2(g, read_sorted_positions(sets)))


def test_untrained_networks_differ_and_read_the_same_again(sets):
    few = first(12, sets)
    two, again = read_untrained(few, 2), read_untrained(few, 1)
    assert two.shape == (2, 12) and np.array_equal(two[0], again[0]) and not np.allclose(two[0], two[1])


def test_the_bound_falls_with_frames_and_rises_with_noise(sets):
    bound = cramer_rao(sets)
    assert list(bound) == [k for k in (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 32)]
    assert all(a > b > 0 for a, b in zip(bound.values(), list(bound.values())[1:]))
    assert cramer_rao(sets, noise=0.05)[8] > 10 * bound[8]


def test_no_clip_of_the_battery_is_in_two_sets_and_each_keeps_to_its_band(sets):
    starts = np.concatenate([clips.truth["position"][:, 0] for clips in sets.values()])
    assert len(np.unique(starts, axis=0)) == len(starts) == sum(len(clips.videos) for clips in sets.values())
    for name, (_, band, _) in SETS.items():
        g = sets[name].truth["g"]
        assert np.any([(low <= g) & (g <= high) for low, high in BANDS[band]], axis=0).all()
    earth = (9 < sets["train"].truth["g"]) & (sets["train"].truth["g"] < 11)
    assert not earth.any()
