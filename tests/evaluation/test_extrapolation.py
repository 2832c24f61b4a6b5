"""Test D: the tracker of two bodies, and dreams whose errors are known: the true frames, those a step late, none at all."""

from importlib import import_module

import numpy as np
import pytest

from worldmodel.evaluation.extrapolation import DEGREE, extrapolate, extrapolation_reports, phyworld_sets, track_pair
from worldmodel.physics import Camera, Disc
from worldmodel.settings import generator

MODULE = import_module("worldmodel.evaluation.extrapolation")
N = 12


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return {world: phyworld_sets(world, tmp_path_factory.mktemp(world), N, progress=False) for world in DEGREE}


def dream(monkeypatch, clips, late=0, dark=False):
    """Let the dream be the true frames, ``late`` frames behind; or no body at all."""
    frames = clips.videos.read()[:, 3 - late : 32 - late]
    monkeypatch.setattr(MODULE, "imagine_frames", lambda *_: 0 * frames if dark else frames)


def test_a_pair_is_found_apart_and_touching_and_a_missing_one_is_not():
    centre = np.array([[[3.0, 6.0], [7.0, 4.0]], [[4.0, 5.0], [6.0, 5.0]]])[:, None]  # (clips, 1 frame, bodies, 2)
    ball = lambda i, radius, light: Disc(centre[:, :, i], np.full(2, radius), np.full((2, 1), light))
    camera, rng = Camera(metres=10.0), generator(0)
    frames = camera.film([ball(1, 1.2, 0.6), ball(0, 0.8, 0.9)], rng)
    np.testing.assert_allclose(track_pair(frames) / 6.4, centre, atol=0.01)
    alone = track_pair(camera.film([ball(1, 1.2, 0.6)], rng))
    assert np.isnan(alone[..., 0, :]).all()
    np.testing.assert_allclose(alone[..., 1, :] / 6.4, centre[:, :, 1], atol=0.01)


@pytest.mark.parametrize("world", DEGREE)
def test_the_true_frames_are_wrong_by_the_tracker_alone(sets, monkeypatch, world):
    for clips in sets[world].values():
        dream(monkeypatch, clips)
        found = extrapolate(None, clips, DEGREE[world], batch=N)
        assert np.isfinite(found["velocity"]).all() and found["velocity"].mean() < 0.04
        np.testing.assert_allclose(found["velocity"], found["floor.velocity"])


def test_a_late_dream_is_wrong_in_place_and_not_in_velocity(sets, monkeypatch):
    clips = sets["uniform"]["in"]
    dream(monkeypatch, clips, late=1)
    found = extrapolate(None, clips, 1, batch=N)
    np.testing.assert_allclose(found["position"], clips.truth["v"] * 0.1 / 10, atol=5e-4)
    speed = clips.truth["v"] / 29  # the first imagined frame shows the last one again
    assert (found["velocity"] > speed * 0.9).all() and found["velocity"].mean() < 2 * speed.mean() + 0.02


def test_the_closed_form_is_good_where_its_law_holds(sets, monkeypatch):
    for world, largest in (("uniform", 0.02), ("parabola", 0.6)):
        dream(monkeypatch, sets[world]["out"])
        found = extrapolate(None, sets[world]["out"], DEGREE[world], batch=N)
        assert np.nanmean(found["closed.velocity"]) < largest
    straight = extrapolate(None, sets["parabola"]["out"], 1, batch=N)
    assert np.nanmean(straight["closed.velocity"]) > 1


def test_a_dream_without_a_body_is_wrong_by_the_picture(sets, monkeypatch):
    rows = {}
    for name, clips in sets["uniform"].items():
        dream(monkeypatch, clips, dark=True)
        rows |= {f"{name}.{key}": value for key, value in extrapolate(None, clips, 1, batch=N).items()}
    assert (rows["in.velocity"] == 10).all() and (rows["in.position"] == 1).all()
    reports = {r.name.removeprefix("uniform.clean.D."): r for r in extrapolation_reports("uniform", [rows | {"seconds": 1.0}])}
    assert {"velocity_error.in", "velocity_error.out", "position_gap", "floor.in"} <= reports.keys()
    assert reports["velocity_error.out"].holds is False and reports["position_gap"].value == 0
    assert reports["velocity_error.out"].limit < 0.02  # the closed form's
