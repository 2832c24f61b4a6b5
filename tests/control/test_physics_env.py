"""The true world as an environment: checked by others, repeatable, strict about actions, honest about ends."""

import gymnasium as gym
import numpy as np
import pytest

from worldmodel.control import PhysicsEnv
from worldmodel.settings import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:.*alternative render modes:UserWarning")


def test_observations_actions_and_ends_have_the_declared_form():
    env = PhysicsEnv(num_envs=4)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert env.metadata["autoreset_mode"] == gym.vector.AutoresetMode.NEXT_STEP
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert env.observation_space.contains(observation)
    assert reward.shape == terminated.shape == truncated.shape == info["success"].shape == (4,)
    assert terminated.dtype == truncated.dtype == info["success"].dtype == bool
    assert len(env.render()) == 4 and env.render()[0].shape == (64, 64, 3)


def test_the_step_after_an_end_starts_anew_and_ignores_its_action():
    def run(last_action):
        env = PhysicsEnv(num_envs=3)
        env.reset(seed=1)
        over = np.zeros(3, bool)
        while not over[0]:
            _, _, terminated, truncated, _ = env.step(np.tile([0.0, -1.0], (3, 1)))
            over = terminated | truncated
        before = env.constants["g"].copy()
        action = np.where(over[:, None], np.full((3, 2), last_action), 0.0)
        frames, reward, terminated, truncated, info = env.step(action)
        return over, frames, reward, terminated | truncated | info["success"], before, env

    for action in (0.0, 1.0, np.nan):
        over, frames, reward, flags, before, env = run(action)
        assert (reward[over] == 0).all() and not flags[over].any()
        assert ((env.constants["g"] != before) == over).all()
        np.testing.assert_array_equal(frames, run(0.0)[1])
        assert (env.state["position"][over, 1] >= 2.0).all()  # a start in the air, from which nothing has moved


def test_every_episode_ends_at_the_limit_at_the_latest():
    env = PhysicsEnv(num_envs=8)
    env.reset(seed=0)
    age = np.zeros(8, int)
    fresh = np.zeros(8, bool)
    seen_end = False
    for _ in range(70):
        hover = env.constants["g"] - 3 * env.state["velocity"][:, 1] - 3 * (env.state["position"][:, 1] - 2.5)
        throttle = np.clip(2 * hover / env.constants["thrust"] - 1, -1, 1)
        brake = np.clip(-env.state["velocity"][:, 0], -1, 1)
        _, _, terminated, truncated, _ = env.step(np.stack([brake, throttle], 1))
        age = np.where(fresh, 0, age + 1)
        assert not (terminated & truncated).any()
        assert ((age < 60) | terminated | truncated)[~fresh].all() and (age[truncated] == 60).all()
        fresh = terminated | truncated
        seen_end |= truncated.any()
    assert seen_end


def test_a_step_before_the_reset_and_a_world_without_actions_are_refused():
    with pytest.raises(ConfigError, match="reset"):
        PhysicsEnv().step(np.zeros((1, 2)))
    with pytest.raises(ConfigError, match="no actions"):
        PhysicsEnv("ball")
    for wrong in ({"name": "chess"}, {"band": "moon"}):
        with pytest.raises(ConfigError):
            PhysicsEnv(**wrong).reset(seed=0)


@pytest.mark.parametrize("band, low, high", [("train", 1, 20), ("earth", 9, 11), ("beyond", 20, 30)])
def test_gravity_is_drawn_from_the_band(band, low, high):
    env = PhysicsEnv(num_envs=200, band=band)
    env.reset(seed=0)
    g = env.constants["g"]
    assert ((low <= g) & (g <= high)).all() and g.std() > 0.2 * (high - low) / np.sqrt(12)


def test_an_episode_cut_off_just_above_the_floor_does_not_end_a_second_time():
    env = PhysicsEnv(num_envs=2)
    env.reset(seed=0)
    env.state = {"position": np.array([[2.0, 0.26], [2.0, 2.0]]), "velocity": np.array([[0.0, -10.0], [0.0, 0.0]])}
    env.over = np.array([True, False])
    _, reward, terminated, truncated, info = env.step(np.zeros((2, 2)))
    assert reward[0] == 0 and not (terminated[0] or truncated[0] or info["success"][0])
    assert env.state["position"][0, 1] >= 2.0 and env.age.tolist() == [0, 1]


def test_a_reset_of_some_starts_these_alone():
    env = PhysicsEnv(num_envs=3)
    env.reset(seed=0)
    for _ in range(4):
        frames = env.step(np.zeros((3, 2)))[0]
    before, env.over = env.state["position"].copy(), np.array([True, True, False])
    seen, _ = env.reset(options={"reset_mask": np.array([True, False, False])})
    assert (env.state["position"] != before).any(1).tolist() == [True, False, False]
    assert env.age.tolist() == [0, 4, 4] and env.over.tolist() == [False, True, False]
    assert (seen != frames).any((1, 2, 3)).tolist() == [True, False, False]
