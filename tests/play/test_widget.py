"""The widget: the same game behind a notebook's traits."""

import asyncio

import numpy as np
import pytest

pytest.importorskip("anywidget")


def test_a_widget_plays_shows_and_obeys(new_game):
    from worldmodel.play.widget import Player

    async def run():
        player = Player(new_game())
        first = player.frame
        player.place, player.gravity, player.held = "truth", 4.0, ["ArrowUp"]
        player.play(seconds=0.6)
        await asyncio.sleep(0.8)
        return player, first

    player, first = asyncio.run(run())
    assert len(player.frame) == 64 * 64 * 3 and player.frame != first
    assert player.game.place == "truth" and player.game.gravity == 4.0
    assert np.isfinite(player.told["believed"]) and player.clock.done()


def test_a_notebook_is_told_all_that_the_player_draws(new_game):
    from worldmodel.play.widget import Player

    told = Player(new_game()).get_state()
    assert {"_model_module", "_esm", "held", "place", "gravity", "frame", "told"} <= set(told)
