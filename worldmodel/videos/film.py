"""Film a world: draw constants, integrate the law, render, write shards; and, in a tree of its own, the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..files import sha256, write_whole
from ..physics import ALL, BANDS, SCENES, WORLDS, World, bodies, choose, world
from ..settings import DATA, ConfigError, generator, threads
from ..spread import spread
from .store import Videos, recorded, save_manifest, save_shard

CLIPS_PER_SHARD = 1000
CLIPS_PER_BLOCK = 50  # filmed at a time: small enough for the cache and for memory that is used again
SPLITS = ("train", "validation", "test")  # each a stream of random numbers of its own, so that no clip is in two


@dataclass(frozen=True)
class Film:
    """What to record. The folder's name follows from it."""

    world: str = "ball"  # one of the worlds in physics, or all of those that are only watched, shard by shard in turn
    clips: int = 4000  # how many
    frames: int = 40  # frames in a clip, 20 a second (PhyWorld's scenes: 10)
    scene: str = "clean"  # the camera: clean, clutter, noisy or colour
    band: str = "train"  # the range of g: train, earth (held out) or beyond (held out); of PhyWorld's scenes, the speed's
    split: str = "train"  # train, validation or test
    seed: int = 0  # of everything drawn

    def __post_init__(self):
        for value, known, what in (
            (self.world, (*WORLDS, "all"), "world"), (self.scene, SCENES, "scene"), (self.split, SPLITS, "split"),
        ):  # fmt: skip
            if value not in known:
                raise ConfigError(f"no {what} is called {value!r}; there are {', '.join(known)}")
        bands = world(self.worlds[0]).bands
        if self.band not in bands:
            raise ConfigError(f"no band of {self.world} is called {self.band!r}; there are {', '.join(bands)}")
        if self.clips < 1 or self.frames < 1 or self.seed < 0:
            raise ConfigError("clips and frames must be at least 1, and seed not negative")
        if self.clips < len(self.worlds):
            raise ConfigError(f"clips is {self.clips}; each of the worlds {', '.join(self.worlds)} needs one")

    @property
    def worlds(self) -> tuple[str, ...]:
        """The worlds in it: shard number n holds world n, and after the last the first again."""
        return ALL if self.world == "all" else (self.world,)

    @property
    def shards(self) -> list[int]:
        """Clips in each shard. Of several worlds, every one has as many shards, and all shards as many clips, but for one."""
        if self.world != "all":
            return [min(CLIPS_PER_SHARD, self.clips - start) for start in range(0, self.clips, CLIPS_PER_SHARD)]
        count = len(ALL) * -(-self.clips // (len(ALL) * CLIPS_PER_SHARD // 2))
        return [(self.clips + place) // count for place in reversed(range(count))]

    @property
    def name(self) -> str:
        return f"{self.world}-{self.scene}-{self.band}-{self.split}-{self.clips}x{self.frames}-s{self.seed}"


def film(config: Film = Film(), root=DATA, workers: int | None = None, progress: bool = True, ray: str | None = None) -> Videos:
    """Record the clips under ``root/videos``, their constants and states under ``root/truth``.

    A call that was cut off goes on where it stopped, and ends with the same bytes. In a world that takes actions a
    scripted pilot with random aims acts, and actions, rewards and ends are logged.

    Args:
        workers: threads on this machine; ray: the address of a cluster to film on instead, see `spread`.

    Raises:
        DataError: the folder holds something else than the recording asked for.
    """
    path, truth = (Path(root).absolute() / tree / config.name for tree in ("videos", "truth"))  # others may work elsewhere
    return recorded(path, lambda: _film_all(config, path, truth, workers, progress, ray), asdict(config))


def _film_all(config: Film, path: Path, truth: Path, workers: int | None, progress: bool, ray: str | None) -> Videos:
    """All shards, and the manifest last."""
    sizes = config.shards
    pieces = [partial(_film_shard, config, number, clips, path, truth) for number, clips in enumerate(sizes)]
    # Threads do: drawing, hashing and writing let go of the interpreter, and nothing has to be started or sent.
    entries = spread(pieces, min(workers or threads(), len(sizes)), ray, threads=True)
    shards = list(tqdm(entries, f"film {config.name}", len(sizes), disable=not progress, unit="shard", leave=False))
    mine, camera = world(config.worlds[0]), SCENES[config.scene]
    shape = (config.frames, camera.size, camera.size, camera.channels)
    return save_manifest(path, shape, mine.frames_per_second, shards, mine.actions, **asdict(config))


def _film_shard(config: Film, number: int, clips: int, path: Path, truth: Path) -> dict:
    """Record one shard, or take over the one that an earlier call finished: its entry is written last."""
    name = config.worlds[number % len(config.worlds)]
    entry_path = truth / f"entry-{number:05d}.json"
    if entry_path.exists():
        entry = json.loads(entry_path.read_text())
        if all(_intact(path / entry[kind], entry[f"{kind}_sha256"]) for kind in ("frames", "log") if kind in entry):
            return entry
    # Law and look draw from different streams: the camera cannot tell of a constant.
    streams = (SPLITS.index(config.split), list(BANDS).index(config.band), number)
    law_rng, look_rng = generator(config.seed, 0, *streams), generator(config.seed, 1, *streams)
    constants, states, log = record_motion(name, clips, config.band, config.frames, law_rng)
    pictures = _pictures(world(name), config.scene, constants, states, look_rng)
    entry = save_shard(path, number, clips, pictures, log)
    arrays = {name: np.asarray(value, np.float32) for name, value in (constants | states).items()}
    arrays["metres_per_pixel"] = np.full(clips, 1 / world(name).camera(config.scene).pixels_per_metre, np.float32)
    if config.world == "all":
        arrays["world"] = np.full(clips, ALL.index(name), np.float32)
    write_whole(truth / f"truth-{number:05d}.npz", lambda file: np.savez(file, **arrays))
    write_whole(entry_path, lambda file: file.write(json.dumps(entry).encode()))
    return entry


def _intact(file: Path, expected: str) -> bool:
    return file.is_file() and sha256(file) == expected


def _pictures(mine: World, scene: str, constants: dict, states: dict, rng) -> Iterator[np.ndarray]:
    """What the camera sees, a block of clips at a time: uint8 (n, T, H, W, C)."""
    camera = mine.camera(scene)
    for start in range(0, len(states["position"]), CLIPS_PER_BLOCK):
        here = [{name: value[start : start + CLIPS_PER_BLOCK] for name, value in d.items()} for d in (constants, states)]
        yield camera.film(bodies(mine, *here, camera.channels), rng)


def record_motion(name: str, clips: int, band: str, frames: int, rng) -> tuple[dict, dict, dict | None]:
    """Constants (N,), states (N, T, ...) in SI units, and the log of actions where the world takes them."""
    law, dt = world(name).law, 1 / world(name).frames_per_second
    constants, state = world(name).draw(band, clips, rng)
    if not world(name).actions:
        return constants, law.simulate(constants, state, frames, dt), None
    act, shape = law.pilot(clips, rng), (clips, frames)
    states = {key: np.empty((*shape, *value.shape[1:]), value.dtype) for key, value in state.items()}
    log = {"actions": np.zeros((*shape, world(name).actions)), "rewards": np.zeros(shape)}
    log["ends"] = np.zeros(shape, bool)
    over = np.zeros(clips, bool)
    for t in range(frames):
        if t:
            action = act(state)
            after, reward, ended, _ = law.step(constants, state, action, dt)
            state = choose(over, state, after)
            log["actions"][:, t] = np.where(over[:, None], 0, action)
            log["rewards"][:, t] = np.where(over, 0, reward)
            log["ends"][:, t] = ended & ~over
            over |= ended
        for key in state:
            states[key][:, t] = state[key]
    return constants, states, log
