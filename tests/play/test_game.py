"""The game: keys act, gravity pulls in dream and truth alike, an episode ends and another begins."""

import numpy as np
import pytest

from worldmodel.play.game import PAUSE
from worldmodel.settings import ConfigError


def test_keys_ask_for_actions(new_game):
    game = new_game()
    assert game.action([]).tolist() == [0, -1]
    assert game.action(["ArrowUp", "ArrowLeft"]).tolist() == [-1, 1]
    assert game.action(["q"]).tolist() == [0, -1]


def test_the_dream_believes_the_gravity_that_is_asked(new_game):
    game = new_game()
    for gravity in (3.0, 25.0):
        game.set(gravity=gravity)
        game.reset()  # an untrained dream may end with its first step
        assert game.step().believed == pytest.approx(gravity, abs=1e-2)


def test_in_truth_a_lander_falls_as_asked(new_game):
    game = new_game()
    game.set("truth", 4.0)
    speeds = []
    for _ in range(4):
        game.step()
        speeds.append(game.env.env.state["velocity"][0, 1])
    np.testing.assert_allclose(np.diff(speeds), -4.0 / 20, rtol=1e-6)


def test_pictures_come_and_after_an_end_a_pause_and_another_episode(new_game):
    game = new_game()
    dreamt = [game.step() for _ in range(5)]
    game.set("truth", 20.0)
    shown = [game.step() for _ in range(100)]
    assert all(one.frame.shape == (64, 64, 3) and one.frame.dtype == np.uint8 for one in dreamt + shown)
    ends = [i for i, one in enumerate(shown) if one.over and not shown[i - 1].over]
    assert ends and all(one.over for one in shown[ends[0] : ends[0] + PAUSE])
    assert not shown[ends[0] + PAUSE].over and abs(shown[ends[0] + PAUSE].earned) < abs(shown[ends[0]].earned)
    assert np.array_equal(shown[ends[0]].frame, shown[ends[0] + PAUSE - 1].frame)


@pytest.mark.parametrize(
    "asked", [{"place": "moon"}, {"gravity": 31}, {"gravity": float("nan")}, {"gravity": "9"}, {"gravity": True}], ids=str
)
def test_what_there_is_not_is_refused_and_nothing_changes(new_game, asked):
    game = new_game()
    with pytest.raises(ConfigError):
        game.set(**asked)
    assert (game.place, game.gravity) == ("dream", 9.81)
