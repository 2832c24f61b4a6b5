"""The figures of the recorded runs: what to draw, from predictions and reports; `plots` knows how."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import plots
from ..evaluation import FRAMES_SEEN, cramer_rao
from ..probing import Report, median_relative_error


def save_figure(figure, folder, name: str) -> None:
    """One PNG per test, named as the test is."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder) / f"{name}.png", dpi=110)
