"""The whole path on videos that this project did not draw: Gymnasium's CartPole as mp4 files -> ingest -> train -> imagine.

    python benchmarks/foreign_videos.py

Prints the open-loop error beside that of copying the last frame, and writes the film strip to figures/foreign.cartpole.png.
The cart is pushed at random for a while each way and the pole swings freely; the model is not told of the pushes.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import av
import gymnasium as gym
import numpy as np

from worldmodel.evaluation import imagine_frames, pixel_error
from worldmodel.plots import film_strip
from worldmodel.settings import generator
from worldmodel.training import QUICK, fit
from worldmodel.videos import Ingest, ingest


def record_cartpole(folder: Path, files: int, frames: int, seed: int = 0) -> None:
    """mp4 files of CartPole-v1 as Gymnasium renders it (600x400, 50 frames/s), the pole let go from any angle."""
    env = gym.make("CartPole-v1", render_mode="rgb_array", max_episode_steps=10 * frames)
    free = env.unwrapped
    free.theta_threshold_radians, free.x_threshold = 1e9, 2.4
    rng = generator(seed)
    for number in range(files):
        env.reset(seed=seed * files + number)
        free.state = np.array([rng.uniform(-1, 1), 0.0, rng.uniform(-np.pi, np.pi), rng.uniform(-1, 1)])
        with av.open(str(folder / f"cartpole-{number:03d}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=50, options={"crf": "18"})
            stream.width, stream.height, stream.pix_fmt = 600, 400, "yuv420p"
            action = 0
            for frame in range(frames):
                if frame % 5 == 0:  # mostly toward the middle, so that the cart stays in view
                    action = int(rng.random() < 0.5 - 0.4 * np.clip(free.state[0] + 0.5 * free.state[1], -1, 1))
                env.step(action)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(env.render(), format="rgb24")))
            container.mux(stream.encode(None))
    env.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    # Small dark bodies take longer to find than one bright ball.
    parser.add_argument("--find-steps", type=int, default=1500)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--figure", type=Path, default=Path("figures/foreign.cartpole.png"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "mp4").mkdir()
        started = time.perf_counter()
        record_cartpole(folder / "mp4", options.files, 250)
        print(f"{options.files} mp4 files in {time.perf_counter() - started:.0f} s")
        videos = ingest(folder / "mp4", folder, Ingest(frames=40, stride=20), progress=False)
        kept = sum(list(videos.manifest["source"]["files"].values())[: -max(1, options.files // 5)])
        train, test = videos[:kept], videos[kept:]  # the last fifth of the files is only tested on
        started = time.perf_counter()
        model = fit(train, replace(QUICK, find_steps=options.find_steps, predict_steps=700), progress=True)
        print(
            f"{len(train)} clips, trained in {time.perf_counter() - started:.0f} s, {options.find_steps} steps to find what moves"
        )
        seen, ahead = 10, 15
        errors = pixel_error(model, test, seen, ahead)
        for steps in (1, 5, 10, 15):
            print(f"{steps:>3} frames on: " + ", ".join(f"{name} {e[:, steps - 1].mean():.5f}" for name, e in errors.items()))
        frames = test.read([0])
        dream = imagine_frames(model, frames[:, :seen], ahead)[0]
        times = (seen + np.arange(ahead)) / test.frames_per_second
        options.figure.parent.mkdir(exist_ok=True)
        film_strip({"truth": frames[0, seen : seen + ahead], "dream": dream}, times=times).savefig(options.figure, dpi=110)


if __name__ == "__main__":
    main()
