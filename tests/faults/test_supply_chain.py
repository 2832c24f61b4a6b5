"""What the project is made of: it runs no stranger's bytes; each package is pinned, hashed, and its licence known."""

import ast
import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = Path(__file__).parents[2]
CODE = [*(HOME / "worldmodel").rglob("*.py"), *(HOME / "benchmarks").rglob("*.py"), *(HOME / "tests").rglob("conftest.py")]
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "torch.load",
    "torch.save",
    "joblib.load",
    "torch.hub.load",
    "pandas.read_pickle",
}


def unsafe(text):
    """Whatever in a program would run bytes that somebody else wrote."""
    names = {}  # what a name in this file stands for
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module else ""
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = f"{origin}{alias.name if alias.asname else alias.name}"
                if {(origin + alias.name).split(".")[0]} & PICKLES:
                    yield origin + alias.name
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            first, _, rest = ast.unparse(node.func).partition(".")
            called = ".".join(filter(None, [names.get(first, first), rest])).replace("builtins.", "")
            if called in CALLS:
                yield called
            if any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords):
                yield f"{called} of pickles"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(HOME)))
def test_nothing_is_unpickled_or_evaluated(path):
    assert list(unsafe(path.read_text())) == []


@pytest.mark.parametrize("line", [
    "import pickle", "import torch.nn, pickle as p", "from pickle import loads", "def f():\n    import dill.source",
    "eval('1')", "exec(text)", "import builtins\nbuiltins.eval('1')", "import torch\ntorch.load(path, weights_only=True)",
    "import torch as t\nt.load(path)", "from torch import load as opened\nopened(path)",
    "np.load(path, allow_pickle=True)", "np.load(path, allow_pickle=flag)", "import joblib\njoblib.load(path)",
])  # fmt: skip
def test_unsafe_lines_are_seen(fault, line):
    with fault("supply chain: a line that would run a stranger's bytes"):
        assert list(unsafe(line))


@pytest.mark.parametrize(
    "line", ["model.eval()", "np.load(path, allow_pickle=False)", "re.compile(x)", "from .checkpoint import load\nload(path)"]
)
def test_safe_lines_are_not(line):
    assert not list(unsafe(line))


def pins():
    lines = [line for line in (HOME / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    found = [re.fullmatch(r"([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})", line) for line in lines]
    assert all(found), [line for line, good in zip(lines, found) if not good]
    return {good[1]: good[2] for good in found}


def reached():
    """Names and installed versions of all that the project's list leads to, through packages of the recorded versions.

    A newer release of one of them may need others, which no recorded run had.
    """
    recorded, seen, found = pins(), set(), {}
    waiting = [("worldmodel", extra) for extra in ("", "test", "cluster")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of an extra that is not installed here
            continue
        if name != "worldmodel":
            found[name] = package.version
            if recorded.get(name) not in (None, package.version):
                continue
        for line in package.requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(need.name), one) for one in ("", *need.extras)]
    return found


def test_every_package_of_the_recorded_run_is_pinned_and_hashed():
    recorded = pins()
    assert len(recorded) > 100 and reached().keys() - recorded.keys() == set()


def test_every_declared_dependency_is_pinned_within_its_bounds():
    recorded = pins()
    block = re.findall(r'^    "([^"]+)", ', (HOME / "pyproject.toml").read_text(), re.M)
    assert len(block) > 20
    for need in map(Requirement, block):
        assert need.specifier.contains(recorded[canonicalize_name(need.name)]), need


def test_every_package_is_on_the_list_of_licences():
    rows = re.findall(r"^\| ([a-z0-9-]+) \| (\d\S*) \| (.+) \|$", (HOME / "LICENSES.md").read_text(), re.M)
    assert {name: version for name, version, _ in rows} == pins()
    assert reached().keys() <= {name for name, _, _ in rows}
    assert {name for name, _, licence in rows if licence == "not stated"} <= {"cuda-toolkit"}  # it holds no file, only needs
