"""Environments and laws: accepted by others' checkers, repeatable, alike in any company, deaf to actions that make no sense."""

import copy

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env as gymnasium_check
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as baselines_check

from worldmodel.control import DreamEnv, PhysicsEnv, SingleView
from worldmodel.physics import WORLDS, world
from worldmodel.settings import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:.*(render modes|Box observation space|requires_grad):UserWarning")
ENVIRONMENTS = ("lander", "catcher", "dream")
ACTED = ("lander", "catcher")


@pytest.fixture(params=ENVIRONMENTS)
def make(request):
    """Makes the environment of so many worlds; the dream expects that most of its dreams go on."""
    if request.param != "dream":
        return lambda num_envs=1: PhysicsEnv(request.param, num_envs)
    model = copy.deepcopy(request.getfixturevalue("lander_model"))
    torch.nn.init.constant_(model.outcome.network[-1].bias, -3.0)
    return lambda num_envs=1: DreamEnv(model, request.getfixturevalue("lander"), num_envs)


def play(env, seed, steps=40):
    """Everything an agent gets to see in a run of random actions: arrays with leading (steps, N)."""
    rng = np.random.default_rng(0)
    seen = [(env.reset(seed=seed)[0], *np.zeros((3, env.num_envs)))]
    seen += [env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))[:4] for _ in range(steps)]
    return [np.stack([np.asarray(moment) for moment in values]) for values in zip(*seen)]


@pytest.mark.parametrize("check", [gymnasium_check, baselines_check], ids=["gymnasium", "stable-baselines3"])
def test_other_peoples_checkers_accept_it(make, check):
    check(SingleView(make()))


def test_the_same_seed_and_actions_give_the_same_trajectory(make):
    one, other, third = (play(make(3), seed) for seed in (5, 5, 6))
    for ours, theirs in zip(one, other):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(one[0], third[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.01, -3.0, 1e30])
def test_an_action_out_of_range_is_refused_and_nothing_moves(make, fault, value):
    env, twin = make(2), make(2)
    env.reset(seed=0), twin.reset(seed=0)
    wrong = np.zeros(env.action_space.shape, np.float32)
    wrong[1, -1] = value
    with fault("environment: an action out of range"):
        with pytest.raises(ConfigError, match="action"):
            env.step(wrong)
        fine = np.zeros(env.action_space.shape, np.float32)
        for ours, theirs in zip(env.step(fine)[:4], twin.step(fine)[:4]):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("change", [lambda a: a[0], lambda a: a[:1], lambda a: a[:, :0], lambda a: np.tile(a, (1, 2)),
                                    lambda a: np.tile(a, (2, 1)), lambda a: a[..., None]],
                         ids=["one row", "too few", "no numbers", "too many numbers", "too many", "deeper"])  # fmt: skip
def test_actions_of_another_shape_are_refused(make, fault, change):
    env = make(3)
    env.reset(seed=0)
    with fault("environment: actions of another shape"), pytest.raises(ConfigError, match="action"):
        env.step(change(np.zeros(env.action_space.shape, np.float32)))


@pytest.mark.parametrize("name", ACTED)
def test_many_at_a_time_move_as_each_alone(name):
    many, rng, singles = PhysicsEnv(name, num_envs=5), np.random.default_rng(0), []
    many.reset(seed=3)
    for number in range(5):
        single = PhysicsEnv(name)
        single.reset(seed=0)
        single.constants = {key: value[number : number + 1] for key, value in many.constants.items()}
        single.state = {key: value[number : number + 1] for key, value in many.state.items()}
        singles.append(single)
    going = np.ones(5, bool)
    for _ in range(60):
        actions = rng.uniform(-1, 1, many.action_space.shape).astype(np.float32)
        frames, reward, terminated, truncated, _ = many.step(actions)
        for number in np.nonzero(going)[0]:
            found = singles[number].step(actions[number : number + 1])
            np.testing.assert_array_equal(found[0][0], frames[number])
            assert found[1][0] == pytest.approx(reward[number]) and found[2][0] == terminated[number]
        going &= ~(terminated | truncated)
    assert not going.any()


LAYOUTS = {
    "contiguous": lambda array: array,
    "by columns": np.asfortranarray,
    "every other of a longer one": lambda array: np.repeat(array, 2, 0)[::2],
    "backwards": lambda array: array[::-1].copy()[::-1],
    "read only": lambda array: np.broadcast_to(array, (1, *array.shape))[0],
}


@pytest.mark.parametrize("name", ACTED)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_actions_are_made_of_does_not_matter(name, data):
    """Sizes, seeds, kinds of numbers and layouts in memory: the same actions, the same step."""
    n, seed = data.draw(st.integers(1, 7)), data.draw(st.integers(0, 2**31))
    dtype, layout = data.draw(st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "i8"])), data.draw(st.sampled_from([*LAYOUTS]))
    plain, other = PhysicsEnv(name, n), PhysicsEnv(name, n)
    plain.reset(seed=seed), other.reset(seed=seed)
    actions = np.random.default_rng(seed).uniform(-1, 1, plain.action_space.shape).astype(dtype)
    for ours, theirs in zip(plain.step(actions.astype(float))[:4], other.step(LAYOUTS[layout](actions))[:4]):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", WORLDS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_law_moves_each_clip_alike_alone_and_in_company(name, data):
    """Of any number of clips, any layout of the arrays that hold them, from any seed; and the same twice."""
    n, seed = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 2**31))
    layout, one = LAYOUTS[data.draw(st.sampled_from([*LAYOUTS]))], data.draw(st.integers(0, n - 1))
    mine, rng = world(name), np.random.default_rng(seed)
    constants, start = mine.draw("train", n, rng)
    dt, steps = 1 / mine.frames_per_second, 6
    acts = rng.uniform(-1, 1, (steps, n, mine.actions))

    def run(rows, layout=LAYOUTS["contiguous"]):
        held, state = ({key: layout(value[rows]) for key, value in part.items()} for part in (constants, start))
        if not mine.actions:
            return mine.law.simulate(held, state, steps, dt)
        for action in acts:
            state = mine.law.step(held, state, layout(action[rows]), dt)[0]
        return state

    together = run(slice(None))
    for found, rows in ((run(slice(None), layout), slice(None)), (run(slice(one, one + 1)), slice(one, one + 1))):
        for key, value in together.items():
            np.testing.assert_allclose(found[key], value[rows], rtol=1e-9, atol=1e-9)
