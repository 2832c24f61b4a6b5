"""Pieces of work on threads, on processes and on a real local Ray of two workers, one of which is killed on the way."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from worldmodel.settings import ConfigError
from worldmodel.spread import spread
from worldmodel.videos import Film, film


def square(number, folder=None):
    if folder:
        Path(folder, f"{number}-{os.getpid()}").touch()
    return number * number


def die_once(folder):
    """Kills its own worker the first time that it is called."""
    mark = Path(folder) / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": python_path()}})
    yield "auto"
    ray.shutdown()


def python_path():
    return os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])


PIECES = [partial(square, number) for number in range(9)]


@pytest.mark.parametrize("where", [{}, {"workers": 2}, {"workers": 2, "threads": True}], ids=str)
def test_results_come_in_the_order_of_the_pieces(where):
    assert list(spread(PIECES, **where)) == [number * number for number in range(9)]


def test_processes_are_others_than_this_one(tmp_path):
    list(spread([partial(square, number, tmp_path) for number in range(4)], workers=2))
    assert str(os.getpid()) not in {file.name.split("-")[1] for file in tmp_path.iterdir()}


def test_on_ray_too(cluster):
    assert list(spread(PIECES, ray=cluster)) == [number * number for number in range(9)]


def test_a_piece_whose_worker_was_killed_is_done_again_and_nothing_is_lost(cluster, tmp_path):
    pieces = [*PIECES[:4], partial(die_once, tmp_path), *PIECES[4:]]
    found = list(spread(pieces, ray=cluster))
    assert (tmp_path / "died").exists() and found[4] == "done"
    assert found[:4] + found[5:] == [number * number for number in range(9)]


def test_a_film_of_a_cluster_has_the_bytes_of_one_machine(cluster, tmp_path):
    config = Film("ball", clips=2100, frames=4)  # three shards
    one = film(config, tmp_path / "one", progress=False)
    shards = film(config, tmp_path / "two", progress=False, ray=cluster)
    assert shards.digest == one.digest
    shards.verify()


def test_an_error_in_a_piece_arrives(cluster):
    for where in ({}, {"workers": 2}, {"ray": cluster}):
        with pytest.raises(ZeroDivisionError):
            list(spread([partial(divmod, 1, 0)], **where))


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ConfigError, match="cluster"):
        spread(PIECES, ray="auto")
