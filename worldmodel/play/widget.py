"""The game as a widget in a notebook. Without a kernel a notebook shows the still picture that was saved beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anywidget
import traitlets

from .game import GRAVITY, PLACES, Game
from .server import FRAMES_PER_SECOND


class Player(anywidget.AnyWidget):
    """Steer with the arrow keys; `play` starts the clock and `stop` ends it."""

    _esm = Path(__file__).parent / "player.js"
    held = traitlets.List(traitlets.Unicode()).tag(sync=True)  # keys; a widget's own `keys` are the names of its traits
    place = traitlets.Enum(PLACES, "dream").tag(sync=True)
    gravity = traitlets.Float(9.81).tag(sync=True)
    frame = traitlets.Bytes(b"").tag(sync=True)
    told = traitlets.Dict().tag(sync=True)

    def __init__(self, game: Game):
        super().__init__()
        self.game, self.clock = game, None
        self.tick()

    def tick(self) -> None:
        """One frame on."""
        self.game.set(self.place, min(max(self.gravity, GRAVITY[0]), GRAVITY[1]))
        shown = self.game.step(self.held)
        self.frame = shown.frame.tobytes()
        self.told = {"earned": shown.earned, "over": shown.over, "believed": shown.believed}

    def play(self, seconds: float = 600.0) -> Player:
        """Let the clock run for so long, beside whatever else the kernel does."""
        self.stop()
        self.clock = asyncio.get_running_loop().create_task(self._run(seconds))
        return self

    def stop(self) -> None:
        if self.clock is not None:
            self.clock.cancel()

    async def _run(self, seconds):
        loop = asyncio.get_running_loop()
        begun = due = loop.time()
        while loop.time() < begun + seconds:
            self.tick()
            due = max(due + 1 / FRAMES_PER_SECOND, loop.time() - 1)
            await asyncio.sleep(max(0.005, due - loop.time()))
