"""The play server against real connections: who may come, what may be said, and who vanishes or floods."""

import asyncio
import json
import socket

import pytest
from tornado import httpclient, websocket

from worldmodel.play import server
from worldmodel.play.game import Shown


class Still:
    """A stand-in for a game that costs nothing, so that hundreds of frames can be sent."""

    place, gravity, steps = "dream", 9.81, 0

    def step(self, keys=()):
        import numpy as np

        self.steps, self.keys = self.steps + 1, keys
        return Shown(np.zeros((64, 64, 3), np.uint8), 0.0, False, 9.8)

    def set(self, place=None, gravity=None):
        from worldmodel.play.game import Game

        Game.set(self, place, gravity) if place is None else setattr(self, "place", place)


@pytest.fixture()
def served():
    """Run a coroutine function beside a server: it gets the page's address and the list of its games."""

    def run(visit, new_game=Still):
        async def main():
            games = []
            http, address = server.serve(lambda: games.append(new_game()) or games[-1])
            try:
                return await asyncio.wait_for(visit(address, games), 30)
            finally:
                http.stop()
                await http.close_all_connections()
                await asyncio.sleep(0)

        return asyncio.run(main())

    return run


def connect(address, **headers):
    request = httpclient.HTTPRequest(address.replace("http", "ws") + "play", headers=headers)
    return websocket.websocket_connect(request)


async def answer(player, kind="frame"):
    """The next message of a kind."""
    while True:
        message = await player.read_message()
        assert message is not None, "the connection was closed"
        if kind in (told := json.loads(message)):
            return told


def test_it_listens_on_loopback_alone(served, fault):
    async def visit(address, _):
        port = int(address.rsplit(":")[-1].strip("/"))
        names = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
        for name in {name for name in names if not name.startswith("127.")}:
            with pytest.raises(OSError):
                socket.create_connection((name, port), timeout=2)
        return port

    with fault("play: a connection from outside"):
        assert served(visit) > 0


def test_a_page_and_its_script_are_served_and_nothing_else(served, fault):
    async def visit(address, _):
        client = httpclient.AsyncHTTPClient()
        assert b"Play the dream" in (await client.fetch(address)).body
        assert b"export default" in (await client.fetch(address + "player.js")).body
        for path in ("server.py", "../game.py", "%2e%2e/settings.py"):
            with pytest.raises(httpclient.HTTPClientError) as refused:
                await client.fetch(address + path)
            assert refused.value.code == 404

    with fault("play: another file asked for", 3):
        served(visit)


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example", "Origin": "http://evil.example"}], ids=str
)
def test_another_sites_page_is_refused(served, fault, headers):
    async def visit(address, games):
        with pytest.raises(httpclient.HTTPClientError) as refused:
            await connect(address, **headers)
        assert refused.value.code == 403 and not games
        if "Host" in headers:
            with pytest.raises(httpclient.HTTPClientError):
                await httpclient.AsyncHTTPClient().fetch(address, headers=headers)

    with fault("play: another site's page"):
        served(visit)


@pytest.mark.parametrize("bad", ["", "{", "[1]", "1e999", '{"keys": "ArrowUp"}', '{"keys": ["rm"]}', '{"gravity": 1e9}',
                                 '{"gravity": NaN}', '{"cheat": 1}', "[" * 900, b"\x00\xff"], ids=repr)  # fmt: skip
def test_a_message_without_sense_gets_an_error_and_the_game_goes_on(served, fault, bad):
    async def visit(address, games):
        player = await connect(address)
        await player.write_message(bad, binary=isinstance(bad, bytes))
        assert "error" in await answer(player, "error")
        await player.write_message('{"keys": ["ArrowUp"], "gravity": 3}')
        while (await answer(player))["gravity"] != 3:
            pass
        await answer(player)
        assert games[0].keys == ("ArrowUp",)

    with fault("play: a message without sense"):
        served(visit)


