"""Notebooks: what they show beside figures, and how they are executed with their outputs stored.

    python -m worldmodel.workbook.notebooks notebooks/*.ipynb

Each one runs on a fresh kernel in its own folder. Its metadata keep the sha256 of the code that made the outputs, so that
a test can tell outputs of another source.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..files import write_whole
from ..videos import save_video

ENTRY = "worldmodel"  # of a notebook's metadata
LIVE = "application/vnd.jupyter.widget-view+json"  # what a widget shows while its kernel runs


class Live:
    """A widget for a cell to end with, and the still picture that stands for it where no kernel or no widget runs."""

    def __init__(self, widget, still):
        """``still`` is anything that shows itself as a PNG, such as a figure or a `moving_picture`."""
        self.widget, self.still = widget, still

    def _repr_mimebundle_(self, **settings):
        from IPython.core.formatters import format_display_data

        shown = self.widget._repr_mimebundle_(**settings)
        live = shown[0] if isinstance(shown, tuple) else shown
        return {LIVE: live[LIVE]} | format_display_data(self.still, include={"image/png", "text/plain"})[0]


def moving_picture(rows: dict[str, np.ndarray], frames_per_second: float = 10.0, zoom: int = 3):
    """A moving picture for a cell to end with: clips uint8 (T, H, W, C) side by side, in the order given.

    Half the clips' own pace by default, so that one can watch a fall.
    """
    from IPython.display import Image

    clips = list(rows.values())
    gap = np.full((*clips[0].shape[:2], 2, clips[0].shape[-1]), 255, np.uint8)
    parts = [part for clip in clips for part in (gap, clip)][1:]
    with tempfile.TemporaryDirectory() as folder:
        path = save_video(np.concatenate(parts, axis=2), Path(folder) / "picture.gif", frames_per_second, zoom)
        # Browsers look at the bytes and play it; GitHub and nbconvert pass a PNG on, but would drop a GIF.
        return Image(data=path.read_bytes(), format="png", alt=" | ".join(rows))


def as_table(*columns: str, rows):
    """A table for a cell to end with: ``rows`` of as many entries as there are columns; numbers get four digits."""
    from IPython.display import Markdown

    def text(value):
        if isinstance(value, (float, np.floating)):
            return f"{value:.4g}".replace("-", "−")
        return str(value)

    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(text(value) for value in row) + " |" for row in rows]
    return Markdown("\n".join(lines))


def source_hash(notebook) -> str:
    """Hex sha256 of the sources of all code cells, joined by newlines."""
    cells = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return hashlib.sha256("\n".join(cells).encode()).hexdigest()


def execute(path, timeout: int = 600) -> None:
    """Run a notebook in its own folder and store it with its outputs, without times, and with `source_hash`.

    Progress bars, which are there for whoever waits, are not kept; of a `Live` widget only the still picture is, for its
    kernel ends here.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; the file stays as it was.
    """
    import nbformat
    from nbclient import NotebookClient

    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", record_timing=False,
                            resources={"metadata": {"path": str(path.parent)}})  # fmt: skip
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            cell.outputs = _without_bars(cell.outputs)
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output["data"].pop(LIVE, None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata[ENTRY] = {"sha256": source_hash(notebook)}
    notebook.metadata.pop("widgets", None)
    text = nbformat.writes(notebook) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def _without_bars(outputs: list) -> list:
    """The outputs as a terminal leaves them: a carriage return writes over its line, and of a progress bar nothing stays."""
    errors = "".join(output.text for output in outputs if output.get("name") == "stderr")
    lines = [line.rsplit("\r", 1)[-1] for line in errors.split("\n")]
    lines = [line for line in lines if line.strip() and "%|" not in line]
    kept = [output for output in outputs if output.get("name") != "stderr"]
    if lines:
        kept.insert(0, type(outputs[0])(output_type="stream", name="stderr", text="\n".join(lines) + "\n"))
    return kept


if __name__ == "__main__":
    for name in sys.argv[1:]:
        execute(name)
        print(f"{name}: {Path(name).stat().st_size / 1e6:.2f} MB")
