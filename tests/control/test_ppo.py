"""PPO's worlds and its learning: no frame lost, none counted twice, the same episodes for every view."""

import sys
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space
from stable_baselines3.common.env_checker import check_env as baselines_check
from stable_baselines3.common.vec_env import VecFrameStack

from worldmodel.control import PhysicsEnv, SingleView, run_episodes
from worldmodel.control.ppo import STACK, OwnState, TrueState, _acting, learn_ppo, same_step, true_world
from worldmodel.settings import ConfigError

LENGTHS = np.array([2, 3, 7])  # the first ends by itself, the others are cut off
TINY = {"num_envs": 4, "n_steps": 16, "batch_size": 32, "episodes": 3}


class Count(VectorEnv):
    """What is seen is (number of the episode, its age); every step is worth its age, and its action is kept."""

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.NEXT_STEP}
    num_envs, render_mode = 3, None
    single_observation_space = gym.spaces.Box(0, 100, (2,), np.float32)
    single_action_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    observation_space, action_space = batch_space(single_observation_space, 3), batch_space(single_action_space, 3)

    def reset(self, *, seed=None, options=None):
        if options is None:
            self.episode, self.age, self.seed = np.zeros(3), np.zeros(3), seed
        else:
            fresh = options["reset_mask"]
            self.episode, self.age = self.episode + fresh, np.where(fresh, 0, self.age)
        return self._seen(), {}

    def step(self, actions):
        assert (self.age < LENGTHS).all(), "a step that would only begin an episode"
        self.age, self.acted = self.age + 1, actions
        over = self.age == LENGTHS
        return self._seen(), self.age.copy(), over & (LENGTHS == 2), over & (LENGTHS != 2), {}

    def _seen(self):
        return np.stack([self.episode, self.age], 1).astype(np.float32)


def test_an_episode_begins_in_the_step_in_which_the_last_one_ends():
    world = same_step(Count())
    np.testing.assert_array_equal(world.reset(), np.zeros((3, 2)))
    frames = 3
    for step in range(1, 15):
        seen, reward, over, infos = world.step(np.full((3, 1), step))
        episode, age = np.divmod(step, LENGTHS)
        np.testing.assert_array_equal(seen, np.stack([episode, age], 1))
        np.testing.assert_array_equal(over, age == 0)
        np.testing.assert_array_equal(reward, np.where(over, LENGTHS, age))
        assert (world.env_is_wrapped(VecFrameStack), reward.dtype, over.dtype) == ([False] * 3, np.float32, bool)
        for row, info in enumerate(infos):
            assert ("terminal_observation" in info) == over[row]
            if over[row]:
                np.testing.assert_array_equal(info["terminal_observation"], [episode[row] - 1, LENGTHS[row]])
                assert info["TimeLimit.truncated"] is bool(row > 0)
        frames += 3 + over.sum()
        assert world.frames == frames
    assert world.frames == 3 + 3 * 14 + 7 + 4 + 2


def test_a_seed_is_given_to_the_first_reset_alone():
    env = Count()
    world = same_step(env)
    world.seed(5)
    world.reset()
    assert env.seed == 5
    world.reset()
    assert env.seed is None


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.vec_env", None)
    with pytest.raises(ConfigError, match="stable-baselines3"):
        learn_ppo("lander", "state", points=(1,))


@pytest.mark.parametrize("task, view", [("catcher", "state"), ("lander", "smell")])
def test_another_task_or_view_is_refused(task, view):
    with pytest.raises(ConfigError, match="lander or Pendulum-v1 from pixels or state"):
        learn_ppo(task, view)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("check", [gymnasium_check, baselines_check], ids=["gymnasium", "stable-baselines3"])
@pytest.mark.parametrize("task", ["lander", "Pendulum-v1"])
def test_other_peoples_checkers_accept_the_view_of_the_state(task, check):
    world = SingleView(true_world(task, "state", 1))
    if check is gymnasium_check:
        check(world, skip_render_check=True)
    else:
        check(world)


