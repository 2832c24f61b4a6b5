"""Frames of `ball` simulated, drawn and written to disk per second, by all cores; beside it what the disk and hash allow.

python benchmarks/film.py
"""

import tempfile
import time

from worldmodel.files import sha256
from worldmodel.settings import threads
from worldmodel.videos import Film, film


def main(clips: int = 20_000, runs: int = 3) -> dict[str, list[float]]:
    rates = []
    for run in range(runs):  # each in a folder of its own, gone before the next: 3 GB each would fill the page cache
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            videos = film(Film(clips=clips, seed=run), folder, progress=False)
            rates.append(clips * videos.shape[0] / (time.perf_counter() - started))
            shard = videos.path / videos.manifest["shards"][0]["frames"]
            started = time.perf_counter()
            sha256(shard)
            floor = shard.stat().st_size / 4096 / (time.perf_counter() - started)
    middle = sorted(rates)[runs // 2]
    print(f"{middle:,.0f} frames/s (median of {runs}; {min(rates):,.0f} to {max(rates):,.0f}), {threads()} cores")
    print(f"sha256 alone: {floor:,.0f} frames/s a core")
    return {"record_frames": rates}


if __name__ == "__main__":
    main()
