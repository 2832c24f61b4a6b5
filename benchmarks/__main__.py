"""All speed figures in one run, and their rows in figures/results.json: python benchmarks [planning ...]

What a GPU did has names that end in ``.cuda``, and no mark: the marks are a laptop's. Some things no GPU is asked for.
"""

import sys
import time
from statistics import median

import film
import imagining
import legible
import memory
import planning
import playing
import training
from device import GPU, NAME

from worldmodel.probing import Report, meets
from worldmodel.workbook.results import RESULTS, write_readme_table, write_results

MARKS = {
    "train_vs_lewm": (">= 100", "1", "LeWM 69 frames/s on two such cores"), "train_vs_rssm": (">= 10", "1", "RSSM 769 frames/s"),
    "seconds_to_r2_90": ("<= 60", "s", "RSSM: 0.68 in 480 s"), "imagine_steps": (">= 300000", "1/s", "none published"),
    "imagine_vs_pendulum": (">= 300", "1", "none published"), "open_s": ("<= 1.5", "s", "none published"),
    "import_s": ("<= 0.3", "s", "none published"), "plan_ms": ("<= 50", "ms", "LeWM 980 ms; DINO-WM 47,000 ms"),
    **{f"train_frames.{phase}": ("", "1/s", "none published") for phase in ("find", "predict", "encode", "whole")},
    "play_frames": (">= 20", "1/s", "none published"),
    "plan_ms.icem": ("", "ms", "none published"), "plan_ms.mppi": ("", "ms", "none published"),
    "record_memory_mb.1e4": ("", "MB", "none published"), "record_memory_mb.1e6": ("<= 1000", "MB", "none published"),
    "record_frames": (">= 200000", "1/s", "PhyWorld 501; Gymnasium's Pendulum-v1 407, CartPole-v1 785 frames/s"),
}  # fmt: skip

NEVER_ON_GPU = ("record_", "play_frames", "import_s")


def main() -> None:
    reports, programs = [], (film, training, imagining, planning, playing, legible, memory)
    for program in [one for one in programs if one.__name__ in sys.argv[1:]] or programs:
        started = time.perf_counter()
        found = program.main()
        spent = time.perf_counter() - started
        for name, values in found.items():
            mark, unit, anchor = MARKS.get(name, ("", "1", "none published"))
            gpu = GPU and not name.startswith(NEVER_ON_GPU)
            if gpu:
                name, mark = f"{name}.cuda", ""
            value, low, high = median(values), min(values), max(values)
            holds, about = meets(value, mark), (anchor, f"default on one {NAME}" if gpu else "default", "full", spent)
            reports.append(Report(f"ball.clean.speed.{name}", value, low, high, 1, len(values), unit, mark, holds, None, *about))
    write_results(reports, RESULTS)
    write_readme_table()


if __name__ == "__main__":
    main()
