"""Constants of other worlds, read from states in which they are planted; the controls read nothing."""

from importlib import import_module
from types import SimpleNamespace

from worldmodel.evaluation import CONSTANTS, constants_reports, read_world
from worldmodel.evaluation.constants import SEEN
from worldmodel.settings import generator


def test_each_constant_has_a_row_and_what_is_planted_is_read(monkeypatch):
    monkeypatch.setattr(import_module("worldmodel.evaluation.reports"), "DRAWS", 20)
    rng, sets = generator(0), {}
    for name, n in (("train", 400), ("validation", 100), ("test", 150), ("earth", 50), ("beyond", 50)):
        g = rng.uniform(9, 11, n) if name == "earth" else rng.uniform(1, 20, n)
        truth = {"g": g, "k_over_m": rng.uniform(22, 70, n), "damping": rng.uniform(0, 1, n)}
        states = rng.normal(size=(n, max(SEEN), 4))
        states[:, 5:, 0] += 10 * g[:, None]  # from the sixth frame on; damping is nowhere
        states[:, :, 1] += 10 * truth["k_over_m"][:, None]
        sets[name] = SimpleNamespace(truth=truth, frames=lambda k, x=states: x[:, :k])
    model = SimpleNamespace(features=lambda frames: frames)
    found = read_world(model, sets, "spring", 0) | {"seconds": 1.0}
    rows = constants_reports("spring", [found], {name: mine.truth for name, mine in sets.items()}, found)
    value = {row.name.removeprefix("spring.clean."): row.value for row in rows}
    assert {f"A.r2_{name}.k32" for name in CONSTANTS["spring"][1:]} <= set(value)
    assert value["A.r2.k8"] > 0.99 and value["A.r2_k_over_m.k32"] > 0.99 and value["A.r2_damping.k32"] < 0.1
    assert value["B.r2.first"] < 0.1 and value["B.r2.shuffled"] < 0.1 and value["A.relerr.earth.k20"] < 0.02
