"""The log of a training run: one JSON object a line, and TensorBoard beside it where asked for."""

from __future__ import annotations

import json
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
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise ConfigError('TensorBoard is an extra: pip install "worldmodel[tensorboard]"') from None
            self.board = SummaryWriter(str(folder / "tensorboard"))

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
