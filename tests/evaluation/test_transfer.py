"""Test I on states whose knowledge of g is planted: the same in one body, of another scale in the next, none in the last."""

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from worldmodel.evaluation.transfer import carry_over, transfer_reports
from worldmodel.settings import generator

PLANTED = {"ball": 1.0, "pendulum": 1.0, "spring": 0.5, "orbit": 0.0}  # how a world's states scale with g


def planted(scale, rng, n):
    g = rng.uniform(1, 20, n)
    states = rng.normal(size=(n, 3))
    states[:, 0] = scale * g + 0.05 * states[:, 0]
    return SimpleNamespace(frames=lambda k: np.repeat(states[:, None], k, 1), truth={"g": g})


def test_what_carries_over_and_what_only_a_refitted_probe_reads(monkeypatch):
    monkeypatch.setattr(import_module("worldmodel.evaluation.reports"), "DRAWS", 20)
    rng = generator(0)
    sizes = {"train": 400, "validation": 100, "test": 100}
    sets = {world: {name: planted(s, rng, n) for name, n in sizes.items()} for world, s in PLANTED.items()}
    found = carry_over(SimpleNamespace(features=lambda frames: frames), sets)
    truths = {world: mine["test"].truth for world, mine in sets.items()}
    rows = {r.name.removeprefix("all.clean.I."): r for r in transfer_reports([found | {"seconds": 1.0}], truths)}
    value = {name: row.value for name, row in rows.items()}
    assert value["r2.ball"] == pytest.approx(1, abs=1e-3) and rows["r2.pendulum"].holds
    assert value["r2.spring"] < 0.5 and rows["r2.spring"].holds is False
    assert value["correlation2.spring"] > 0.99 and value["refit.spring"] > 0.99
    assert value["refit.orbit"] < 0.1 and rows["r2.orbit"].holds is None
