"""What several rooms' tests share: one thread, tiny recordings, a tiny model trained for a few steps, and a count of faults."""

import collections
import contextlib
import os
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("WORLDMODEL_DEVICE", "cpu")  # where the same seed gives the same bytes; `test_gpu` asks for the other

import pytest
import torch

from worldmodel.model import WorldModelConfig
from worldmodel.training import FitConfig, fit
from worldmodel.videos import Film, film

torch.set_num_threads(1)
WIDTHS = {"encoder_width": 8, "decoder_width": 8, "dynamics_width": 16}
SIZES = WorldModelConfig(points=2, anchors=1, vector=2, constants=3, **WIDTHS)
FIT = FitConfig(find_steps=6, find_clips=4, predict_steps=6, predict_clips=8, starts=2, horizon=4, save_every=4)


@pytest.fixture(scope="session")
def sizes():
    return SIZES


@pytest.fixture(scope="session")
def widths():
    return WIDTHS


@pytest.fixture(scope="session")
def tiny_fit():
    return FIT


@pytest.fixture(scope="session")
def tiny_scale():
    """The least that a recorded run can do: a few steps of everything, and of its seeds only the first is one of the few."""
    from worldmodel import control
    from worldmodel.workbook.scales import Scale

    few_steps = replace(FIT, find_steps=3, predict_steps=3)
    return Scale("tiny", few_steps, 60, few_steps, replace(control.QUICK, updates=2), 256, 1, 0.03, 1, 8, 0.02, 1, 200)


@pytest.fixture(scope="session")
def ball(tmp_path_factory):
    """30 clips of 12 frames, which were never acted in."""
    return film(Film("ball", 30, 12), tmp_path_factory.mktemp("ball"), progress=False)


@pytest.fixture(scope="session")
def lander(tmp_path_factory):
    """30 clips of 24 frames with actions, rewards and ends; many end on the way."""
    return film(Film("lander", 30, 24), tmp_path_factory.mktemp("lander"), progress=False)


@pytest.fixture(scope="session")
def lander_model(lander):
    """A world model that knows actions, rewards and ends, barely trained."""
    return fit(lander, FIT, SIZES, progress=False)


@pytest.fixture(scope="session")
def game(lander_model, lander):
    """A game on a small untrained model: what is tested is the playing, not the dream."""
    from worldmodel.play.game import Game

    return Game(lander_model, lander)


@pytest.fixture()
def new_game(game):
    return game.another


FAULTS = collections.Counter()  # (kind, "tried" or "survived") -> how many; by all processes of a run, kept where its end is told


@pytest.fixture
def fault(request):
    """``with fault("kind", times): ...`` tries a fault so many times; they were survived if the block ends well."""
    count = collections.Counter()

    @contextlib.contextmanager
    def tried(kind, times=1):
        count[kind, "tried"] += times
        yield
        count[kind, "survived"] += times

    yield tried
    request.node.user_properties.append(("faults", [[*key, n] for key, n in count.items()]))


def pytest_runtest_logreport(report):
    if report.when == "teardown":
        for name, counts in report.user_properties:
            FAULTS.update({tuple(key): n for *key, n in counts} if name == "faults" else {})


def pytest_terminal_summary(terminalreporter):
    kinds = sorted({kind for kind, _ in FAULTS})
    if kinds:
        total = {what: sum(FAULTS[kind, what] for kind in kinds) for what in ("tried", "survived")}
        terminalreporter.section(f"faults: {total['tried']} tried, {total['survived']} survived")
        for kind in kinds:
            terminalreporter.write_line(f"{kind:<60} {FAULTS[kind, 'tried']:>5} {FAULTS[kind, 'survived']:>5}")
