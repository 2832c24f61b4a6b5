"""What a cell ends with where a kernel runs, and what is kept of it."""

import base64

import numpy as np
import pytest

from worldmodel.workbook.notebooks import LIVE, Live, moving_picture

pytest.importorskip("ipywidgets")


def test_a_live_widget_has_its_still_picture_with_it():
    from ipywidgets import FloatSlider

    slider, still = FloatSlider(), moving_picture({"one": np.zeros((3, 8, 8, 1), np.uint8)})
    shown = Live(slider, still)._repr_mimebundle_()
    assert shown[LIVE]["model_id"] == slider.model_id
    assert base64.b64decode(shown["image/png"]) == still.data


def test_only_the_still_picture_is_stored(tmp_path):
    import nbformat

    from worldmodel.workbook.notebooks import execute

    source = """import numpy as np
from ipywidgets import FloatSlider
from worldmodel.workbook.notebooks import Live, moving_picture
Live(FloatSlider(), moving_picture({"one": np.zeros((3, 8, 8, 1), np.uint8)}))"""
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), tmp_path / "one.ipynb")
    execute(tmp_path / "one.ipynb")
    (output,) = nbformat.read(tmp_path / "one.ipynb", 4).cells[0].outputs
    assert "image/png" in output.data and LIVE not in output.data
