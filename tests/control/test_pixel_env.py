"""Gymnasium's worlds through their pictures: checked by others, strict about actions, logged as they were lived through."""

from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check

from worldmodel.control import SingleView
from worldmodel.control.pixel_env import PixelEnv, Wander, images_read_once, picture, record_log
from worldmodel.settings import ConfigError, DataError

pygame = pytest.importorskip("pygame", reason="pygame draws Gymnasium's classic worlds: pip install gymnasium[classic-control]")


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("MUJOCO_GL", "egl")


def named(name, **options):
    """The environment, or a skip that says what is missing."""
    try:
        env = PixelEnv(name, **options)
        env.reset(seed=0)
        return env
    except Exception as error:  # a missing package or driver shows in many ways
        pytest.skip(f"{name} cannot be rendered here: {error}")


@pytest.mark.parametrize("name", ["Pendulum-v1", "CartPole-v1", "InvertedPendulum-v5", "Reacher-v5"])
def test_gymnasiums_checker_accepts_it(name):
    gymnasium_check(SingleView(named(name)))


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_actions_are_stretched_to_the_worlds_own_range_or_a_share_of_it(share):
    env, own = named("Pendulum-v1", num_envs=2, share=share), gym.make("Pendulum-v1").unwrapped
    own.reset(seed=0)
    for action in (-1.0, 0.25):
        own.state = env.envs[1].unwrapped.state.copy()
        env.step(np.array([[0.0], [action]]))
        own.step(np.array([2 * share * action], np.float32))
        np.testing.assert_allclose(env.envs[1].unwrapped.state, own.state)


def test_of_two_choices_the_sign_chooses():
    env = named("CartPole-v1", num_envs=2)
    env.step(np.array([[-0.3], [0.3]]))
    left, right = (one.unwrapped.state[1] for one in env.envs)
    assert left < -0.1 and right > 0.1


def test_in_a_negative_light_and_dark_are_exchanged():
    seen, negative = (named("CartPole-v1", num_envs=2, negative=negative).reset(seed=1)[0] for negative in (False, True))
    np.testing.assert_array_equal(negative, 255 - seen)
    assert np.median(negative) == 0


def test_a_part_of_the_picture_can_be_seen_from_near():
    env = named("CartPole-v1", view=(0.4, 0.72, 1 / 6, 5 / 6))
    seen, rendered = env.reset(seed=0)[0][0, ..., 0].astype(float), env.envs[0].render().astype(float) @ [0.299, 0.587, 0.114]
    part = rendered[160:288, 100:500]  # of 400 x 600
    np.testing.assert_allclose(seen[:, 0], part.reshape(64, 2, 400)[..., :7].mean((1, 2)), atol=1)  # 6.25 columns to a pixel
    assert seen.mean() == pytest.approx(part.mean(), abs=1)


@pytest.mark.parametrize("view", [(0.5, 0.5, 0, 1), (0, 1, -0.1, 1), (0, 1.1, 0, 1), (0, np.nan, 0, 1)])
def test_a_view_of_nothing_is_refused(view):
    with pytest.raises(ConfigError, match="view"):
        PixelEnv("CartPole-v1", view=view)


def test_a_picture_is_the_mean_of_what_is_rendered():
    env = named("Pendulum-v1")
    rendered = np.asarray(env.envs[0].render(), float) @ [0.299, 0.587, 0.114]
    assert env.reset(seed=0)[0].mean() == pytest.approx(rendered.mean(), abs=2)


@pytest.mark.parametrize("name", ["Pendulum-v1", "CartPole-v1"])
def test_quicker_drawing_leaves_every_byte_as_it_was(name):
    env, own, load = named(name), gym.make(name, render_mode="rgb_array"), pygame.image.load
    own.reset(seed=0)
    for action in (0.8, -0.4, 0.1):
        env.step(np.array([[action]]))
        own.unwrapped.state = env.envs[0].unwrapped.state
        own.unwrapped.last_u = getattr(env.envs[0].unwrapped, "last_u", None)
        with images_read_once():
            np.testing.assert_array_equal(picture(env.envs[0]), own.render())
        np.testing.assert_array_equal(picture(env.envs[0]), own.render())
    assert env.envs[0].unwrapped.screen.get_bitsize() == 24 and pygame.image.load is load


