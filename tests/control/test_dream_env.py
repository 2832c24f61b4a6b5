"""The dream is just an environment: checked, repeatable, strict about actions."""

import copy
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.wrappers.vector import ArrayConversion

from worldmodel.control import DreamEnv, Observed, PhysicsEnv, approach
from worldmodel.model import WorldModel
from worldmodel.settings import ConfigError
from worldmodel.training import encode_all, fit

pytestmark = pytest.mark.filterwarnings("ignore:.*(render modes|Box observation space|requires_grad):UserWarning")


@pytest.fixture
def dreamer(lander_model):
    """The barely trained model, brought to expect that most dreams go on."""
    model = copy.deepcopy(lander_model)
    torch.nn.init.constant_(model.outcome.network[-1].bias, -3.0)
    return model


@pytest.fixture
def dream(dreamer, lander):
    return lambda num_envs=4, **options: DreamEnv(dreamer, lander, num_envs, **options)


def test_gymnasiums_own_wrapper_gives_the_numpy_view(dream):
    env = ArrayConversion(dream(3), env_xp=torch, target_xp=np)
    observation, _ = env.reset(seed=0)
    assert isinstance(observation, np.ndarray) and env.observation_space.contains(observation)
    tensors = dream(3)
    tensors.reset(seed=0)
    found, expected = env.step(np.full((3, 2), 0.5)), tensors.step(torch.full((3, 2), 0.5))
    for ours, theirs in zip(found[:4], expected[:4]):
        assert isinstance(ours, np.ndarray)
        np.testing.assert_array_equal(ours, theirs.numpy())


def test_it_is_the_same_kind_of_environment_as_the_true_world(dream):
    env, true = dream(3), PhysicsEnv(num_envs=3)
    assert env.single_action_space == true.single_action_space and env.action_space == true.action_space
    assert env.metadata["autoreset_mode"] == true.metadata["autoreset_mode"] == gym.vector.AutoresetMode.NEXT_STEP


def test_a_dream_is_what_the_model_imagines(dream, dreamer):
    env = dream(3)
    env.reset(seed=0)
    start, actions = env.state, torch.rand(3, 5, 2)
    imagined = dreamer.imagine(start, actions)
    before = start.then(imagined)
    running, final, end = dreamer.outcomes(before, imagined)
    expected, _ = dreamer.reward(before, imagined)
    going = torch.ones(3, dtype=torch.bool)
    for t in range(5):
        observation, found, terminated, truncated, info = env.step(actions[:, t])
        torch.testing.assert_close(observation[going], imagined.vector()[:, t][going])
        torch.testing.assert_close(found[going], torch.where(terminated, final[:, t], running[:, t])[going])
        torch.testing.assert_close(info["expected_reward"][going], expected[:, t][going])
        torch.testing.assert_close(info["end_probability"][going], end[:, t][going])
        going &= ~(terminated | truncated)


def test_every_dream_begins_in_a_moment_of_a_clip_that_goes_on(dream, lander, dreamer):
    env = dream(200, starts=(3, None))
    observation, _ = env.reset(seed=0)
    clips = dreamer.observe(lander.frames, lander.actions)
    bank, ends = clips.vector().detach(), lander.ends
    over = np.cumsum(ends, 1) > 0
    where = (observation[:, None, None] - bank).abs().sum(-1) < 1e-4
    clip, frame = (index.numpy() for index in where.nonzero()[:, 1:].T)
    assert where.flatten(1).any(1).all() and (frame >= 3).all() and not over[clip, frame].any()
    assert len(set(zip(clip, frame))) > 100  # from all over the log
    assert len(dream().starts[dream().starts[:, 1] == 0]) == len(lander)  # and unless asked else, where nothing is known yet


def test_the_step_after_an_end_starts_anew_and_ignores_its_action(dream):
    def run(last_action):
        env = dream(6, limit=4)
        env.reset(seed=2)
        over = torch.zeros(6, dtype=torch.bool)
        for _ in range(4):
            _, _, terminated, truncated, _ = env.step(torch.zeros(6, 2))
            over = terminated | truncated
        return over, *env.step(torch.where(over[:, None], torch.full((6, 2), last_action), 0.0))

    over, observation, reward, terminated, truncated, info = run(0.0)
    assert over.any()
    assert (reward[over] == 0).all() and (info["end_probability"][over] == 0).all()
    assert not (terminated | truncated)[over].any()
    for action in (1.0, np.nan):
        assert torch.equal(run(action)[1], observation)


def test_a_dream_that_runs_away_ends(dream):
    env, away = dream(40), torch.arange(40) % 2 == 0
    env.reset(seed=0)
    env.state = replace(env.state, points=torch.where(away[:, None, None], 1e3, env.state.points))
    _, _, terminated, _, info = env.step(torch.zeros(40, 2))
    assert terminated[away].all() and (info["end_probability"][away] == 1).all() and not terminated[~away].all()
    assert torch.isfinite(env.step(torch.zeros(40, 2))[0]).all() and env.state.points[away].abs().max() < 4