def test_too_long_a_message_ends_the_connection(served, fault):
    async def visit(address, _):
        player = await connect(address)
        await player.write_message("x" * 2 * server.LONGEST)
        while await player.read_message() is not None:
            pass
        await answer(await connect(address))  # others may still play

    with fault("play: too long a message"):
        served(visit)


def test_a_flood_ends_the_connection_and_the_server_lives(served, fault):
    async def visit(address, _):
        player = await connect(address)
        for _ in range(3 * server.MOST):
            player.write_message('{"keys": []}')
        while await player.read_message() is not None:
            pass
        assert player.close_code == 1008
        await answer(await connect(address))

    with fault("play: a flood of messages"):
        served(visit)


HELLO = "GET /play HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"  # fmt: skip


async def raw(address, data: bytes):
    """A connection that says whatever it likes."""
    host, port = address.removeprefix("http://").strip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    return reader, writer


def test_frames_do_not_pile_up_for_a_client_that_does_not_read(served, fault, monkeypatch):
    monkeypatch.setattr(server, "FRAMES_PER_SECOND", 100_000)

    async def visit(address, games):
        reader, writer = await raw(address, HELLO.format(address.removeprefix("http://").strip("/")).encode())
        writer.transport.pause_reading()
        before = -1
        while not games or games[0].steps != before:  # until what lies between the two is full
            before = games[0].steps if games else -1
            await asyncio.sleep(0.5)
        assert 0 < games[0].steps < 5000
        await answer(await connect(address))
        writer.close()

    with fault("play: a client that does not read"):
        served(visit)


STRANGE = {
    "noise": b"\x00\xff" * 500 + b"\r\n\r\n",
    "endless headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
    "no host": b"GET /play HTTP/1.1\r\n\r\n",
    "another port": HELLO.format("127.0.0.1:1").encode(),
}


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE)
def test_what_is_no_request_of_the_page_is_turned_away(served, fault, data):
    async def visit(address, games):
        reader, writer = await raw(address, data)
        said = await reader.read(2000)
        assert b"101 Switching" not in said and not games
        writer.close()
        await answer(await connect(address))

    with fault("play: no request at all"):
        served(visit)


def test_a_game_that_cannot_begin_takes_nobodys_place(served, fault):
    class Broken:
        def __init__(self):
            raise RuntimeError("no model")

    async def visit(address, _):
        for _ in range(2 * server.GAMES):
            assert await (await connect(address)).read_message() is None
        assert server.Tab.playing == 0

    with fault("play: a game that cannot begin", 2 * server.GAMES):
        served(visit, Broken)


def test_players_that_vanish_leave_room_for_others_and_only_so_many_may_play(served, fault):
    async def visit(address, games):
        for _ in range(3 * server.GAMES):
            player = await connect(address)
            await answer(player)
            player.protocol.stream.close() if hasattr(player.protocol, "stream") else player.close()
            await asyncio.sleep(0.1)
        steps = [game.steps for game in games]
        await asyncio.sleep(0.3)
        assert [game.steps for game in games] == steps  # nobody plays on
        players = [await connect(address) for _ in range(server.GAMES)]
        for player in players:
            await answer(player)
        late = await connect(address)
        await late.write_message('{"gravity": 3}')
        assert await late.read_message() is None

    with fault("play: a client that vanishes", 3 * server.GAMES):
        served(visit)


def test_frames_come_at_the_pace(served):
    async def visit(address, _):
        player, loop = await connect(address), asyncio.get_running_loop()
        await answer(player)
        begun = loop.time()
        for _ in range(50):
            await answer(player)
        return 50 / (loop.time() - begun)

    assert 15 < served(visit) < server.FRAMES_PER_SECOND * 1.3


def test_a_real_game_is_played(served, new_game):
    async def visit(address, _):
        player = await connect(address)
        await player.write_message('{"place": "truth", "gravity": 5}')
        told = await answer(player)
        while told["place"] != "truth":
            told = await answer(player)
        assert told["gravity"] == 5 and len(told["frame"]) == 64 * 64 * 3 * 4 / 3

    served(visit, new_game)
