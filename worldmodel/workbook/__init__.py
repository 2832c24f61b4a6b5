"""Floor 5: the notebooks' claims replayed without a browser; figures and results.json written."""

from .record import SCALES, record
from .results import claim, interval, pivot, read_results, write_readme_table

__all__ = ["SCALES", "claim", "interval", "pivot", "read_results", "record", "write_readme_table"]
