"""Recorded results: figures/results.json, read and written; a claim beside its record; the README's table made from it."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from datetime import date
from pathlib import Path

import numpy
import torch

from ..files import write_whole
from ..probing import Report, meets
from ..settings import DataError, choose_device, threads

RESULTS = Path("figures/results.json")
BEGIN, END = "<!-- results: made by `make record` -->", "<!-- end of results -->"


def find_results(path=RESULTS) -> Path:
    """``figures/results.json`` here or in a folder above (a notebook runs in its own folder).

    Raises:
        DataError: there is none.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / path).is_file():
            return folder / path
    raise DataError(f"{path}: no recorded results here; `make record` writes them")


def read_results(path=None) -> tuple[dict, list[Report]]:
    """How the results were recorded, and the rows."""
    content = json.loads(Path(path or find_results()).read_text())
    return content["run"], [Report.from_row(row) for row in content["rows"]]


def write_results(reports: list[Report], path=RESULTS) -> None:
    """Replace the rows of these names, keep the others, and say on what they were recorded."""
    path = Path(path)
    kept = read_results(path)[1] if path.exists() else []
    rows = {report.name: report for report in [*kept, *reports]}
    content = {"run": machine(), "rows": [rows[name].row() for name in sorted(rows)]}
    text = json.dumps(content, indent=1, allow_nan=False).encode() + b"\n"
    write_whole(path, lambda file: file.write(text))


def machine() -> dict:
    """Device, threads, versions, commit and date of a recorded run."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    return {
        "device": torch.cuda.get_device_name() if choose_device() != "cpu" else f"cpu ({platform.machine()})",
        "threads": threads(),
        "python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__,
        "commit": commit, "date": date.today().isoformat(),
    }  # fmt: skip


def claim(name: str, value: float, at_least: float | None = None, at_most: float | None = None) -> bool:
    """Print what this run found beside what was recorded; a claim that fails is shown as failed. Both ends may be asked, or none.

    Returns:
        whether this run's value meets the mark. The recorded row says whether five seeds do.
    """
    mark = f"{at_least} to {at_most}" if None not in (at_least, at_most) else ""
    mark = mark or (f">= {at_least}" if at_least is not None else f"<= {at_most}" if at_most is not None else "")
    holds = meets(value, mark)
    verdict = {True: "holds", False: "FAILS", None: "no mark"}[holds]
    print(f"{verdict}  {name}: {value:.4g} here{f' (asked: {mark})' if mark else ''}")
    try:
        recorded = {report.name: report for report in read_results()[1]}.get(name)
    except DataError:
        recorded = None
    if recorded is None:
        print("       no recorded run has this name")
    else:
        print(
            f"       recorded: {interval(recorded)}, {recorded.seeds} seeds, {recorded.n} clips a seed, preset {recorded.preset}"
        )
    return holds is not False


def interval(report: Report) -> str:
    """``0.9997 [0.9996, 0.9998]`` with as many digits as tell; a bound, and what too few seeds have, is without an interval."""
    unit = "" if report.unit == "1" else f" {report.unit}"
    around = f"[{report.low:.4g}, {report.high:.4g}]" if math.isfinite(report.low) else "[no interval]"
    return f"{report.value:.4g} {around}{unit}"


def table(reports: list[Report], without: tuple[str, ...] = ()) -> str:
    """The rows as a Markdown table, less the columns of these names."""
    holds = {True: "yes", False: "**no**", None: ""}
    columns = {
        "claim": lambda r: f"`{r.name}`", "ours, 95 % interval": interval, "seeds × clips": lambda r: f"{r.seeds} × {r.n}",
        "model": lambda r: r.model, "preset": lambda r: r.preset, "mark": lambda r: r.mark, "holds": lambda r: holds[r.holds],
        "limit": lambda r: "" if r.limit is None else f"{r.limit:.3g}", "anchor": lambda r: r.anchor,
    }  # fmt: skip
    columns = {head: text for head, text in columns.items() if head not in without}
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join(lines + [f"| {' | '.join(text(r) for text in columns.values())} |" for r in reports])


def pivot(reports: list[Report], place: str, metrics: dict[str, str]) -> str:
    """Rows ``PLACE.METRIC.CONDITION`` as a Markdown table: a line for each condition, a column for each metric.

    Args:
        metrics: the column's head by the metric's name.
    """
    rows = {report.name: report for report in reports}
    first = f"{place}.{next(iter(metrics))}."
    conditions = [name.removeprefix(first) for name in rows if name.startswith(first)]
    lines = [f"| | {' | '.join(metrics.values())} | seeds |", "|---" * (len(metrics) + 2) + "|"]
    for condition in sorted(conditions, key=lambda name: name != "default"):
        of = [rows[f"{place}.{metric}.{condition}"] for metric in metrics]
        cells = (interval(report).replace(" [", "<br>[").replace(", ", ",&nbsp;") for report in of)  # an interval is not broken
        lines.append(f"| {condition} | {' | '.join(cells)} | {of[0].seeds} |")
    return "\n".join(lines)


def write_readme_table(readme=Path("README.md"), path=None) -> None:
    """Put the claims (the rows that have a mark to meet) between the markers of the README, and all rows into results.md.

    What must be nothing (test B's first frame and permuted labels) is shown of the ball; the other worlds' is among all rows.
    """
    path = Path(path or find_results())
    run, reports = read_results(path)
    about = "Recorded on: " + ", ".join(f"{key} {value}" for key, value in run.items()) + "."
    claims = [report for report in reports if report.mark]
    shown = [report for report in claims if report.name.startswith("ball.") or ".B.r2." not in report.name]
    held = f"{sum(report.holds is True for report in claims)} of {len(claims)} marks are met, {len(shown)} of them shown here."
    head, rest = Path(readme).read_text().split(BEGIN)
    text = f"{head}{BEGIN}\n{table(shown, ('model', 'preset'))}\n\n{held} {about}\n{END}{rest.split(END)[1]}"
    write_whole(Path(readme), lambda file: file.write(text.encode()))
    everything = f"# Every recorded row\n\nMade from results.json. {about}\n\n{table(reports)}\n"
    write_whole(path.with_suffix(".md"), lambda file: file.write(everything.encode()))
