"""The log of a training run: one JSON object a line, and TensorBoard beside it where asked for."""

from __future__ import annotations

import itertools
import json
import math
import os
from pathlib import Path

from ..settings import ConfigError


class Log:
    """Appends to ``folder/log.jsonl``; writes nothing where ``folder`` is None."""

    def __init__(self, folder: Path | None, tensorboard: bool = False):
        self.file, self.board = None, None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "log.jsonl"
        self.file.touch()
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise ConfigError('TensorBoard is an extra: pip install "worldmodel[tensorboard]"') from None
            self.board = SummaryWriter(str(folder / "tensorboard"))

    def forget_after(self, step: int) -> None:
        """Drop the lines of steps that no checkpoint has: a resumed run takes them, and writes of them, again."""
        if self.file is not None:
            lines = self.file.read_bytes().splitlines(keepends=True)
            kept = itertools.takewhile(lambda line: _step_of(line) <= step, lines)
            os.truncate(self.file, sum(map(len, kept)))

    def write(self, step: int, **values) -> None:
        """One line; numbers also go to TensorBoard."""
        if self.file is None:
            return
        with open(self.file, "a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self.board:
            for name, value in values.items():
                if isinstance(value, float):
                    self.board.add_scalar(name, value, step)


def _step_of(line: bytes) -> float:
    """The step that a line tells of; infinite where a kill or a fault left half a line."""
    try:
        return json.loads(line)["step"] if line.endswith(b"\n") else math.inf
    except (ValueError, TypeError, KeyError):
        return math.inf