def test_a_reset_of_some_starts_these_alone():
    env = named("Pendulum-v1", num_envs=2)
    frames = env.step(np.ones((2, 1)))[0]
    native, env.over = env.native[0].copy(), np.array([False, True])
    seen, _ = env.reset(options={"reset_mask": np.array([False, True])})
    np.testing.assert_array_equal(env.native[0], native)
    assert (seen != frames).any((1, 2, 3)).tolist() == [False, True] and not env.over.any()
    assert env.envs[1].unwrapped.last_u is None and env.envs[1]._elapsed_steps == 0


@pytest.mark.parametrize("value", [np.nan, 1.5])
def test_an_action_out_of_range_is_refused(value):
    with pytest.raises(ConfigError, match="action"):
        named("Pendulum-v1").step(np.array([[value]]))


def test_worlds_of_other_actions_are_refused():
    with pytest.raises(ConfigError, match="actions"):
        PixelEnv("MountainCar-v0")  # three choices


def test_a_log_holds_what_was_lived_through(tmp_path):
    env = named("CartPole-v1", num_envs=4)
    log = record_log(env, Wander(env), 6, 30, tmp_path / "log", seed=3, view=(0.0, 1.0))
    assert len(log) == 6 and log.shape == (30, 64, 64, 1) and log.action_size == 1
    ends, frames = log.ends, log.frames
    assert log.choices and set(np.unique(log.actions)) == {-1, 0, 1}  # what was done, not by how much it was asked for
    assert ends.any() and (ends.sum(1) <= 1).all() and (log.rewards[:, 0] == 0).all()
    for clip in np.nonzero(ends.any(1))[0]:
        last = ends[clip].argmax()
        assert (frames[clip, last:] == frames[clip, last]).all() and (log.rewards[clip, last + 1 :] == 0).all()
        assert (log.rewards[clip, 1 : last + 1] == 1).all()
    again = record_log(env, lambda _: pytest.fail("acted again"), 6, 30, tmp_path / "log", seed=3, view=(0.0, 1.0))
    assert again.digest == log.digest
    with pytest.raises(DataError, match="another recording"):
        record_log(env, Wander(env), 6, 30, tmp_path / "log", seed=4, view=(0.0, 1.0))


def test_held_actions_stay_in_range_and_change_now_and_then():
    env = named("Pendulum-v1", num_envs=50)
    wander = Wander(env)
    path = np.stack([wander(None) for _ in range(100)])
    assert np.abs(path).max() <= 1
    assert 0.1 < (np.diff(path, axis=0) != 0).mean() < 0.2


def test_with_feedback_an_action_is_linear_in_what_is_told_and_another_way_after_every_reset():
    env = SimpleNamespace(action_space=gym.spaces.Box(-1, 1, (3, 2)), native=[np.zeros(4) for _ in range(3)])
    wander = Wander(env, change=0.0, feedback=1e-3)  # held actions stay as they are
    held, responses = wander(None), []
    for _ in range(2):
        for scale in (1, 2):
            for native in env.native:
                native[:] = scale * np.array([1.0, 0.0, 0.0, 2.0])
            responses.append(wander(None) - held)
        env.native = [np.zeros(4) for _ in range(3)]
    one, twice, other, other_twice = responses
    np.testing.assert_allclose(twice, 2 * one)
    np.testing.assert_allclose(other_twice, 2 * other)
    assert (one != other).all() and (one[0] != one[1]).all()
    env.native = [np.full(4, 1e6) for _ in range(3)]
    assert (np.abs(wander(None)) == 1).all()
