"""Through the model's eyes: what a policy sees is what `observe` makes of the frames since the start."""

import numpy as np
import torch
from gymnasium.vector import VectorWrapper

from worldmodel.control import DreamEnv, Observed, PhysicsEnv, SingleView, Told


class Recorded(VectorWrapper):
    """Keeps every episode's frames and the actions that led to them, as a log would."""

    def reset(self, **kwargs):
        frames, info = self.env.reset(**kwargs)
        self.frames = [[frame] for frame in frames]
        self.actions = [[np.zeros(2)] for _ in frames]
        self.over = np.zeros(self.num_envs, bool)
        return frames, info

    def step(self, actions):
        frames, reward, terminated, truncated, info = self.env.step(actions)
        for i in range(self.num_envs):
            if self.over[i]:  # the action was ignored: this is the next episode's first frame
                self.frames[i], self.actions[i] = [], []
            self.frames[i].append(frames[i])
            self.actions[i].append(np.zeros(2) if self.over[i] else actions[i])
        self.over = terminated | truncated
        return frames, reward, terminated, truncated, info


@torch.no_grad()
def observed_afresh(model, recorded):
    """`observe` on each episode so far, in one go and by itself."""
    clips = zip(recorded.frames, recorded.actions)
    return np.stack([model.observe(np.stack(f)[None], np.stack(a)[None]).vector()[0, -1] for f, a in clips])


def test_features_are_what_observe_makes_of_the_episode_so_far_and_nothing_older(lander_model):
    recorded = Recorded(PhysicsEnv(num_envs=4))
    env, rng, episodes = Observed(recorded, lander_model), np.random.default_rng(0), 0
    features, _ = env.reset(seed=0)
    for _ in range(45):
        np.testing.assert_allclose(features, observed_afresh(lander_model, recorded), rtol=1e-3, atol=1e-4)
        episodes += recorded.over.sum()
        action = rng.uniform(-1, 1, (4, 2)).astype(np.float32)
        action[recorded.over] = 0.9  # ignored, and must leave no trace
        features, *_ = env.step(action)
    assert episodes >= 3


def test_a_second_reset_forgets_everything(lander_model):
    env = Observed(PhysicsEnv(num_envs=3), lander_model)
    first, _ = env.reset(seed=1)
    for _ in range(5):
        env.step(np.full((3, 2), 0.5))
    np.testing.assert_array_equal(env.reset(seed=1)[0], first)


def test_the_true_world_and_the_dream_look_alike_to_a_policy(lander_model, lander):
    true, dream = Observed(PhysicsEnv(num_envs=3), lander_model), DreamEnv(lander_model, lander, 3)
    assert true.observation_space == dream.observation_space and true.action_space == dream.action_space
    features, _ = true.reset(seed=0)
    assert features.dtype == np.float32 and true.observation_space.contains(features)
    assert features.shape == tuple(dream.reset(seed=0)[0].shape)


def test_rewards_and_ends_pass_through_unchanged(lander_model):
    plain, seen = PhysicsEnv(num_envs=3), Observed(PhysicsEnv(num_envs=3), lander_model)
    plain.reset(seed=2), seen.reset(seed=2)
    for _ in range(10):
        action = np.full((3, 2), -0.3)
        for ours, theirs in zip(seen.step(action)[1:4], plain.step(action)[1:4]):
            np.testing.assert_array_equal(ours, theirs)


def test_the_single_view_is_the_first_of_one(lander_model, lander):
    vector, single = PhysicsEnv(), SingleView(PhysicsEnv())
    frames, frame = vector.reset(seed=4)[0], single.reset(seed=4)[0]
    np.testing.assert_array_equal(frames[0], frame)
    many, one = vector.step(np.array([[0.1, 0.2]])), single.step(np.array([0.1, 0.2]))
    np.testing.assert_array_equal(many[0][0], one[0])
    assert [type(value) for value in one[1:4]] == [float, bool, bool] and one[4]["success"] == many[4]["success"][0]
    assert single.render().shape == (64, 64, 3)
    dreamt = SingleView(DreamEnv(lander_model, lander))
    assert isinstance(dreamt.reset(seed=0)[0], np.ndarray)
    observation, reward, *_ = dreamt.step(np.zeros(2))
    assert isinstance(observation, np.ndarray) and dreamt.observation_space.contains(observation)
    assert type(reward) is float


def test_what_was_believed_is_hidden_or_something_told_in_its_place(lander_model, lander):
    believed = slice(4 * lander_model.config.points, 4 * lander_model.config.points + 2 * lander_model.config.constants)
    plain, hidden, told = (
        wrap(Observed(PhysicsEnv(num_envs=3), lander_model))
        for wrap in (lambda env: env, Told, lambda env: Told(env, lambda: env.env.constants["g"]))
    )
    for act in (lambda env: env.reset(seed=1)[0], lambda env: env.step(np.zeros((3, 2)))[0]):
        seen, without, instead = (np.array(act(env)) for env in (plain, hidden, told))
        assert seen[:, believed].any() and not without[:, believed].any()
        np.testing.assert_allclose(instead[:, believed.start], told.env.env.constants["g"], rtol=1e-6)
        assert not instead[:, believed][:, 1:].any()
        for other in (without, instead):
            np.testing.assert_array_equal(np.delete(seen, np.r_[believed], 1), np.delete(other, np.r_[believed], 1))
    dreams = Told(DreamEnv(lander_model, lander, 4))
    features, _ = dreams.reset(seed=0)
    assert not features[:, believed].any() and dreams.env.state.belief.mean.any()