def test_a_dream_is_cut_off_at_its_limit(dream):
    env = dream(50, limit=3)
    env.reset(seed=0)
    age, fresh = torch.zeros(50), torch.zeros(50, dtype=torch.bool)
    for _ in range(9):
        _, _, terminated, truncated, _ = env.step(torch.zeros(50, 2))
        age = torch.where(fresh, 0.0, age + 1)
        assert not (terminated & truncated).any() and (age[truncated] == 3).all() and (age <= 3).all()
        fresh = terminated | truncated


def test_a_dream_ends_where_the_model_expects_an_end(dream, dreamer):
    torch.nn.init.constant_(dreamer.outcome.network[-1].bias, 9.0)
    env = dream(5)
    env.reset(seed=0)
    _, _, terminated, truncated, info = env.step(torch.zeros(5, 2))
    assert terminated.all() and not truncated.any() and (info["end_probability"] > 0.9).all()


def test_where_half_an_end_is_likely_none_is_paid(dream, dreamer):
    """A lander that hovered there had been paid for a landing in every frame."""
    bias = dreamer.outcome.network[-1].bias.data
    torch.nn.init.zeros_(dreamer.outcome.network[-1].weight)
    bias.copy_(torch.tensor([-1.0, -0.1]))  # of the reward on the way, in its unit; and a logit just below a half
    torch.nn.init.zeros_(dreamer.outcome.committee.weights[-1])
    torch.nn.init.constant_(dreamer.outcome.committee.biases[-1], 1.0)
    env = dream(5)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(torch.zeros(5, 2))
    mean, spread, *limits = dreamer.outcome.logged[:, 0]
    torch.testing.assert_close(reward, (mean - spread).clamp(*limits).expand(5))
    assert not terminated.any() and (info["expected_reward"] > reward).all()


def test_a_step_keeps_no_history(dream):
    env = dream(2)
    env.reset(seed=0)
    for value in env.step(torch.zeros(2, 2, requires_grad=True))[:4]:
        assert not value.requires_grad  # thousands of steps would otherwise hold on to all that went before


def test_what_cannot_be_dreamt_is_refused(dream, ball, sizes):
    with pytest.raises(ConfigError, match="reset"):
        dream().step(torch.zeros(4, 2))
    with pytest.raises(ConfigError, match="actions and rewards"):
        DreamEnv(WorldModel(sizes), ball)
    with pytest.raises(ConfigError, match="long enough"):
        dream(starts=(24, None))


def test_widened_dreams_are_of_worlds_farther_from_the_mean_where_episodes_were_shorter_and_else_the_same(dream, lander):
    plain, wide = dream(200), dream(200, widen=3.0)
    one, other = plain.reset(seed=0)[0], wide.reset(seed=0)[0]
    beliefs, lengths = (
        plain.bank.belief.mean[:, -1],
        torch.from_numpy((np.cumsum(lander.ends, 1) - lander.ends == 0).sum(1)).float(),
    )
    middle = beliefs.mean(0)
    before, after = (env.state.belief.mean[:, 0] - middle for env in (plain, wide))
    times = (after / before).mean(1)
    torch.testing.assert_close(after, before * times[:, None], rtol=1e-3, atol=1e-4)
    shorter = before @ torch.stack([torch.corrcoef(torch.stack([b, -lengths]))[0, 1] * b.std() for b in beliefs.T]) > 0
    assert times[shorter].min() >= 1 and 2 < times.max() <= 3 and 20 < shorter.sum() < 180
    torch.testing.assert_close(times[~shorter], torch.ones(int((~shorter).sum())), rtol=0, atol=1e-3)
    assert torch.equal(plain.state.points, wide.state.points) and not torch.equal(one, other)


def test_a_dream_that_is_unsure_begins_as_episodes_do_obeys_its_whole_clip_and_tells_of_it_as_the_clip_did(dream, dreamer):
    env = dream(40, unsure=1.0)
    seen, clip, start = env.reset(seed=0)[0], *(env.origin[name] for name in ("clip", "frame"))
    assert set(start.tolist()) == {0, 1} and len(set(clip.tolist())) > 10
    torch.testing.assert_close(env.state.belief.mean[:, 0], env.bank.belief.mean[clip, -1])
    believed, over = dreamer.believed, torch.zeros(40, dtype=torch.bool)
    for age in range(4):
        shown = env.bank.belief[clip, start + age]
        torch.testing.assert_close(seen[~over, believed], shown.mean[~over])
        torch.testing.assert_close(seen[~over, believed.stop : believed.stop + 3], shown.weight.log()[~over])
        seen, _, terminated, truncated, _ = env.step(torch.zeros(40, 2))
        over |= terminated | truncated
    assert not over.all()


