"""The gravity benchmark: tests A and B on anybody's model, as a table and as a card; PROTOCOL.md says what is frozen."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import write_whole
from ..probing import Report
from ..settings import DATA, ConfigError, generator
from .protocol import FRAMES, VERSION, Checked, Readable, check_causal
from .reading import BANDS, K, all_features, oracle, read_constants, read_controls, read_pixels, read_sorted_positions
from .reports import reading_reports
from .rollout import open_loop_error
from .sets import open_sets


@dataclass(frozen=True)
class Measured:
    """What was found of one model."""

    name: str
    reports: list[Report]
    probes: dict[str, dict]  # of each probe by name: strength, n clips, number of features
    data: dict[str, str]  # digest of each set's clips
    about: dict  # scene, share, seed


def measure(
    model: Readable, name: str, scene: str = "clean", root=DATA, share: float = 1.0, seed: int = 0, progress: bool = False
) -> Measured:
    """Tests A and B of `ball`, and the open-loop error where the model dreams. One model: its intervals tell of clips alone.

    Args:
        share: share of the clips of each set; the benchmark is 1.
        seed: of permuted labels, permuted frames, cells and the PCA.

    Raises:
        ConfigError: the model does not keep to the protocol; the message says in what.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share is {share}; it must lie above 0 and be at most 1")
    started, checked, probes = time.perf_counter(), Checked(model, name), {}
    sets = open_sets("ball", scene, root, share, progress)
    checked.prepare(sets["train"].frames(FRAMES[-1]))
    check_causal(checked, sets["validation"].videos.read([0, 1, 2], stop=FRAMES[-1]))
    features = all_features(checked, sets, FRAMES[-1])
    found = read_constants(features, sets, frames_seen=FRAMES, kept=probes)
    found |= read_controls(checked, features, sets, generator(seed, 5), probes)
    if hasattr(checked, "dream"):
        found["rollout"] = open_loop_error(checked, sets["test"])
    shared = {"pixels": read_pixels(sets, generator(seed, 6), probes), "sorted": read_sorted_positions(sets)}
    shared |= {f"oracle.{key}": value for key, value in oracle(sets, (8, K), scene).items()}
    found["seconds"] = time.perf_counter() - started
    truths = {band: sets[band].truth.values for band in BANDS}
    reports = reading_reports([found], shared, truths, scene, f"protocol {VERSION}, share {share:g}", name)
    data = {name: clips.videos.digest for name, clips in sets.items()}
    return Measured(name, reports, probes, data, {"scene": scene, "share": share, "seed": seed})


def side_by_side(measured: list[Measured]) -> str:
    """Everything that was measured, one column a model: value and interval, then what each probe was fitted with."""
    first = measured[0]
    names = list(dict.fromkeys(report.name for one in measured for report in one.reports))
    cells = [["", *(one.name for one in measured)]]
    for name in names:
        rows = [next((r for r in one.reports if r.name == name), None) for one in measured]
        cells.append([name, *("" if r is None else f"{r.value:.4g} [{r.low:.3g}, {r.high:.3g}]" for r in rows)])
    for probe in first.probes:
        fitted = [one.probes[probe] for one in measured]
        cells.append([f"ridge {probe}", *(f"{p['strength']:g}, {p['n']} x {p['features']}" for p in fitted)])
    cells.append(["seconds", *(f"{one.reports[0].seconds:.0f}" for one in measured)])
    widths = np.array([[len(cell) for cell in row] for row in cells]).max(0)
    lines = ["  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in cells]
    return "\n".join([*lines, "ridge: strength, clips x features; interval: 95 % over clips"])


def write_card(measured: list[Measured], path, **run) -> Path:
    """Write what was measured as JSON. ``run`` says on what machine."""
    models = [{"name": m.name, "rows": [r.row() for r in m.reports], "probes": m.probes} for m in measured]
    content = {"protocol": VERSION, **measured[0].about, "data": measured[0].data, "run": run, "models": models}
    text = json.dumps(content, indent=1, allow_nan=False).encode() + b"\n"
    write_whole(Path(path), lambda file: file.write(text))
    return Path(path)
