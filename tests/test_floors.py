"""The house stands: imports run down only, neighbours do not know each other, and the three walls hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "worldmodel"
FLOORS = {
    "settings": 0, "files": 0, "spread": 1, "physics": 1, "model": 2, "videos": 2, "probing": 2, "plots": 2, "training": 3,
    "control": 4, "evaluation": 4, "play": 5, "workbook": 5, "__main__": 6, "__init__": 6,
}  # fmt: skip
MODULES = sorted(HOUSE.rglob("*.py"))


def name_of(path):
    return str(path.relative_to(HOUSE))


def room(path):
    return path.relative_to(HOUSE).with_suffix("").parts[0]


def imports(path):
    """Everything a module imports, wherever in it: `from ..files import sha256` is worldmodel.files.sha256."""
    package = ("worldmodel", *path.relative_to(HOUSE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield from (".".join((*base, *filter(None, [node.module]), alias.name)) for alias in node.names)


def rooms_used(path):
    found = {name.split(".")[1] for name in imports(path) if name.startswith("worldmodel.")}
    return found - {room(path)}


def breaches(path):
    """The rooms that a module imports and may not: those that do not lie on a lower floor."""
    return {other for other in rooms_used(path) if FLOORS.get(other, 99) >= FLOORS[room(path)]}


def in_rooms(*rooms):
    return [path for path in MODULES if room(path) in rooms]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_down_only(path):
    assert room(path) in FLOORS, f"{path} is in a room that has no floor"
    assert not breaches(path)


@pytest.mark.parametrize(
    "place, line",
    [
        ("videos/store.py", "from ..training import fit"), ("videos/store.py", "from ..model.belief import Belief"),
        ("control/compare.py", "def f():\n    import worldmodel.evaluation"),
        ("settings.py", "from .files import sha256"),
        ("evaluation/reading.py", "from .. import control"), ("training/loop.py", "from .. import __main__"),
    ],
)  # fmt: skip
def test_an_import_up_or_sideways_is_seen(tmp_path, monkeypatch, place, line):
    monkeypatch.setitem(globals(), "HOUSE", tmp_path)
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(line)
    assert breaches(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_evaluation_and_the_workbook_go_through_the_door_to_the_truth(path):
    if room(path) in ("videos", "evaluation", "workbook"):
        return
    names = {part for name in imports(path) for part in name.split(".")}
    if FLOORS[room(path)] < 5:  # above, a set that evaluation opened shows what it holds
        names |= {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not names & {"truth", "Truth"}


@pytest.mark.parametrize("path", in_rooms("physics", "videos", "probing", "plots"), ids=name_of)
def test_physics_videos_probing_and_plots_do_without_torch(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"torch", "torchvision", "safetensors", "gymnasium"}


def test_probing_and_the_model_know_nothing_below_them_but_the_ground_floor():
    for path in in_rooms("probing", "plots", "model"):
        assert rooms_used(path) <= {"settings", "files"}, path


def test_a_policy_cannot_tell_the_dream_from_the_world():
    assert rooms_used(HOUSE / "control" / "actor_critic.py") <= {"settings", "training"}  # training only to save and load


def test_the_face_of_the_package_imports_no_torch():
    code = "import sys, worldmodel, worldmodel.probing, worldmodel.videos; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=HOUSE.parent, timeout=60, check=False).returncode == 0