def test_two_frames_tell_nothing_of_a_widened_world_and_the_whole_clip_tells_nearly_all(dream):
    env = dream(200, unsure=1.0, widen=3.0)
    env.reset(seed=0)
    clip, start, moved = (env.origin[name] for name in ("clip", "frame", "moved"))
    told = env._told().mean[:, 0] - env.bank.belief.mean[clip, start]
    assert (moved.norm(dim=1) > 0).float().mean() > 0.2 and (told == 0).all()
    env.age += 100
    late = env._told().mean[:, 0] - env.bank.belief.mean[clip, -1]
    share = (late / moved)[moved.norm(dim=1) > 0]
    expected = 1 - env.bank.belief.weight[clip, 1] / env.bank.belief.weight[clip, -1]
    torch.testing.assert_close(share, expected[moved.norm(dim=1) > 0], rtol=1e-3, atol=1e-3)


def test_a_share_of_the_dreams_is_unsure_and_the_rest_is_not(dream):
    env = dream(400, unsure=0.5)
    observation, unsure = env.reset(seed=0)[0], env.origin["unsure"]
    assert 0.4 < unsure.float().mean() < 0.6 and len(set(env.origin["frame"][~unsure].tolist())) > 5
    torch.testing.assert_close(observation[~unsure], env.state.vector()[:, 0][~unsure])


def test_an_unsure_dream_that_begins_anew_tells_of_its_own_clip(dream):
    env = dream(60, unsure=0.5, limit=2)
    env.reset(seed=0)
    before = {name: value.clone() for name, value in env.origin.items()}
    for _ in range(2):
        env.step(torch.zeros(60, 2))
    fresh = env.over.clone()
    observation, *_ = env.step(torch.zeros(60, 2))
    clip, frame, unsure = (env.origin[name] for name in ("clip", "frame", "unsure"))
    assert all(torch.equal(env.origin[name][~fresh], before[name][~fresh]) for name in before if name != "moved")
    assert (clip != before["clip"])[fresh].float().mean() > 0.8 and 0 < (unsure & fresh).sum() < fresh.sum()
    anew = unsure & fresh
    shown = env.bank.belief.mean[clip, frame][anew]
    torch.testing.assert_close(observation[anew][:, env.model.believed], shown)
    torch.testing.assert_close(env.state.belief.mean[:, 0][anew], env.bank.belief.mean[clip, -1][anew])


def test_a_blurred_dream_is_the_same_dream_seen_less_sharply(dream):
    clear, blurred = dream(64), dream(64, blur=1.0)
    seen, noisy = clear.reset(seed=0)[0], blurred.reset(seed=0)[0]
    assert torch.equal(clear.state.points, blurred.state.points)
    torch.testing.assert_close((noisy - seen).std(0), blurred.noise, rtol=0.5, atol=1e-6)


def test_one_clip_whose_points_jump_does_not_blur_all_dreams(dreamer, lander):
    log = encode_all(dreamer, lander)
    usual = DreamEnv(dreamer, log, blur=1.0).noise
    log["points"] = log["points"].clone()
    log["points"][0, ::2] += 2.0  # out of the picture and back, in every other frame
    torch.testing.assert_close(DreamEnv(dreamer, log, blur=1.0).noise, usual, rtol=0.5, atol=1e-3)


def test_awake_speeds_are_those_that_eyes_would_make_out(dream, dreamer):
    """As `track` gives them, from the clip's own frames and those that were dreamt since; and the dream is the same."""
    asleep, env = dream(16), dream(16, awake=True)
    (before, _), (first, _) = asleep.reset(seed=0), env.reset(seed=0)
    torch.testing.assert_close(first, before)
    clip, frame = env.origin["clip"], env.origin["frame"]
    assert frame.min() < dreamer.config.window - 1  # there the first frame stands in for those before it
    actions = torch.rand(16, 12, 2)
    path = dreamer.imagine(env.state, actions)
    shown = [env.step(action)[0] for action in actions.unbind(1)]
    differ = 0
    for n in range(16):
        logged = env.bank[clip[n] : clip[n] + 1, : frame[n] + 1]
        points, acted = torch.cat([logged.points, path.points[n : n + 1]], 1), torch.cat([logged.action, actions[n : n + 1]], 1)
        seen = dreamer.track(points, torch.zeros(*points.shape[:2], dreamer.config.appearance), acted)
        for t in range(12):
            if env.age[n] == 12:  # not begun anew on the way
                d = 2 * dreamer.config.points
                torch.testing.assert_close(shown[t][n, :d], path.points[n, t])
                torch.testing.assert_close(shown[t][n, d : 2 * d], seen.speed[0, frame[n] + 1 + t], rtol=1e-4, atol=1e-5)
                differ += not torch.allclose(shown[t][n, d : 2 * d], path.speed[n, t], atol=1e-3)
    assert differ > 50


