"""Flights imagined by any family: which clips count, what is moved, and what is measured, against flights that are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.evaluation import fly_on, open_sets
from worldmodel.evaluation.flights import ROOM, SEEN, STEPS, flight_gravity, flying, held, holding, last_states
from worldmodel.model import WorldModel
from worldmodel.model.world_model import MEMORIES


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return open_sets("ball", "clean", tmp_path_factory.mktemp("data"), 0.1, progress=False)


def test_the_parabola_of_a_flight_gives_g_back_whatever_its_start():
    rng, t = np.random.default_rng(0), np.arange(STEPS) * 0.05
    g, v, y = rng.uniform(1, 30, 50), rng.normal(size=50), rng.uniform(1, 3, 50)
    path = np.stack([np.ones((50, STEPS)), y[:, None] + v[:, None] * t - g[:, None] * t**2 / 2], -1)
    np.testing.assert_allclose(flight_gravity(path), g, rtol=1e-6)
    path[3, 4] = np.nan
    assert np.isnan(flight_gravity(path)[3]) and np.isfinite(flight_gravity(path)[4:]).all()


def test_only_clips_in_flight_and_far_from_walls_count(sets):
    clips = sets["test"]
    chosen = flying(clips)
    path, g = clips.truth["position"][:, SEEN - 1 : SEEN + STEPS], clips.truth["g"]
    np.testing.assert_allclose(flight_gravity(path[chosen].astype(float)), g[chosen], rtol=0.02)
    assert 0 < len(chosen) < len(g) and path[chosen].min() > ROOM and path[chosen].max() < 4 - ROOM
    wrong = np.setdiff1d(np.arange(len(g)), chosen)
    bounced = np.abs(flight_gravity(path[wrong].astype(float)) / g[wrong] - 1) > 0.05
    assert bounced.mean() > 0.2


@pytest.mark.parametrize("dynamics", ["evidence", *MEMORIES])
def test_what_a_family_holds_is_moved_and_nothing_else(sizes, dynamics, sets):

    model = WorldModel(replace(sizes, dynamics=dynamics)).eval()
    state = last_states(model, sets["test"], which=np.arange(5))
    moved = holding(state, held(state) + 1)
    assert held(state).shape[-1] == (sizes.constants if dynamics == "evidence" else model.dynamics.size)
    assert torch.equal(held(moved), held(state) + 1)
    assert torch.equal(moved.points, state.points) and torch.equal(moved.appearance, state.appearance)


@pytest.mark.parametrize("dynamics", ["evidence", "gru"])
def test_the_whole_path_on_models_that_were_never_trained(sizes, dynamics, sets):

    torch.manual_seed(0)
    found = fly_on(WorldModel(replace(sizes, dynamics=dynamics)).eval(), sets)
    m = len(flying(sets["test"]))
    assert found["none"].shape == found["read"].shape == (m,) and found["asked"].shape == (m, 4)
    assert np.isfinite(found["read"]).all()


def test_what_is_asked_is_what_the_probe_then_reads_and_the_pictures_of_it_are_measured(sizes, sets, monkeypatch):
    """A stand-in decoder shows flights under just the g that a probe of its own reads from what is held: the slope is 1."""
    from worldmodel.evaluation import flights, slope

    model, g = WorldModel(sizes).eval(), {name: sets[name].truth["g"] for name in ("train", "validation", "test")}
    rng = np.random.default_rng(0)
    mixing = torch.from_numpy(rng.normal(size=sizes.constants)).float()

    def states(_, clips, batch=100, which=None):
        true = clips.truth["g"] if which is None else clips.truth["g"][which]
        spread = 0.1 * rng.normal(size=(len(true), sizes.constants))
        mean = torch.from_numpy(true[:, None] * mixing.numpy() + spread).float().unsqueeze(1)
        state = last_states(model, sets["test"], which=np.arange(len(true)) % 50)
        return holding(state, mean)

    def show(_, path):
        read = (held(path)[:, 0] @ mixing / (mixing @ mixing)).numpy()
        y = 32 - 0.5 * read[:, None] * (np.arange(STEPS) / 20) ** 2 * 16
        return np.stack([np.full_like(y, 32), y], -1), None

    monkeypatch.setattr(flights, "last_states", states), monkeypatch.setattr(flights, "find_body", show)
    found = fly_on(model, sets)
    assert np.abs(found["none"] / g["test"][found["clips"]] - 1).max() < 0.3
    assert slope(found["none"], found["asked"], found["read"]) == pytest.approx(1, abs=0.05)
