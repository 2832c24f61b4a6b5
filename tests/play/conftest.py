"""A game on a small untrained model: what is tested is the playing, not the dream."""

import pytest

from worldmodel.play.game import Game


@pytest.fixture(scope="session")
def game(lander_model, lander):
    return Game(lander_model, lander)


@pytest.fixture()
def new_game(game):
    return game.another
