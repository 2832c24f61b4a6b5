"""The command line: ``worldmodel COMMAND --help`` says what a command does and takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from .settings import DATA, ConfigError, WorldModelError
from .videos import Film, Ingest

Preset = Literal["quick", "full"]
Recording = Annotated[Path, tyro.conf.Positional]


def run(preset: Preset = "quick", seeds: int = 1, out: Path = Path("runs"), root: Path = DATA) -> None:
    """The main job, end to end: film a world, train on the frames, read gravity, learn to land in the dream, try it in truth.

    Args:
        preset: quick takes a few minutes on two cores, full some fifteen.
        seeds: how many; 1 shows, it claims nothing.
        out: where models, figures and results.json go; a run that was cut off goes on there.
        root: where recordings are kept.
    """
    from .workbook import read_results, record
    from .workbook.results import table

    figures = out / preset / "figures"
    record(preset, seeds, (), root, out, figures)
    print(table(read_results(figures / "results.json")[1]))
    print(f"\nfigures and results.json: {figures}")


def record(preset: Preset = "full", seeds: int = 5, only: tuple[str, ...] = (), out: Path = Path("runs"),
           root: Path = DATA, figures: Path = Path("figures"), readme: Path = Path("README.md"), jobs: int = 1,
           ray: str | None = None) -> None:  # fmt: skip
    """Rerun everything that the README claims, and write figures/, figures/results.json and the README's table.

    Args:
        preset: full is what is claimed.
        seeds: 0 to seeds - 1; each is kept as it ends, and a rerun goes on after the last one.
        only: experiments by name, such as ball-clutter, pendulum-clean or lander; none means all.
        out: where seeds and models are kept.
        root: where recordings are kept.
        figures: where figures and results.json go.
        readme: the file whose table is made anew.
        jobs: how many run side by side, sharing the cores.
        ray: the address of a Ray cluster to run them on instead; its machines share these folders.
    """
    from .workbook import record as run_all
    from .workbook import write_readme_table

    run_all(preset, seeds, only, root, out, figures, jobs=jobs, ray=ray)
    write_readme_table(readme, figures / "results.json")


def film(config: Annotated[Film, tyro.conf.arg(name="")], root: Path = DATA, ray: str | None = None) -> None:
    """Record clips of a simulated world; its hidden constants go to a tree of their own.

    Args:
        root: where recordings are kept.
        ray: the address of a Ray cluster to film on instead of this machine; its machines share the folder.
    """
    from .videos import film as record_film

    videos = record_film(config, root, ray=ray)
    print(f"{videos.path}: {len(videos)} clips of {'x'.join(map(str, videos.shape))}, {videos.frames_per_second:g} frames/s")


def ingest(
    path: Recording, config: Annotated[Ingest, tyro.conf.arg(name="")], root: Path = DATA, refuse_bad: bool = False
) -> None:
    """Turn a folder of mp4, mov, mkv, webm or gif files (or one file) into clips to train on.

    Args:
        path: the folder or the file.
        root: where recordings are kept.
        refuse_bad: stop at the first file that cannot be used, instead of passing over it with a warning.
    """
    from .videos import ingest as read_files

    videos = read_files(path, root, config, skip_bad=not refuse_bad)
    skipped = videos.manifest["source"].get("skipped", 0)
    print(f"{videos.path}: {len(videos)} clips of {'x'.join(map(str, videos.shape))}; {skipped} files passed over")


def train(
    videos: Recording, out: Path, preset: Preset = "quick", seed: int = 0, device: str = "auto", tensorboard: bool = False
) -> None:
    """Train a world model on a recording, from its frames alone (and the log of actions, where it has one).

    Args:
        videos: a folder that film or ingest made.
        out: where the model goes; a run that was cut off goes on there.
        preset: quick takes under a minute on two cores, full some minutes.
        seed: of everything drawn.
        device: auto, cpu or cuda.
        tensorboard: also log for TensorBoard.
    """
    from dataclasses import replace

    from .model import WorldModelConfig
    from .training import PRESETS, fit
    from .videos import Videos
    from .workbook.scales import SCALES
    from .workbook.tasks import GOAL

    recording = Videos.open(videos)
    logged = recording.rewards is not None
    config, sizes = (SCALES[preset].log_fit, GOAL) if logged else (PRESETS[preset], WorldModelConfig())
    fit(recording, replace(config, seed=seed), sizes, out, device, tensorboard=tensorboard)
    print(f"{out}: trained; the log is {out / 'log.jsonl'}")


def probe(model: Recording, scene: Literal["clean", "clutter"] = "clean", share: float = 0.2, root: Path = DATA) -> None:
    """Read the hidden constants of `ball` from a model's state with a linear probe, on clips that it never saw.

    Args:
        model: a trained model.
        scene: clean or clutter.
        share: share of the full evaluation's clips.
        root: where recordings are kept.
    """
    from .evaluation import all_features, open_sets, read_constants
    from .probing import median_relative_error, r2
    from .training import load

    trained = load(model)
    if not 0 < share <= 1:
        raise ConfigError(f"share is {share}; it must lie above 0 and be at most 1")
    sets = open_sets("ball", scene, root, share)
    read = read_constants(all_features(trained, sets), sets, frames_seen=(1, 8, 20, 32))
    print(f"{'constant':<14}{'frames':>7}{'R2, in range':>14}{'error, Earth':>14}{'error, beyond':>15}")
    for constant in ("g", "restitution", "radius"):
        for k in (1, 8, 20, 32):
            truth = {band: sets[band].truth[constant] for band in ("test", "earth", "beyond")}
            found = {band: read[f"{constant}.{band}.k{k}"] for band in truth}
            errors = [f"{median_relative_error(truth[band], found[band]):.1%}" for band in ("earth", "beyond")]
            print(f"{constant:<14}{k:>7}{r2(truth['test'], found['test']):>14.4f}{errors[0]:>14}{errors[1]:>15}")


def imagine(model: Recording, videos: Recording, out: Path, seen: int = 10, steps: int = 20, clip: int = 0) -> None:
    """Let a model see the start of a clip and imagine the rest; write truth and dream side by side.

    Args:
        model: a trained model.
        videos: a folder that film or ingest made.
        out: an .mp4 or .gif to write; a film strip goes beside it, as .png.
        seen: frames that the model sees.
        steps: frames that it imagines.
        clip: which clip.
    """
    import numpy as np

    from .evaluation import imagine_frames, pixel_error
    from .plots import film_strip
    from .training import load
    from .videos import Videos, save_video

    clips, trained = Videos.open(videos), load(model)
    if not 0 <= clip < len(clips) or seen < 1 or steps < 1 or seen + steps > clips.shape[0]:
        raise ConfigError(f"clip {clip}, {seen} + {steps} frames: there are {len(clips)} clips of {clips.shape[0]} frames")
    if clips.action_size:
        raise ConfigError("this recording has actions; `worldmodel control` dreams in it")
    frames = clips.read([clip])
    truth, dream = frames[0, seen : seen + steps], imagine_frames(trained, frames[:, :seen], steps)[0]
    save_video(np.concatenate([truth, dream], 2), out, clips.frames_per_second)
    times = (seen + np.arange(steps)) / clips.frames_per_second
    film_strip({"truth": truth, "dream": dream}, every=max(1, steps // 10), times=times).savefig(out.with_suffix(".png"))
    error = {name: values[:, -1].mean() for name, values in pixel_error(trained, clips, seen, steps).items()}
    print(f"{out} and {out.with_suffix('.png')}: left truth, right dream")
    print(f"mean squared pixel error {steps} frames on: " + ", ".join(f"{name} {value:.5f}" for name, value in error.items()))


def control(
    model: Recording,
    out: Path,
    task: Literal["lander", "catcher"] = "lander",
    preset: Preset = "quick",
    episodes: int = 200,
    seed: int = 0,
    root: Path = DATA,
) -> None:
    """Learn to act in the dream of a model of `lander` or `catcher`, then act in the true world beside random, no-op and oracle.

    Args:
        model: a model trained on the task's log.
        out: where the policy goes.
        task: the world that the model was trained on.
        preset: quick takes about a minute on two cores.
        episodes: in the true world, for each policy and band of g.
        seed: of everything drawn.
        root: where recordings are kept.
    """
    from .control import compare, return_ratio, save_policy, unsolved
    from .training import load
    from .workbook.scales import SCALES
    from .workbook.tasks import TASKS, Pupil

    dreamer, of = load(model).requires_grad_(False), TASKS[task]
    pupil = Pupil(of, seed, SCALES[preset], dreamer, of.log(root))
    policy = pupil.learn(pupil.practice(ensemble=pupil.ensemble() if of.priced else None), progress=True)
    save_policy(policy, out)
    for band in ("train", "beyond"):
        found = unsolved(compare(dreamer, {"dream": policy}, band, episodes, seed, task))
        for name, outcome in found.items():
            ratio = return_ratio(outcome.returns, found["random"].returns, found["oracle"].returns)
            earned, won = outcome.returns.mean(), outcome.success.mean()
            print(f"{band:<8}{name:<8}return {earned:6.2f}  success {won:5.1%}  ratio {ratio:5.2f}")


def play(task: Literal["lander", "catcher"] = "lander", model: Path | None = None, port: int = 0, root: Path = DATA) -> None:
    """Play a world with the arrow keys in a browser, dream or truth, under the gravity that a slider sets.

    Args:
        task: the world.
        model: a model trained on its log; the one that came with the project if none is named.
        port: of the page on this machine; 0 is a free one.
        root: where recordings are kept.
    """
    import asyncio
    import webbrowser

    from .play.game import Game
    from .play.server import serve
    from .training import load
    from .workbook.tasks import TASKS

    game = Game(load(model or DATA / "weights" / task).requires_grad_(False), TASKS[task].log(root), task)

    async def until_interrupted():
        _, address = serve(game.another, port)
        print(f"{address}: steer with the arrow keys. Ctrl-C ends it.", flush=True)
        webbrowser.open(address)
        await asyncio.Event().wait()

    try:
        asyncio.run(until_interrupted())
    except KeyboardInterrupt:
        print("ended")


def measure(models: Annotated[tuple[str, ...], tyro.conf.Positional], scene: Literal["clean", "clutter"] = "clean",
            share: float = 0.2, card: Path | None = None, seed: int = 0, root: Path = DATA) -> None:  # fmt: skip
    """Put anybody's models through the gravity benchmark, side by side: worldmodel/evaluation/PROTOCOL.md says how.

    Args:
        models: each a module:factory (of this folder, too) that gives an object with features(frames), or the folder of a model
            that `train` made. To look at: worldmodel.evaluation.foreign:pixel_pca, :oracle_tracker and :video_network.
        scene: clean or clutter.
        share: share of the benchmark's clips; 1 is the benchmark itself.
        card: a .json to write what was measured into.
        seed: of everything drawn, a factory's random weights too.
        root: where recordings are kept.
    """
    from .evaluation.measure import measure as measure_one
    from .evaluation.measure import side_by_side, write_card
    from .evaluation.protocol import load_readable
    from .workbook.results import machine

    if not models:
        raise ConfigError("name a model: module:factory, or the folder of a trained one")
    found = [measure_one(load_readable(place, seed), place, scene, root, share, seed, progress=True) for place in models]
    print(side_by_side(found))
    if card:
        print(f"\n{write_card(found, card, **machine())}: written")


def edit(video: Recording, out: Path, gravity: str, model: Path = DATA / "weights" / "ball", clip: int = 0, seen: int = 10,
         steps: int = 30, root: Path = DATA) -> None:  # fmt: skip
    """Give a video of a ball another gravity: watch its start, imagine how it goes on under the gravity that is asked.

    Args:
        video: an mp4, mov, mkv, webm or gif file, or a folder that film or ingest made.
        out: an .mp4 or .gif to write: the video, the dream without an edit, and the edited dream, side by side.
        gravity: a factor such as 0.5x, or m/s^2; write --gravity=-2 for a negative one.
        model: a model trained on `ball`; the direction of g in its belief is kept in a file beside it.
        clip: which clip.
        seen: frames that the model sees.
        steps: frames that it imagines.
        root: where recordings are kept.
    """
    import numpy as np

    from .evaluation.causal import RANGE
    from .evaluation.editing import edit as edit_clip
    from .evaluation.editing import gravity_handle, read_clip
    from .training import load
    from .videos import save_video

    trained = load(model)
    handle = gravity_handle(trained, model, root)
    frames = read_clip(video, trained.config, clip, seen + steps, handle.frames_per_second)
    edited = edit_clip(trained, frames, gravity, handle, seen, steps)
    sides = [frames, *(np.concatenate([frames[:, :seen], dreamt], 1) for dreamt in (edited.dream, edited.frames))]
    save_video(np.concatenate(sides, 3)[0], out, handle.frames_per_second)
    print(f"{out}: left the video, in the middle the dream, right the edited dream, from frame {seen} on")
    print(f"read in {seen} frames {edited.read[0]:.2f} m/s^2, shown by the dream {edited.before[0]:.2f}")
    print(f"asked {edited.asked[0]:.2f} m/s^2, shown by the edited dream {edited.measured[0]:.2f}")
    if not RANGE[0] <= edited.asked[0] <= RANGE[1]:
        print(f"what is asked lies outside the {RANGE[0]:g} to {RANGE[1]:g} m/s^2 of the training clips: nothing vouches for it")


COMMANDS = {
    command.__name__: command for command in (run, record, film, ingest, train, probe, imagine, control, play, measure, edit)
}


def main(arguments: list[str] | None = None) -> None:
    """Run a command. Exit code 2 and one line for input that cannot be used."""
    try:
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="worldmodel", description=__doc__, args=arguments)
    except WorldModelError as error:
        sys.exit(_refuse(error))
    except OSError as error:
        sys.exit(_refuse(f"{error.filename}: {error.strerror}" if error.filename else error))
    except KeyboardInterrupt:
        sys.exit(130)


def _refuse(message) -> int:
    print(f"worldmodel: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
