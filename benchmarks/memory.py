"""Peak memory of filming 10,000 and then a million clips of `ball`: 100,000 stay on disk (16 GB), others are hashed and dropped.

python benchmarks/memory.py
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from worldmodel.videos import Film, film

PARTS, CLIPS, KEPT, FEW = 50, 20_000, 5, 10_000


def peak() -> float:
    """Largest resident memory of this program so far, in MB; `getrusage` would count what started it as well."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def fill() -> None:
    with tempfile.TemporaryDirectory() as folder:
        film(Film(clips=FEW, seed=PARTS), folder, progress=False)
        print(peak(), flush=True)
        for part in range(PARTS):
            path = film(Film(clips=CLIPS, seed=part), folder, progress=False).path
            if part >= KEPT:
                shutil.rmtree(path)
        print(peak())


def main() -> dict[str, list[float]]:
    filled = subprocess.run(
        [sys.executable, __file__, "fill"], capture_output=True, text=True, check=True
    )  # with nothing else in it
    few, many = map(float, filled.stdout.split())
    print(f"{few:.0f} MB at the most after {FEW:,} clips, {many:.0f} MB after {PARTS * CLIPS:,}")
    return {"record_memory_mb.1e4": [few], "record_memory_mb.1e6": [many]}


if __name__ == "__main__":
    fill() if "fill" in sys.argv else main()
