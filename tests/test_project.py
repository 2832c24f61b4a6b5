"""The project's own files: one list of dependencies, a reason on each line, two commands, weights that are whole."""

import re
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[1]


def dependency_lines():
    text = (HOME / "pyproject.toml").read_text()
    for block in re.findall(r"^\w+ = \[\n(.*?)^\]|^(tensorboard = \[.*)$", text, re.M | re.S):
        yield from (line for line in "".join(block).splitlines() if line.strip().startswith(('"', "tensorboard")))


def test_every_dependency_gives_its_reason():
    lines = list(dependency_lines())
    assert len(lines) >= 20
    assert [line for line in lines if not re.search(r"#\s*\S.{5,}", line)] == []


def test_the_conda_environment_holds_no_second_list():
    listed = [line.strip() for line in (HOME / "environment.yml").read_text().splitlines() if line.strip().startswith("- ")]
    assert listed == ["- python>=3.10", "- pip", "- pip:", "- -e .[test]"]


def test_the_first_import_is_quick_and_waits_for_no_torch():
    code = "import time; t = time.perf_counter(); import sys, worldmodel; print(time.perf_counter() - t, 'torch' in sys.modules)"
    run = lambda: subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    seconds, torch = zip(*(run() for _ in range(3)))
    assert min(map(float, seconds)) < 0.3 and set(torch) == {"False"}


def test_names_on_the_package_face_exist():
    import worldmodel

    assert all(getattr(worldmodel, name) is not None for name in worldmodel.__all__)


def test_the_readme_table_is_the_one_that_results_make(tmp_path):
    from worldmodel.workbook import write_readme_table

    copy = tmp_path / "README.md"
    copy.write_text((HOME / "README.md").read_text())
    write_readme_table(copy, HOME / "figures" / "results.json")
    assert copy.read_text() == (HOME / "README.md").read_text()


def test_pretrained_weights_are_whole_and_small():
    from worldmodel import load, load_policy

    weights = HOME / "data" / "weights"
    load(weights / "ball")
    assert load(weights / "lander").feature_size == load_policy(weights / "lander-policy").sizes["features"]
    assert sum(file.stat().st_size for file in weights.rglob("*")) < 15_000_000
