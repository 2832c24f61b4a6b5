"""The world model's verbs: observing in pieces, causality, imagining under another belief, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.model import Belief, LatentState, WorldModel, WorldModelConfig, at_rest
from worldmodel.model.world_model import dimmed
from worldmodel.settings import ConfigError

WIDTHS = {"encoder_width": 8, "decoder_width": 8, "dynamics_width": 16}
SIZES = WorldModelConfig(size=16, points=2, anchors=1, vector=2, constants=3, window=5, **WIDTHS)
CLIPS, FRAMES = 3, 9


def model(actions=0, **sizes):
    torch.manual_seed(1)
    net = WorldModel(replace(SIZES, actions=actions, **sizes)).eval()
    for parameter in net.parameters():  # what starts at zero would hide mistakes
        torch.nn.init.normal_(parameter, std=0.2)
    return net


def clips(actions=0, frames=FRAMES):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (CLIPS, frames, 16, 16, 1), np.uint8)
    return pictures, rng.uniform(-1, 1, (CLIPS, frames, actions)).astype(np.float32) if actions else None


def tensors(state: LatentState):
    return {
        "points": state.points, "speed": state.speed, "appearance": state.appearance, "mean": state.belief.mean,
        "weight": state.belief.weight, "seen": state.seen, "action": state.action,
    }  # fmt: skip


def same(one, other, **tolerance):
    for name, value in tensors(one).items():
        if value is None:
            assert tensors(other)[name] is None
            continue
        torch.testing.assert_close(value, tensors(other)[name], **({"rtol": 1e-4, "atol": 1e-5} | tolerance), msg=name)


def join(states):
    return states[0].apply(lambda *parts: torch.cat(parts, 1), *states[1:])


@pytest.mark.parametrize("actions", [0, 2])
@pytest.mark.parametrize("pieces", [[1] * 9, [4, 5], [2, 6, 1], [8, 1]], ids=str)
def test_a_clip_in_pieces_is_observed_as_in_one_go(actions, pieces):
    net, (frames, log) = model(actions), clips(actions)
    state, at = None, 0
    for length in pieces:
        part = slice(at, at + length)
        now = net.observe(frames[:, part], None if log is None else log[:, part], state)
        state, at = now if state is None else join([state, now]), at + length
    same(state, net.observe(frames, log))


@pytest.mark.parametrize("actions", [0, 2])
def test_a_window_of_the_past_is_enough_to_carry_on(actions):
    net, (frames, log) = model(actions), clips(actions)
    whole = net.observe(frames, log)
    recent = whole[:, 2:6]  # window - 1 frames
    same(net.observe(frames[:, 6:], None if log is None else log[:, 6:], recent), whole[:, 6:])


@pytest.mark.parametrize("actions", [0, 2])
def test_later_frames_and_actions_change_nothing_that_was_believed_before(actions):
    net, (frames, log) = model(actions), clips(actions)
    before = net.observe(frames, log)
    frames[:, 5:], log = 255 - frames[:, 5:], None if log is None else np.where(np.arange(9)[:, None] >= 5, -log, log)
    after = net.observe(frames, log)
    same(before[:, :5], after[:, :5])
    assert (before.points[:, 5] - after.points[:, 5]).abs().max() > 1e-4


def test_appearance_is_the_mean_over_the_frames_seen():
    net, (frames, _) = model(), clips()
    _, each = net.encode(frames)
    state = net.observe(frames)
    for t in range(FRAMES):
        torch.testing.assert_close(state.appearance[:, t], each[:, : t + 1].mean(1))
        assert (state.seen[:, t] == t + 1).all()


def test_no_clip_knows_of_another():
    net, (frames, log) = model(2), clips(2)
    same(net.observe(frames, log)[1:2], net.observe(frames[1:2], log[1:2]))


def test_arrays_and_tensors_are_observed_alike():
    net, (frames, log) = model(2), clips(2)
    same(net.observe(frames, log), net.observe(torch.from_numpy(frames), torch.from_numpy(log)), rtol=0, atol=0)
    same(net.observe(frames[:, ::-1], log), net.observe(frames[:, ::-1].copy(), log), rtol=0, atol=0)


def test_actions_left_out_count_as_zero():
    net, (frames, log) = model(2), clips(2)
    same(net.observe(frames), net.observe(frames, 0 * log))
    assert (net.observe(frames, log).belief.mean - net.observe(frames).belief.mean).abs().max() > 1e-4


@pytest.mark.parametrize("choices", [False, True])
def test_where_actions_are_choices_only_their_signs_count(choices):
    net, (frames, log) = model(2, choices=choices), clips(2)
    one, other = (net.observe(frames, size * np.sign(log)) for size in (0.1, 1.0))
    here, there = (net.imagine(one, size * torch.from_numpy(log).sign()) for size in (0.1, 1.0))
    assert torch.equal(one.speed, other.speed) == torch.equal(here.points, there.points) == choices


@pytest.mark.parametrize("actions", [0, 2])
def test_shapes_of_every_verb(actions):
    net, (frames, log) = model(actions, rewards=actions > 0), clips(actions)
    seen = net.observe(frames, log)
    ahead = net.imagine(seen, torch.zeros(CLIPS, 4, actions) if actions else 4)
    for state, length in ((seen, FRAMES), (ahead, 4)):
        assert state.points.shape == state.speed.shape == (CLIPS, length, 4)
        assert state.belief.mean.shape == state.belief.weight.shape == (CLIPS, length, 3)
        assert state.vector().shape == (CLIPS, length, net.feature_size)
        picture = net.decode(state)
        assert picture.shape == (CLIPS, length, 16, 16, 1) and picture.dtype == torch.uint8
        if actions:
            reward, end = net.reward(state[:, :-1], state[:, 1:])
            assert reward.shape == end.shape == (CLIPS, length - 1) and ((0 <= end) & (end <= 1)).all()


def test_decoding_stays_within_bytes_however_bright_the_paint():
    net, (frames, _) = model(), clips()
    torch.nn.init.constant_(net.decoder.outputs.bias, 7.0)
    assert (net.decode(net.observe(frames)) == 255).float().mean() > 0.9
    torch.nn.init.constant_(net.decoder.outputs.bias, -7.0)
    assert (net.decode(net.observe(frames)) == 0).float().mean() > 0.9


def test_features_are_the_vector_of_the_observed_state_in_any_batch():
    net, (frames, _) = model(), clips()
    expected = net.observe(frames).vector().detach().numpy()
    for batch in (1, 2, 64):
        found = net.features(frames, batch)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_imagining_carries_on_from_the_last_moment_and_keeps_what_is_constant():
    net, (frames, _) = model(), clips()
    seen = net.observe(frames)
    ahead = net.imagine(seen, 6)
    same(ahead, net.imagine(seen[:, -1:], 6))
    same(ahead[:, 2:], net.imagine(net.imagine(seen, 2), 4))
    for t in range(6):
        assert torch.equal(ahead.belief.mean[:, t], seen.belief.mean[:, -1])
        assert torch.equal(ahead.appearance[:, t], seen.appearance[:, -1])


def test_imagining_under_another_belief_is_imagining_in_another_world():
    net, (frames, _) = model(), clips()
    seen = net.observe(frames)
    own = seen.belief[:, -1]
    same(net.imagine(seen, 5, own), net.imagine(seen, 5))
    other = Belief(own.mean + 1, own.weight)
    ahead = net.imagine(seen, 5, other)
    assert torch.equal(ahead.belief.mean[:, 3], other.mean)
    assert (ahead.points - net.imagine(seen, 5).points).abs().amin((0, 2)).max() > 1e-4
    told = replace(seen, belief=Belief(seen.belief.mean + 1, seen.belief.weight))
    same(ahead, net.imagine(told, 5))


def test_the_first_imagined_moment_needs_no_later_action():
    net, (frames, log) = model(2), clips(2)
    seen, actions = net.observe(frames, log), torch.rand(CLIPS, 4, 2)
    changed = actions.clone()
    changed[:, 2:] = -1
    one, other = net.imagine(seen, actions), net.imagine(seen, changed)
    same(one[:, :2], other[:, :2])
    assert (one.points[:, 2] - other.points[:, 2]).abs().max() > 1e-4


def test_at_rest_the_next_move_is_half_the_change_of_speed_whatever_a_speed_means():
    net, state = model(), model().observe(clips()[0])[:, -1:]
    still = at_rest(net, state)
    after, speed_after = net.dynamics(still.points[:, 0], still.speed[:, 0], still.belief[:, 0].mean)
    torch.testing.assert_close(after - still.points[:, 0], (speed_after - still.speed[:, 0]) / 2, atol=1e-5, rtol=1e-3)
    same(replace(still, speed=state.speed), state)


@pytest.mark.parametrize("steep", [0.1, 1, 10, 1000], ids="{}".format)
def test_where_the_network_is_steep_the_search_for_rest_stays_near(steep):
    """As far from rest as a body at speed 0 is, at most: where no root is near, the search alone would run away."""
    net, state = model(), model().observe(clips()[0])[:, -1:]
    with torch.no_grad():
        net.dynamics.network[-1].weight.copy_(steep * torch.randn_like(net.dynamics.network[-1].weight))

    def off(speed):
        after, speed_after = net.dynamics(state.points[:, 0], speed, state.belief[:, 0].mean)
        return (after - state.points[:, 0] - (speed_after - speed) / 2).norm(dim=-1)

    found = at_rest(net, state).speed[:, 0]
    assert (off(found) <= off(torch.zeros_like(found)) + 1e-6).all()


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((3, 9, 16, 16), np.uint8), np.zeros((3, 9, 16, 16, 3), np.uint8),
        np.zeros((3, 9, 20, 16, 1), np.uint8),
        np.zeros((3, 9, 16, 16, 1), np.float32), torch.zeros(3, 9, 16, 16, 1),
    ],
    ids=["no channel", "rgb", "not square", "float array", "float tensor"],
)  # fmt: skip
def test_frames_of_another_form_are_refused(frames):
    with pytest.raises(ConfigError, match="16, 16, 1"):
        model().observe(frames)


@pytest.mark.parametrize("shape", [(3, 8, 2), (3, 9, 1), (3, 9), (1, 9, 2)], ids=str)
def test_actions_of_another_form_are_refused(shape):
    with pytest.raises(ConfigError, match="action"):
        model(2).observe(clips()[0], np.zeros(shape, np.float32))


def test_actions_in_a_world_that_takes_none_are_refused():
    frames, log = clips(2)
    with pytest.raises(ConfigError, match="without actions"):
        model().observe(frames, log)
    with pytest.raises(ConfigError, match="number of steps"):
        model().imagine(model().observe(frames), torch.zeros(3, 4, 2))
    with pytest.raises(ConfigError, match="actions"):
        model(2).imagine(model(2).observe(frames), 4)
    with pytest.raises(ConfigError, match="rewards"):
        model().reward(model().observe(frames), model().observe(frames))


@pytest.mark.parametrize("steps", [0, -1])
def test_imagining_no_step_is_refused(steps):
    with pytest.raises(ConfigError, match="step"):
        model().imagine(model().observe(clips()[0]), steps)


@pytest.mark.parametrize("shape", [(3, 4, 1), (3, 0, 2), (1, 4, 2), (3, 2)], ids=str)
def test_imagined_actions_of_another_form_are_refused(shape):
    seen = model(2).observe(*clips(2))
    with pytest.raises(ConfigError, match="actions|0 steps"):
        model(2).imagine(seen, torch.zeros(shape))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 18},
        {"size": 0},
        {"channels": 2},
        {"points": 0},
        {"window": 2},
        {"actions": -1},
        {"constants": -1},
        {"centred": True, "encoder": "cnn"},
    ],
    ids=str,
)
def test_impossible_sizes_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(SIZES, **wrong)


def still_model(**more):
    torch.manual_seed(1)
    return WorldModel(replace(SIZES, still=True, **more)).eval()


def test_the_still_picture_is_the_median_of_each_pixel_and_travels_into_the_dream():
    frames, net = clips()[0], still_model()
    state = net.observe(frames)
    assert np.array_equal(state.still[:, -1].numpy(), np.median(frames, 1).astype(np.uint8))
    dream = net.imagine(state, 4)
    assert torch.equal(dream.still, state.still[:, -1:].expand(-1, 4, -1, -1, -1))
    on = net.observe(frames[:, :3], before=state)
    assert torch.equal(on.still[:, 0], state.still[:, -1])


def test_what_covers_nothing_leaves_the_background_and_what_covers_all_hides_it():
    frames, net = clips()[0], still_model()
    state = net.observe(frames)
    net.decoder.background.data.uniform_()
    torch.nn.init.zeros_(net.decoder.cover.weight)
    for weight, hidden in ((-100.0, False), (100.0, True)):
        torch.nn.init.constant_(net.decoder.cover.bias, weight)
        over_still = net.paint(state.points, state.appearance, state.still)
        over_learned = net.decoder(state.points.flatten(0, 1), state.appearance.flatten(0, 1)).unflatten(0, over_still.shape[:2])
        if hidden:
            torch.testing.assert_close(over_still, over_learned)
        else:
            torch.testing.assert_close(over_still, state.still.movedim(-1, -3).float() / 255)
            torch.testing.assert_close(over_learned, net.decoder.background[None].expand_as(over_learned))


def test_evidence_tells_a_body_at_rest_from_a_clip_that_has_just_begun():
    frames = np.repeat(clips(frames=1)[0], 8, 1)  # nothing moves
    added = still_model().observe(frames).belief.weight.diff(dim=1)  # what each further frame adds
    assert not torch.allclose(added[:, 0], added[:, -1], atol=1e-4)


def test_dimming_takes_contrast_away_where_it_is_told_to():
    frames = torch.rand(CLIPS, 2, 1, 16, 16)
    torch.testing.assert_close(dimmed(frames, torch.ones(CLIPS, 2, 2, 2)), frames)
    middle = frames.flatten(3).median(-1)[0][..., None, None]
    torch.testing.assert_close(dimmed(frames, torch.full((CLIPS, 2, 1, 1), 0.25)) - middle, 0.25 * (frames - middle))
    still = torch.rand_like(frames[:, :1])
    torch.testing.assert_close(dimmed(frames, torch.full((CLIPS, 2, 1, 1), 0.25), still) - still, 0.25 * (frames - still))
    left = dimmed(frames, torch.tensor([0.0, 1.0]).expand(CLIPS, 2, 2, 2)) - middle
    assert (left[..., 0].abs() < 1e-6).all()
    torch.testing.assert_close(left[..., -1], (frames - middle)[..., -1])


def test_the_encoder_sees_the_dimmed_frames():
    net, frames = model(), clips()[0]
    plain, dark = net.encode(frames)[0], net.encode(frames, torch.full((CLIPS, FRAMES, 2, 2), 0.5))[0]
    assert not torch.equal(plain, dark)
    torch.testing.assert_close(net.encode(frames, torch.ones(CLIPS, FRAMES, 2, 2))[0], plain)


def test_scenery_that_is_the_same_in_all_clips_moves_no_point_of_a_centred_model():
    torch.manual_seed(1)
    net = WorldModel(replace(SIZES, centred=True)).eval()
    rng = np.random.default_rng(0)
    things, scenery = rng.integers(0, 100, (CLIPS, FRAMES, 16, 16, 1), np.uint8), rng.integers(0, 150, (16, 16, 1), np.uint8)
    net.decoder.background.data.zero_()
    alone = net.encode(things)
    net.decoder.background.data.copy_(torch.from_numpy(scenery / 255).permute(2, 0, 1)[None])
    for values, others in zip(alone, net.encode(things + scenery)):
        torch.testing.assert_close(values, others, rtol=1e-3, atol=1e-4)
    empty = net.encode(np.broadcast_to(scenery, things.shape).copy())[0]
    assert empty.abs().max() < net.encoder.reach, (
        "an empty picture is alike everywhere, at its edges too: points lie in its middle"
    )