def test_awake_and_blurred_speeds_are_made_out_from_what_is_shown_of_the_points(dream, dreamer):
    env, d, seen = dream(8, awake=True, blur=1.0), 2 * dreamer.config.points, []
    env.reset(seed=0)
    for _ in range(3):
        shown, *_, over, cut, _ = env.step(torch.zeros(8, 2))
        seen.append(shown[:, :d])
        torch.testing.assert_close(env.past.points[:, -len(seen) :], torch.stack(seen, 1))
        assert not torch.allclose(shown[:, :d], env.state.points[:, 0], atol=1e-5)
        _, _, speed = dreamer.evidence(env.past.points, env.past.action, env.state.seen)
        torch.testing.assert_close(shown[:, d : 2 * d], speed[:, 0])


def test_where_some_awake_dreams_end_the_others_go_on_and_the_new_ones_show_what_was_logged(dream, dreamer):
    env, d = dream(8, awake=True), 2 * dreamer.config.points
    env.reset(seed=0)
    for _ in range(2):
        env.step(torch.ones(8, 2))
    before, env.over = env.past, torch.arange(8) < 3
    shown, *_ = env.step(torch.ones(8, 2))
    torch.testing.assert_close(shown[:3], env.state.vector()[:3, 0], rtol=1e-4, atol=1e-5)
    clip, frame = env.origin["clip"][:3], env.origin["frame"][:3]
    torch.testing.assert_close(env.past.points[:3, -2], env.bank.points[clip, (frame - 1).clamp(min=0)])
    torch.testing.assert_close(env.past.points[3:, :-1], before.points[3:, 1:])
    torch.testing.assert_close(env.past.points[3:, -1], shown[3:, :d])


def test_an_awake_dream_that_begins_anew_shows_what_was_logged(dream):
    env = dream(8, awake=True, limit=2)
    env.reset(seed=0)
    for _ in range(2):
        env.step(torch.ones(8, 2))
    assert env.over.all()
    shown, *_ = env.step(torch.ones(8, 2))
    torch.testing.assert_close(shown, env.state.vector()[:, 0], rtol=1e-4, atol=1e-5)


def test_an_awake_dream_goes_on_from_what_was_seen(dream, dreamer):
    """Begun from a true episode it shows what was seen there."""
    view, env = Observed(PhysicsEnv(num_envs=4), dreamer), dream(4, awake=True)
    view.reset(seed=0)
    for _ in range(3):
        seen, *_ = view.step(np.full((4, 2), 0.3, np.float32))
    env.reset(seed=0)
    torch.testing.assert_close(env.begin(view.state, 3).numpy(), seen)
    assert (env.age == 3).all()


def test_an_approach_is_worth_most_where_the_goal_is(dream, dreamer):
    env = dream(2)
    env.reset(seed=0)
    actions = 2 * torch.rand(2, 5, 4, 2) - 1
    path = dreamer.imagine(env.state[:1], actions[0, 3:4]).points
    near = approach(dreamer, path[:, -1].expand(2, -1), env.state, actions)
    distance = (path - path[:, -1:]).norm(dim=-1).mean()
    assert near.shape == (2, 5)
    torch.testing.assert_close(near[0, 3], -distance)


def test_a_model_without_a_belief_is_dreamt_in_as_well(lander, sizes, tiny_fit):
    model = fit(lander, tiny_fit, replace(sizes, constants=0), progress=False).requires_grad_(False)
    frames, actions = lander.frames[:2], torch.from_numpy(lander.actions[:2])
    whole, first = model.observe(frames, actions), model.observe(frames[:, :7], actions[:, :7])
    rest = model.observe(frames[:, 7:], actions[:, 7:], before=first)
    torch.testing.assert_close(rest.vector(), whole.vector()[:, 7:], atol=1e-5, rtol=1e-4)
    env = DreamEnv(model, lander, 5, widen=2.5, unsure=0.5, blur=1.0)
    env.reset(seed=0)
    for _ in range(3):
        seen, reward, *_ = env.step(torch.zeros(5, env.single_action_space.shape[0]))
    assert seen.shape == (5, model.feature_size) and torch.isfinite(seen).all() and torch.isfinite(reward).all()


def test_who_makes_out_speeds_by_a_memory_cannot_be_awake(lander, sizes):
    with pytest.raises(ConfigError, match="awake"):
        sizes = replace(sizes, size=64, channels=1, actions=2, rewards=True, dynamics="gru")
        DreamEnv(WorldModel(sizes), lander, awake=True)


def test_what_neither_acts_nor_believes_cannot_accelerate(sizes):
    with pytest.raises(ConfigError, match="only watched"):
        WorldModel(replace(sizes, constants=0))
