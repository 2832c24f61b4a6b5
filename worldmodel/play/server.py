"""The game as a page in a browser: served on this machine alone, one game for each tab, 25 frames a second.

A tab sends small JSON messages, ``{"keys": ["ArrowUp"]}``, ``{"place": "truth"}``, ``{"gravity": 3.7}``; it is sent pictures and
what `Game` tells of them. What it sends is not trusted: pages of other origins are refused, a message that cannot be read is
answered with an error and changes nothing, one that is too long, or too many of them, end the connection.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path

from tornado import httpserver, netutil, web, websocket

from ..settings import ConfigError
from .game import KEYS, Game

HOST = "127.0.0.1"
FRAMES_PER_SECOND = 25  # a little faster than the world's own 20
LONGEST = 1024  # bytes in a message
MOST = 200  # messages in a second
GAMES = 4  # at a time


class Local:
    """What a handler shares: only pages that call this server by its own name are served.

    Another name, though it may lead here, is another site's trick.
    """

    def prepare(self):
        if not self.is_here(self.request.host):
            raise web.HTTPError(403)

    def is_here(self, host: str) -> bool:
        return host in (f"{HOST}:{self.settings['port']}", f"localhost:{self.settings['port']}")


class Page(Local, web.RequestHandler):
    """The page and its script."""

    def get(self, name):
        name = name or "page.html"
        self.set_header("Content-Type", "text/javascript" if name.endswith(".js") else "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline'; connect-src 'self'")
        self.finish((Path(__file__).parent / name).read_bytes())


class Tab(Local, websocket.WebSocketHandler):
    """One player."""

    playing = 0  # tabs, of all that are served

    def check_origin(self, origin):
        return self.is_here(origin.removeprefix("http://"))

    async def open(self):
        self.game, self.keys, self.times, self.loop = None, (), [], None
        if Tab.playing >= GAMES:
            return self.close(1013, f"{GAMES} games are being played already")
        self.game = self.settings["new_game"]()
        Tab.playing += 1
        self.loop = asyncio.create_task(self.run())

    def on_message(self, message):
        if self.loop is None:  # turned away, and talking on
            return
        now = time.monotonic()
        self.times = [t for t in self.times if t > now - 1] + [now]
        if len(self.times) > MOST:
            return self.close(1008, "too many messages")
        try:
            self.keys = apply(self.game, message, self.keys)
        except ConfigError as error:
            self.write_message(json.dumps({"error": str(error)}))

    def on_close(self):
        if self.loop is not None:
            self.loop.cancel()
            Tab.playing -= 1

    async def run(self):
        """Step and send, no faster than the pace and no faster than the tab takes it."""
        due = time.monotonic()
        while True:
            shown = self.game.step(self.keys)
            message = {
                "frame": base64.b64encode(shown.frame).decode(), "earned": shown.earned, "over": shown.over,
                "believed": shown.believed, "place": self.game.place, "gravity": self.game.gravity,
            }  # fmt: skip
            try:
                await self.write_message(json.dumps(message))
            except websocket.WebSocketClosedError:
                return
            due = max(due + 1 / FRAMES_PER_SECOND, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def apply(game: Game, message, keys: tuple) -> tuple:
    """Do what a message asks of a game; the keys that are held down after it.

    Raises:
        ConfigError: it is no such message, or asks for what there is not. Nothing has changed then.
    """
    try:
        asked = json.loads(message)
    except (ValueError, RecursionError):
        raise ConfigError("a message must be JSON") from None
    if not isinstance(asked, dict) or set(asked) - {"keys", "place", "gravity"}:
        raise ConfigError("a message must be an object of keys, place or gravity")
    held = asked.get("keys", list(keys))
    if not isinstance(held, list) or not all(isinstance(key, str) and key in KEYS for key in held):
        raise ConfigError(f"keys must be a list out of {', '.join(KEYS)}")
    game.set(asked.get("place"), asked.get("gravity"))
    return tuple(held)


def serve(new_game, port: int = 0) -> tuple[httpserver.HTTPServer, str]:
    """Start to serve games on this machine's loopback, in the running event loop.

    Args:
        new_game: makes a `Game`. port: 0 is a free one.

    Returns:
        the server and the page's address.
    """
    sockets = netutil.bind_sockets(port, HOST)
    port = sockets[0].getsockname()[1]
    routes = [(r"/(|player\.js)", Page), (r"/play", Tab)]
    app = web.Application(routes, new_game=new_game, port=port, websocket_max_message_size=LONGEST, websocket_ping_interval=10)
    server = httpserver.HTTPServer(app, max_buffer_size=2**20)
    server.add_sockets(sockets)
    return server, f"http://{HOST}:{port}/"
