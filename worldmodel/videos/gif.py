"""How many pictures a gif holds: the format declares none, and what a decoder passes over in silence would go unseen."""

from __future__ import annotations

from pathlib import Path

from ..settings import VideoFileError

EXTENSION, PICTURE, END = b"!", b",", b";"


def pictures_in_gif(path: Path) -> int:
    """Count the pictures by walking from block to block (CompuServe, GIF89a, 1990).

    Raises:
        VideoFileError: a block is none that the format knows, or the file ends before the byte that ends a gif.
    """
    count = 0
    with open(path, "rb") as file:
        file.seek(6 + 4)  # after signature, width and height
        _skip_colours(file)
        while (block := file.read(1)) != END:
            if block == PICTURE:
                count += 1
                file.seek(8, 1)  # left, top, width, height
                _skip_colours(file, 0)
                file.seek(1, 1)  # size of a code
            elif block == EXTENSION:
                file.seek(1, 1)  # its label
            else:
                raise VideoFileError(
                    path, f"cut short or damaged: a block of a gif begins with {block!r}, after {count} pictures"
                )
            while length := file.read(1):
                if length == b"\0":
                    break
                file.seek(length[0], 1)
    return count


def _skip_colours(file, more: int = 2) -> None:
    """Pass over the byte that says whether a table of colours follows, ``more`` bytes, and the table."""
    packed = (file.read(1) or b"\0")[0]
    file.seek(more + (3 << (packed & 7) + 1 if packed & 0x80 else 0), 1)
