"""Floor 0: files that are written whole or not at all, by one writer at a time; their hashes, and manifests that state them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # a system without such locks
    fcntl = None

VERSION = 1  # of manifests' form


def write_whole(path: Path, write, digest: bool = False, sync: bool = True) -> str | None:
    """Let ``write(file)`` fill a temporary file and move it into place: a kill leaves the old file or the new.

    Args:
        digest: return the file's sha256, read back from the disk.
        sync: wait until the disk has it, so that a power cut leaves the old file or the new, too.

    Returns:
        the hex sha256 where ``digest`` asks for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")  # machines may share the folder
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        result = sha256(temporary) if digest else None
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return result


@contextlib.contextmanager
def held(path: Path, wait: bool = True):
    """Hold a file or a folder against all others who want to hold it, until the block ends or the process dies.

    Raises:
        BlockingIOError: another holds it, and ``wait`` is False.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def load_arrays(path: Path, error: type[Exception], *names: str) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file, or all of them; nothing in it is unpickled.

    Raises:
        error: naming the file, where it is missing, damaged, or lacks one of them.
    """
    try:
        with np.load(path, allow_pickle=False) as saved:
            return {name: saved[name] for name in names or saved.files}
    except Exception as cause:  # a damaged zip fails in many ways
        raise error(f"{path}: {cause}") from None


def sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes, read a mebibyte at a time."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def signed(manifest: dict) -> dict:
    """The manifest with the sha256 of all that it states."""
    return {**manifest, "sha256": hashlib.sha256(json.dumps(manifest).encode()).hexdigest()}


def read_signed(file: Path, form: dict[str, type | tuple], error: type[Exception]) -> dict:
    """A manifest as `signed` left it, without its sha256: every key of ``form``, of the type stated there, and no other.

    Raises:
        error: naming the file, where it is damaged, of another form, or not what its sha256 is of.
        FileNotFoundError: there is none.
    """
    try:
        manifest = json.loads(file.read_text(), object_pairs_hook=each_once)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as cause:
        raise error(f"{file}: {cause}") from None
    if not isinstance(manifest, dict):
        raise error(f"{file}: states nothing")
    version = next(iter(form))  # first, so that a later version is named as such, however else it differs
    if manifest.get(version, VERSION) != VERSION:
        raise error(f"{file}: {version} {manifest[version]!r:.40}; this package reads {VERSION}")
    if missing := form.keys() - manifest.keys():
        raise error(f"{file}: lacks {', '.join(sorted(missing))}")
    digest = manifest.pop("sha256", None)
    if digest != signed(manifest)["sha256"]:
        raise error(f"{file}: it does not have the sha256 that it states; it was changed or damaged")
    if more := manifest.keys() - form.keys():
        raise error(f"{file}: states {', '.join(sorted(more))} besides")
    for name, kind in form.items():
        if not isinstance(manifest[name], kind):
            raise error(f"{file}: {name} is {manifest[name]!r:.40}")
    return manifest


def each_once(pairs: list) -> dict:
    """A JSON object, in which no key may stand twice: readers differ in which of the two they take."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"a key stands twice among {sorted(key for key, _ in pairs)}")
    return dict(pairs)