def test_the_state_of_a_lander_is_that_behind_its_pictures():
    pictures, state = PhysicsEnv("lander", 200, "beyond"), TrueState("lander", 200, "beyond")
    pictures.reset(seed=4)
    seen, _ = state.reset(seed=4)
    for _ in range(3):
        np.testing.assert_allclose(seen[:, :2], pictures.state["position"] / 2, rtol=1e-6)
        np.testing.assert_allclose(seen[:, 2:4], pictures.state["velocity"] / 4, rtol=1e-5, atol=1e-6)
        for column, (name, unit) in enumerate({"g": 10, "thrust": 40, "pad": 2}.items(), 4):
            np.testing.assert_allclose(seen[:, column], pictures.constants[name] / unit, rtol=1e-6)
        assert np.abs(seen).max() < 4
        actions = np.zeros((200, 2))
        pictures.step(actions)
        seen = state.step(actions)[0]


def test_a_pendulum_seen_by_its_own_observation_lives_the_same_episodes():
    pytest.importorskip("pygame", reason="pygame draws Gymnasium's classic worlds: pip install gymnasium[classic-control]")
    pictures, own = true_world("Pendulum-v1", "pixels", 2), OwnState("Pendulum-v1", 2)
    pictures.reset(seed=1)
    seen, _ = own.reset(seed=1)
    for _ in range(3):
        angle, speed = np.array([env.unwrapped.state for env in pictures.envs]).T
        np.testing.assert_allclose(seen, np.stack([np.cos(angle), np.sin(angle), speed], 1), rtol=1e-5)
        actions = np.array([[0.5], [-1.0]])
        reward = pictures.step(actions)[1]
        seen, same, *_ = own.step(actions)
        np.testing.assert_array_equal(reward, same)


def test_a_policy_on_trial_sees_the_frames_that_it_learned_from():
    learning = VecFrameStack(same_step(PhysicsEnv("lander", 2)), STACK)
    learning.seed(3)
    expected = [learning.reset().copy()] + [learning.step(np.zeros((2, 2)))[0].copy() for _ in range(4)]
    shown = []

    def predict(seen, deterministic):
        assert deterministic
        shown.append(seen.copy())
        return np.zeros((2, 2)), None

    trial = PhysicsEnv("lander", 2)
    run_episodes(trial, _acting(SimpleNamespace(predict=predict), trial, STACK), 3)
    assert expected[0].shape == (2, 64, 64, STACK) and not expected[0][..., :-1].any()
    for ours, theirs in zip(shown, expected):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("view", ["pixels", "state"])
def test_a_policy_is_tried_at_every_point_and_repeats(view):
    one, other = (learn_ppo("lander", view, seed=2, points=(0, 100, 150), n_epochs=1, **TINY) for _ in range(2))
    assert set(one) == {"frames", "seconds", "returns.train", "returns.beyond", "success.train", "success.beyond"}
    # 4 first frames and 4 a step, 16 steps a rollout; and the first frame of each episode that began since
    frames = one["frames"]
    assert (
        frames[0] == 0 and 132 <= frames[1] < 150 <= frames[2] and frames[1] < frames[2] and (np.diff(one["seconds"]) > 0).all()
    )
    for name in set(one) - {"frames", "seconds"}:
        assert one[name].shape == (3, 3)
        np.testing.assert_array_equal(one[name], other[name])


def test_it_learns_from_the_state():
    found = learn_ppo("lander", "state", points=(0, 8_000), episodes=50)
    assert found["returns.train"][1].mean() > found["returns.train"][0].mean() + 0.5


def test_a_pendulum_has_one_band():
    assert set(learn_ppo("Pendulum-v1", "state", points=(50,), **TINY)) == {"frames", "seconds", "returns.train", "success.train"}
