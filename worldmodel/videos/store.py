"""Clips on disk: shards of uint8 arrays under a manifest, read lazily by memory map.

    NAME/manifest.json        version, shape, frames per second, for each shard its clips and sha256; and its own sha256
    NAME/frames-00000.npy     uint8 (n, T, H, W, C)
    NAME/log-00000.npz        only where an agent acted: actions, rewards, ends

Index t of a log describes the arrival at frame t: the action that led to it, the reward and the end that it brought.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..files import VERSION, held, load_arrays, read_signed, sha256, signed, write_whole
from ..settings import DataError

KEYS = {
    "version": int, "shape": list, "frames_per_second": (int, float), "action_size": int,
    "logged": bool, "shards": list, "source": dict,
}  # fmt: skip
LOG = {"actions": np.float32, "rewards": np.float32, "ends": bool}


@dataclass(frozen=True)
class Videos:
    """Frames, their rate, and what an agent logged. Nothing else: the hidden constants lie behind `truth`.

    A slice or an index array gives the same thing over fewer clips, without reading a frame.
    """

    path: Path
    manifest: dict
    index: np.ndarray  # (N,) which clips of the recording these are
    _shards: list
    _acted: np.ndarray | None = None  # actions in place of the recorded ones

    @classmethod
    def open(cls, path) -> Videos:
        """Open a recording by memory map.

        Raises:
            DataError: no manifest, one of another version, or a shard missing or of another size than it states.
        """
        path = Path(path)
        manifest = read_manifest(path)
        shards, expected = [], tuple(manifest["shape"])
        for shard in manifest["shards"]:
            try:
                frames = np.load(path / shard["frames"], mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise DataError(f"{path / shard['frames']}: {error}") from None
            if frames.shape != (shard["clips"], *expected) or frames.dtype != np.uint8:
                found = f"{frames.dtype} {frames.shape}"
                raise DataError(f"{path / shard['frames']}: holds {found}, not what the manifest states")
            shards.append(frames)
        return cls(path, manifest, np.arange(sum(s["clips"] for s in manifest["shards"])), shards)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, which) -> Videos:
        rows = np.atleast_1d(np.arange(len(self))[which])
        acted = None if self._acted is None else self._acted[rows]
        return replace(self, index=self.index[rows], _acted=acted)

    def with_actions(self, actions: np.ndarray) -> Videos:
        """The same clips under other actions (N, T, A), as somebody else has labelled them.

        Raises:
            DataError: actions for other clips or frames than these.
        """
        if actions.ndim != 3 or actions.shape[:2] != (len(self), self.shape[0]):
            raise DataError(f"actions {actions.shape}: {len(self)} clips of {self.shape[0]} frames need one for each frame")
        return replace(self, _acted=np.asarray(actions, np.float32))

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W, C) of one clip."""
        return tuple(self.manifest["shape"])

    @property
    def digest(self) -> str:
        """One hash of what these clips are: the shards' hashes in the manifest, and which of their clips were chosen."""
        shards = "".join(shard["frames_sha256"] for shard in self.manifest["shards"])
        acted = b"" if self._acted is None else self._acted.tobytes()
        return hashlib.sha256(shards.encode() + self.index.astype(np.int64).tobytes() + acted).hexdigest()

    @property
    def frames_per_second(self) -> float:
        return self.manifest["frames_per_second"]

    @property
    def action_size(self) -> int:
        """Numbers in one action; 0 where nobody acted."""
        return self.manifest["action_size"] if self._acted is None else self._acted.shape[2]

    def read(self, clips=None, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Frames [start, stop) of the clips at these positions (all by default): uint8 (n, t, H, W, C)."""
        index = self.index if clips is None else np.atleast_1d(self.index[clips])
        stop = self.shape[0] if stop is None else min(stop, self.shape[0])
        out = np.empty((len(index), stop - start, *self.shape[1:]), np.uint8)
        bounds = np.cumsum([0] + [s["clips"] for s in self.manifest["shards"]])
        for number, shard in enumerate(self._shards):
            mine = np.nonzero((index >= bounds[number]) & (index < bounds[number + 1]))[0]
            for at in mine:
                out[at] = shard[index[at] - bounds[number], start:stop]
        return out

    @property
    def frames(self) -> np.ndarray:
        """All frames, read now: uint8 (N, T, H, W, C)."""
        return self.read()

    def _logged(self, name):
        if not self.manifest["logged"]:
            return None
        parts = [load_arrays(self.path / shard["log"], DataError, name)[name] for shard in self.manifest["shards"]]
        return np.concatenate(parts)[self.index]

    @property
    def actions(self) -> np.ndarray | None:
        """float32 (N, T, A), None where nobody acted."""
        return self._logged("actions") if self._acted is None else self._acted

    @property
    def choices(self) -> bool:
        """Whether all that was ever done is -1 or 1 (0: nothing): of an action no more than its sign is known to count."""
        return self.action_size > 0 and bool(np.isin(self.actions, (-1, 0, 1)).all())

    @property
    def rewards(self) -> np.ndarray | None:
        """float32 (N, T), None where nobody acted."""
        return self._logged("rewards")

    @property
    def ends(self) -> np.ndarray | None:
        """bool (N, T): the episode ended on arrival at this frame; later frames of the clip repeat it."""
        return self._logged("ends")

    def verify(self) -> None:
        """Compare every shard with the sha256 in the manifest, and the folder's files with its list.

        Raises:
            DataError: naming the first file that is damaged, missing or not in the manifest.
        """
        listed = {}
        for shard in self.manifest["shards"]:
            listed |= {shard[kind]: shard[f"{kind}_sha256"] for kind in ("frames", "log") if kind in shard}
        for name, expected in listed.items():
            if not (self.path / name).is_file():
                raise DataError(f"{self.path / name}: missing")
            if sha256(self.path / name) != expected:
                raise DataError(f"{self.path / name}: its sha256 is not the manifest's; it was changed or damaged")
        for extra in sorted(p.name for p in self.path.iterdir() if p.suffix in (".npy", ".npz")):
            if extra not in listed:
                raise DataError(f"{self.path / extra}: not in the manifest")


def read_manifest(path: Path) -> dict:
    """The manifest of a recording, checked for its form."""
    try:
        manifest = read_signed(path / "manifest.json", KEYS, DataError)
    except FileNotFoundError:
        raise DataError(f"{path}: no manifest.json here; it is not a recording, or one that was not finished") from None
    for shard in manifest["shards"]:
        kinds = ("frames", "log") if manifest["logged"] else ("frames",)
        named = [shard.get(key) for kind in kinds for key in (kind, f"{kind}_sha256")] if isinstance(shard, dict) else [None]
        if not all(isinstance(n, str) and Path(n).name == n for n in named) or not isinstance(shard.get("clips"), int):
            raise DataError(f"{path / 'manifest.json'}: shards has an entry that cannot be used: {shard}")
    return manifest


def recorded(path: Path, make: Callable[[], Videos], source: dict | None = None) -> Videos:
    """The recording at ``path``; if there is none, ``make`` records it. Who asks at the same time waits, and finds it done.

    Raises:
        DataError: it was made of something else than ``source``.
    """
    if not (path / "manifest.json").exists():
        path.mkdir(parents=True, exist_ok=True)
        with held(path):
            if not (path / "manifest.json").exists():
                return make()
    videos = Videos.open(path)
    if source is not None and videos.manifest["source"] != json.loads(json.dumps(source)):  # as a manifest tells it
        raise DataError(f"{path}: holds another recording than the one asked for")
    return videos


def save_shard(path: Path, number: int, clips: int, blocks: Iterable[np.ndarray], log: dict | None = None) -> dict:
    """Write one shard, each file whole or not at all.

    Args:
        clips: how many there are in all of the blocks.
        blocks: uint8 (n, T, H, W, C) each. They are written and hashed as they come, while they are in the cache,
            so a shard is never in memory as a whole.
        log: ``actions`` (clips, T, A), ``rewards`` and ``ends`` (clips, T), or None.

    Returns:
        the shard's entry in the manifest.
    """
    digest = hashlib.sha256()

    def write(file):
        blocks_left = iter(blocks)
        first = next(blocks_left)
        header = io.BytesIO()
        form = {"descr": "|u1", "fortran_order": False, "shape": (clips, *first.shape[1:])}
        np.lib.format.write_array_header_1_0(header, form)
        for part in itertools.chain([header.getbuffer(), first], blocks_left):
            part = np.ascontiguousarray(part).reshape(-1).data
            digest.update(part)
            file.write(part)

    entry = {"clips": clips, "frames": f"frames-{number:05d}.npy"}
    # No sync: it doubles the time, a kill loses nothing that was written, and after a power cut the sha256 tells.
    write_whole(path / entry["frames"], write, sync=False)
    entry["frames_sha256"] = digest.hexdigest()
    if log is not None:
        arrays = {name: np.asarray(log[name], dtype) for name, dtype in LOG.items()}
        entry["log"] = f"log-{number:05d}.npz"
        entry["log_sha256"] = write_whole(path / entry["log"], lambda file: np.savez(file, **arrays), digest=True)
    return entry


def save_manifest(path: Path, shape, frames_per_second: float, shards: list, action_size: int = 0, **source) -> Videos:
    """Finish a recording: write its manifest and open it. ``source`` says in words where the clips come from."""
    manifest = {
        "version": VERSION, "shape": [int(n) for n in shape], "frames_per_second": float(frames_per_second),
        "action_size": action_size, "logged": bool(shards and "log" in shards[0]), "shards": shards, "source": source,
    }  # fmt: skip
    text = json.dumps(signed(manifest), indent=1).encode()
    write_whole(path / "manifest.json", lambda file: file.write(text))
    for left_behind in path.glob(".*.npy.*"):  # the half-written shards of a call that was killed
        left_behind.unlink(missing_ok=True)
    return Videos.open(path)
