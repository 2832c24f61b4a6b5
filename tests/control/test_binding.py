"""A few labelled steps turn latent actions into real ones, and an environment is acted on through them."""

import numpy as np
import pytest

from worldmodel.control import Binding, Bound, Observed, PhysicsEnv, bind
from worldmodel.settings import ConfigError

WEIGHTS, OFFSET = np.array([[0.3, -0.5], [0.6, 0.2]]), np.array([0.1, -0.2])


def labelled(n, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    real = rng.uniform(-1, 1, (n, 2))
    return real @ WEIGHTS.T + OFFSET + rng.normal(0, noise, (n, 2)), real


def test_a_linear_relation_is_found_and_turned_round():
    latent, real = labelled(10)
    binding = bind(latent, real)
    np.testing.assert_allclose(binding.weights, WEIGHTS, atol=1e-9)
    np.testing.assert_allclose(binding.real(latent), real, atol=1e-9)


def test_errors_of_what_was_inferred_do_not_make_actions_small():
    latent, real = labelled(400, noise=0.3)
    np.testing.assert_allclose(bind(latent, real).weights, WEIGHTS, atol=0.08)


def test_steps_in_which_an_action_shows_nothing_do_not_flatten_the_line():
    latent, real = labelled(100, noise=0.02)
    latent[:15] = 0  # as where a wall stops the body
    np.testing.assert_allclose(bind(latent, real).weights, WEIGHTS, atol=0.05)


def test_what_cannot_be_done_is_done_as_far_as_it_goes():
    assert np.abs(Binding(WEIGHTS, OFFSET).real(np.array([[9.0, 9.0], [-9.0, 9.0]]))).max() == 1


def test_too_few_labels_are_refused():
    with pytest.raises(ConfigError, match="need 3 or more"):
        bind(*labelled(2))


def test_each_environment_may_have_a_binding_of_its_own():
    latent, real = labelled(2)
    both = Binding(np.stack([WEIGHTS, -WEIGHTS]), np.stack([OFFSET, OFFSET]))
    np.testing.assert_allclose(both.real(np.stack([latent[0], 2 * OFFSET - latent[0]])), real[[0, 0]], atol=1e-9)


class Heard(PhysicsEnv):
    def step(self, actions):
        self.heard = actions
        return super().step(actions)


def test_the_world_hears_real_actions_and_the_model_latent_ones(lander_model):
    binding, world = Binding(WEIGHTS, OFFSET), Heard(num_envs=3)
    env = Observed(Bound(world, binding), lander_model)
    env.reset(seed=0)
    asked = np.random.default_rng(0).uniform(-0.2, 0.2, (3, 2)).astype(np.float32)
    env.step(asked)
    np.testing.assert_allclose(world.heard, binding.real(asked))
    np.testing.assert_allclose(env.state.action[:, -1], asked)


def test_a_latent_action_may_have_another_length(lander_model):
    env = Bound(PhysicsEnv(num_envs=2), Binding(np.ones((1, 2)), np.zeros(1)))
    assert env.action_space.shape == (2, 1)
    env.reset(seed=0)
    assert env.step(np.zeros((2, 1)))[0].shape[0] == 2
