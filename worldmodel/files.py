"""Floor 0: files that are written whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path


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


def sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes, read a mebibyte at a time."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
