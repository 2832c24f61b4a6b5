"""The workbook: outputs belong to the source that is there, and every notebook has the form that STYLE asks for.

Nothing is executed here; `pytest --nbmake notebooks` does that (make test).
"""

import ast
import json
import re
from pathlib import Path

import pytest

from worldmodel.workbook.notebooks import ENTRY, LIVE, source_hash

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
HOW = (
    "**How to run this.** Once, in a copy of the project (a clone or an unpacked download), "
    "from the folder that holds `pyproject.toml`: `pip install -e .` "
    "Then `jupyter lab notebooks` (or `make lab`) and run the cells in order. "
    "In a hosted notebook such as Colab: unpack the copy there, `%cd` into its folder `notebooks`, and `%pip install ..` instead."
)
SECTIONS = ["Write down your guess", "The claims", "What we learned", "What this does not show", "Exercises"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text())


def source(cell):
    return "".join(cell["source"])


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def prose(notebook):
    return "\n".join(source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


def texts(output):
    """All text of an output, of a picture too: what it is called."""
    parts = [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k.startswith("text/"))]
    return "\n".join("".join(part) for part in parts)


def test_there_are_notebooks_in_the_order_of_their_numbers():
    numbers = [path.name.split("_")[0] for path in NOTEBOOKS]
    assert len(NOTEBOOKS) >= 4 and all(re.fullmatch(r"\d\d", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_the_stored_outputs_belong_to_the_source(notebook):
    assert notebook["metadata"][ENTRY]["sha256"] == source_hash(notebook), "run python -m worldmodel.workbook.notebooks on it"
    assert [cell["execution_count"] for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))


def test_a_change_of_code_is_seen_and_one_of_prose_is_not(notebook):
    before = source_hash(notebook)
    next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")["source"] = "other words"
    assert source_hash(notebook) == before
    code(notebook)[0]["source"] = ["x = 1\n", *code(notebook)[0]["source"]]
    assert source_hash(notebook) != before


def test_every_code_cell_shows_something_and_nothing_went_wrong(notebook):
    for cell in code(notebook):
        assert cell["outputs"], source(cell)
        for output in cell["outputs"]:
            assert output["output_type"] != "error" and output.get("name") != "stderr", texts(output)
            assert "Warning" not in texts(output)


def test_no_cell_is_long_and_none_holds_machinery(notebook):
    assert 6 <= len(code(notebook)) <= 12
    for cell in code(notebook):
        assert len(source(cell).splitlines()) <= 25
        nodes = list(ast.walk(ast.parse(source(cell))))
        classes = [node for node in nodes if isinstance(node, ast.ClassDef)]  # none but a reader's own model
        assert all("features" in [getattr(part, "name", "") for part in node.body] for node in classes)
        assert "sys.path" not in source(cell) and not source(cell).startswith(("%", "!"))


def test_the_form(notebook):
    cells, words = notebook["cells"], prose(notebook)
    assert cells[0]["cell_type"] == "markdown"
    assert re.match(r"# [^\n]+\?\n", source(cells[0])), "the title is a question"
    assert "*no*" in source(cells[0]), "what would count as no"
    assert "pip install -e ." in words
    headings = re.findall(r"^## (.+)$", words, re.M)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    exercises = words.split("## Exercises")[1]
    assert re.findall(r"^\*\*(\d)\. ", exercises, re.M) == ["1", "2", "3"] and exercises.count("<details>") == 3


def test_the_solutions_are_python(notebook):
    for solution in re.findall(r"```python\n(.*?)```", prose(notebook), re.S):
        ast.parse(solution)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_keeps_no_times(path):
    assert path.stat().st_size <= 2e6
    assert not [cell for cell in code(json.loads(path.read_text())) if "execution" in cell["metadata"]]


def test_the_first_cell_says_how_to_install_in_the_same_words(notebook):
    first = source(notebook["cells"][0])
    assert HOW in first and first.index("*no*") < first.index(HOW)


def test_a_stored_widget_is_its_still_picture(notebook):
    for cell in code(notebook):
        shown = [output.get("data", {}) for output in cell["outputs"]]
        assert not [data for data in shown if LIVE in data]
        assert "Live(" not in source(cell) or "image/png" in shown[-1]
