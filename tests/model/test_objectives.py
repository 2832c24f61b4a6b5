"""What training minimises: zero where it should be, blind to what it must not see."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldmodel.model import WorldModel, WorldModelConfig
from worldmodel.model.objectives import (
    PAID,
    SHIFT,
    TURN,
    Stretch,
    crowded,
    find_loss,
    misjudging,
    predict_loss,
    unsteadiness,
    wandering_off,
)

WIDTHS = {"encoder_width": 8, "decoder_width": 8, "dynamics_width": 16}
SIZES = WorldModelConfig(size=16, points=2, anchors=1, vector=2, constants=3, **WIDTHS)
WINDOW, HORIZON, FRAMES, CLIPS = SIZES.window, 4, 24, 5


class GivenPaths:
    """Stands where a model would, with points that follow given paths (B, L, D), and paints a flat grey."""

    def __init__(self, points, grey):
        self.points, self.grey = points, grey

    def encode(self, frames, light=None, still=None):
        return self.points, torch.zeros(*frames.shape[:2], 4)

    def paint(self, points, appearance, still):
        assert (appearance == 0).all()
        return torch.full((*points.shape[:2], 1, 16, 16), self.grey)


def found(points, grey=0.0, straighten=1.0, level=0):
    frames = np.full((*points.shape[:2], 16, 16, 1), level, np.uint8)
    losses = find_loss(GivenPaths(points, grey), Stretch(frames, frames[:, :1]), straighten)
    return {name: value.item() for name, value in losses.items()}


def paths(order, seed=0, length=6):
    """Random polynomials in time of this order: (8, length, 4)."""
    rng, t = torch.Generator().manual_seed(seed), torch.linspace(-1, 1, length).double()
    factors = torch.randn(8, order + 1, 4, generator=rng, dtype=torch.float64)
    return torch.einsum("bok,ot->btk", factors, torch.stack([t**n for n in range(order + 1)]))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_parabola_is_straight_and_a_cubic_is_not(order):
    assert found(paths(order))["straightness"] < 1e-3
    assert found(paths(3))["straightness"] > 0.05


def test_straightness_cannot_be_escaped_by_shrinking():
    bent = paths(3)
    assert found(bent * 0.3)["straightness"] == pytest.approx(found(bent)["straightness"], rel=0.1)
    assert found(bent + 5)["straightness"] == pytest.approx(found(bent)["straightness"])


def test_reconstruction_is_the_squared_error_and_straightness_comes_with_its_weight():
    bent = paths(3)
    assert found(bent, grey=0.4, level=102)["reconstruction"] == pytest.approx(0, abs=1e-9)
    parts = found(bent, grey=0.9, level=102, straighten=0.3)
    assert parts["reconstruction"] == pytest.approx(0.5**2 * 16 * 16 / 100, rel=1e-4)
    assert parts["loss"] == pytest.approx(parts["reconstruction"] + 0.3 * parts["straightness"])


def test_frames_are_painted_with_the_appearance_of_another_time():
    net = WorldModel(SIZES)
    net.paint = lambda points, appearance, still: seen.append(appearance) or torch.zeros(*points.shape[:2], 1, 16, 16)
    frames, another, seen = *torch.randint(0, 256, (2, 3, 6, 16, 16, 1), dtype=torch.uint8), []
    find_loss(net, Stretch(frames, another[:, :1]))
    torch.testing.assert_close(seen[0], net.encode(another)[1][:, :1].expand(-1, 2, -1))


def test_points_are_painted_as_far_off_as_they_are_told_to_be_and_straightened_where_they_are():
    net, painted, frames = WorldModel(SIZES), [], torch.randint(0, 256, (3, 6, 16, 16, 1), dtype=torch.uint8)
    net.paint = lambda points, *_: painted.append(points.detach()) or torch.zeros(*points.shape[:2], 1, 16, 16)
    off = torch.randn(3, 6, 4)
    plain, shifted = (find_loss(net, Stretch(frames, frames[:, :1], off=px), 1.0) for px in (None, off))
    torch.testing.assert_close((painted[1] - painted[0]) * 16 / 2, off[:, [0, 3]], rtol=1e-4, atol=1e-4)
    assert plain["straightness"] == shifted["straightness"]


class Centroid:
    """Stands where a model would; its one point is the middle of what is bright, whatever the mean picture."""

    visible = WorldModel.visible

    def __init__(self, size=64, background=0.0, centred=False):
        self.config = replace(SIZES, size=size, points=1, centred=centred)
        self.decoder = SimpleNamespace(background=torch.full((1, 1, size, size), background))
        self.middles = (torch.arange(size) + 0.5) / size * 2 - 1

    def encoder(self, batch):
        mass = batch.sum((1, 2, 3))
        across, up = batch.sum((1, 2)) @ self.middles, -batch.sum((1, 3)) @ self.middles
        return torch.stack([across / mass, up / mass], 1), None


def discs(places, size=64, light=200):
    """Frames (B, 1, size, size, 1) with a soft spot at each of the places (B, 2)."""
    across, up = torch.meshgrid(*[(torch.arange(size) + 0.5) / size * 2 - 1] * 2, indexing="xy")
    far = (across - places[:, :1, None]) ** 2 + (-up - places[:, 1:, None]) ** 2
    return (light * torch.exp(-far / (2 * 0.1**2))).round().to(torch.uint8)[:, None, ..., None]


@pytest.mark.parametrize("centred", [False, True])
def test_a_point_that_is_tied_to_a_body_moves_with_its_picture_and_one_that_is_not_does_not(centred):
    places, warp = 0.8 * torch.rand(40, 2) - 0.4, 2 * torch.rand(40, 3) - 1
    model = Centroid(centred=centred)
    points, _ = model.encoder(discs(places).movedim(-1, -3)[:, 0].float())
    torch.testing.assert_close(points, places, atol=0.01, rtol=0)
    assert wandering_off(model, discs(places), points, warp).item() < 0.03
    model.encoder = lambda batch: (torch.zeros(len(batch), 2), None)
    # The same by angles: a place p goes to where a turn back by the angle brings p - shift.
    angle, shift = -TURN * warp[:, 0].double(), SHIFT * warp[:, 1:].double()
    # Rows go down, so that what turns one way on paper turns the other way in the picture's own coordinates.
    x, y = (0.3 - shift[:, 0]), (0.2 - shift[:, 1])
    due = torch.stack([x * torch.cos(angle) + y * torch.sin(angle), y * torch.cos(angle) - x * torch.sin(angle)], 1)
    found = wandering_off(model, discs(places), torch.tensor([[0.3, 0.2]]).expand(40, -1), warp).item()
    assert found == pytest.approx((torch.sqrt((32 * due) ** 2 + 0.01) - 0.1).mean().item(), rel=1e-4)


def test_points_in_one_place_crowd_and_points_far_apart_do_not():
    assert crowded(torch.full((5, 6), 0.3)).item() == pytest.approx(1, rel=1e-3)
    assert crowded(torch.tensor([[-0.9, 0.0, 0.9, 0.0]])).item() < 1e-3
    near, far = (crowded(torch.tensor([[0.0, 0.0, gap, 0.0]])).item() for gap in (0.1, 0.3))
    assert near > far and far == pytest.approx(np.exp(-0.3 / 0.25), rel=1e-5)


@pytest.mark.parametrize("gap", [1e-3, 1e-2, 0.2])
def test_points_are_driven_apart_the_more_the_nearer_they_are(gap):
    places = torch.tensor([[0.0, 0.0, gap, 0.0]], requires_grad=True)
    crowded(places).backward()
    assert places.grad[0, 0] > np.exp(-gap / 0.25) / 0.25 * 0.99 and places.grad[0, 2] == -places.grad[0, 0]


def paid_stretch():
    """A model whose eyes learn from rewards, and a stretch with some rewards missing."""
    torch.manual_seed(0)
    net = WorldModel(replace(SIZES, actions=2, rewards=True, paid=True))
    frames, rewards = torch.randint(0, 256, (3, 6, 16, 16, 1), dtype=torch.uint8), torch.randn(3, 6)
    rewards[0, 3:] = torch.nan
    return net, Stretch(frames, frames[:, :1], actions=torch.rand(3, 6, 2), rewards=rewards)


def test_what_pays_teaches_the_eyes():
    net, given = paid_stretch()
    error = misjudging(net, given, *net.encode(given.frames))
    error.backward()
    for part in (net.worth, net.encoder.stem, net.encoder.head):
        assert all(p.grad.abs().max() > 0 for p in part.parameters())
    plain, paid = (find_loss(net, one)["loss"] for one in (replace(given, rewards=None), given))
    assert (paid - plain).item() == pytest.approx(PAID * error.item(), rel=1e-4)


def test_rewards_that_never_came_and_that_of_the_first_frame_do_not_count():
    net, given = paid_stretch()
    points, appearance = net.encode(given.frames)
    found = misjudging(net, given, points, appearance).item()
    guess, there = net.worth(points, appearance, given.actions), ~given.rewards[:, 1:].isnan()
    assert found == pytest.approx((guess - given.rewards[:, 1:])[there].square().mean().item(), rel=1e-5)
    given.rewards[:, 0] = torch.nan
    assert misjudging(net, given, points, appearance).item() == found


def test_landmarks_come_with_their_weight():
    torch.manual_seed(0)
    net, frames = WorldModel(SIZES), torch.randint(0, 256, (3, 6, 16, 16, 1), dtype=torch.uint8)
    warp = 2 * torch.rand(3, 3) - 1
    none, some = (find_loss(net, Stretch(frames, frames[:, :1], warp=warp), landmarks=w)["loss"] for w in (0.0, 0.5))
    points = net.encode(frames)[0][:, 0]
    astray = wandering_off(net, frames[:, :1], points, warp) + crowded(points)
    assert (some - none).item() == pytest.approx(0.5 * astray.item(), rel=1e-4)


def plain_model(actions=0, rewards=False):
    """A model that takes the last move for the speed and knows of no acceleration."""
    torch.manual_seed(0)
    net = WorldModel(replace(SIZES, actions=actions, rewards=rewards))
    for layer in (net.dynamics.acceleration, net.evidence.network[-1]):
        torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    return net


def lively_model(actions=2, rewards=True):
    torch.manual_seed(0)
    net = WorldModel(replace(SIZES, actions=actions, rewards=rewards))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def logged_clips():
    rng = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.rand(CLIPS, FRAMES, *shape, generator=rng)  # noqa: E731
    return {
        "points": draw(4), "appearance": draw(4), "actions": 2 * draw(2) - 1, "rewards": draw(),
        "ends": torch.zeros(CLIPS, FRAMES), "valid": torch.ones(CLIPS, FRAMES),
    }  # fmt: skip


def at(*frames):
    return torch.tensor(frames).expand(CLIPS, -1)


def open_loop(net, clips, starts):
    return predict_loss(net, clips, starts, starts, HORIZON)["open_loop"].item()


def test_uniform_motion_is_foretold_by_a_model_without_acceleration_and_a_fall_is_not():
    t = torch.arange(FRAMES)[:, None] / FRAMES
    start, speed = torch.randn(2, CLIPS, 1, 4)
    clips = {"points": start + speed * t, "appearance": torch.zeros(CLIPS, FRAMES, 4)}
    assert open_loop(plain_model(), clips, at(2, 10)) < 1e-6
    falling = clips | {"points": start + speed * t - 2 * t**2}
    assert open_loop(plain_model(), falling, at(2, 10)) > 1e-3


def test_only_what_breaks_an_even_fall_counts_as_added():
    clips = {"points": torch.randn(CLIPS, FRAMES, 4), "appearance": torch.zeros(CLIPS, FRAMES, 4)}

    def added(net):
        return predict_loss(net, clips, at(2, 10), at(2, 10), HORIZON)["added"].item()

    net = plain_model()
    torch.nn.init.normal_(net.dynamics.acceleration.weight)
    assert added(net) < 1e-4
    torch.nn.init.constant_(net.dynamics.network[-1].bias, 0.5)  # half a unit of each jump and of each kick
    assert added(net) == pytest.approx(0.5, rel=1e-3)
    torch.nn.init.constant_(net.evidence.network[-1].bias, 0.25)
    assert added(net) == pytest.approx(0.75, rel=1e-3)


def test_errors_count_in_pixels():
    clips = {"points": torch.zeros(CLIPS, FRAMES, 4), "appearance": torch.zeros(CLIPS, FRAMES, 4)}
    clips["points"][:, 11:] = 1.0  # half a picture of 16 px away, on both axes, from frame 11 on
    assert open_loop(plain_model(), clips, at(10)) == pytest.approx(8.0, rel=0.02)


def constants_used(net, clips, starts, ends):
    """The mean of the belief under which `predict_loss` imagines, (B, S, K)."""
    used = []
    hook = net.dynamics.register_forward_pre_hook(lambda _, inputs: used.append(inputs[2].detach()))
    predict_loss(net, clips, starts, ends, HORIZON)
    hook.remove()
    return used[0].unflatten(0, starts.shape)


def with_points(clips, begin, end):
    """The same clips with other points (and actions) in frames [begin, end)."""
    changed = clips | {name: clips[name].clone() for name in ("points", "actions")}
    changed["points"][:, begin:end] += 0.3
    changed["actions"][:, begin:end] *= -1
    return changed


def test_without_later_evidence_the_belief_is_the_one_observed_up_to_the_start():
    net, clips = lively_model(), logged_clips()
    state = net.track(clips["points"], clips["appearance"], clips["actions"])
    used = constants_used(net, clips, at(3, 9), at(3, 9))
    torch.testing.assert_close(used, state.belief.mean[:, [3, 9]], rtol=1e-4, atol=1e-4)
    changed = constants_used(net, with_points(clips, 10, FRAMES), at(3, 9), at(3, 9))
    torch.testing.assert_close(used, changed, rtol=1e-4, atol=1e-4)


def test_an_earlier_belief_is_the_one_observed_up_to_that_frame():
    net, clips = lively_model(), logged_clips()
    state = net.track(clips["points"], clips["appearance"], clips["actions"])
    used = constants_used(net, clips, at(9, 12), at(4, 2))
    torch.testing.assert_close(used, state.belief.mean[:, [4, 2]], rtol=1e-4, atol=1e-4)


def test_later_evidence_never_looks_into_the_imagined_stretch():
    net, clips, start = lively_model(), logged_clips(), 6
    used = constants_used(net, clips, at(start), at(FRAMES - 1))
    hidden = with_points(clips, start + 1, start + HORIZON + 1)
    torch.testing.assert_close(constants_used(net, hidden, at(start), at(FRAMES - 1)), used, rtol=1e-4, atol=1e-4)
    beyond = with_points(clips, start + HORIZON + WINDOW, FRAMES)
    assert (constants_used(net, beyond, at(start), at(FRAMES - 1)) - used).abs().max() > 1e-3


def test_later_evidence_ends_where_it_is_told_to():
    net, clips, start, end = lively_model(), logged_clips(), 2, 14
    used = constants_used(net, clips, at(start), at(end))
    changed = constants_used(net, with_points(clips, end + 1, FRAMES), at(start), at(end))
    torch.testing.assert_close(changed, used, rtol=1e-4, atol=1e-4)
    assert (used - constants_used(net, clips, at(start), at(start))).abs().max() > 1e-3


def test_what_comes_after_an_end_costs_nothing():
    net, clips, end = lively_model(), logged_clips(), 8
    clips["ends"][:, end], clips["valid"][:, end + 1 :] = 1, 0
    other = with_points(clips, end + 1, FRAMES) | {"rewards": clips["rewards"].clone()}
    other["rewards"][:, end + 1 :] += 7
    for starts in (at(3, 6), at(6, 12)):
        ours, theirs = (predict_loss(net, c, starts, starts, HORIZON) for c in (clips, other))
        for name in ours:
            assert ours[name].item() == pytest.approx(theirs[name].item(), rel=1e-5), name


def test_what_comes_up_to_an_end_does_cost():
    net, clips, end = lively_model(), logged_clips(), 8
    clips["ends"][:, end], clips["valid"][:, end + 1 :] = 1, 0
    before = predict_loss(net, clips, at(5), at(5), HORIZON)
    clips["rewards"][:, end] += 3
    after = predict_loss(net, clips, at(5), at(5), HORIZON)
    assert after["outcome"] > before["outcome"] and after["open_loop"] == before["open_loop"]


def test_the_first_frames_reward_is_nobodys_doing():
    net, clips = lively_model(), logged_clips()
    before = predict_loss(net, clips, at(5), at(5), HORIZON)["loss"]
    clips["rewards"][:, 0] += 100
    assert predict_loss(net, clips, at(5), at(5), HORIZON)["loss"] == before


def test_every_part_of_the_second_phase_gets_a_gradient_and_the_first_phase_none():
    net, clips = lively_model(), logged_clips()
    clips["ends"][:, -1] = 1
    predict_loss(net, clips, at(3, 9), at(3, 20), HORIZON)["loss"].backward()
    for part in (net.evidence, net.dynamics, net.outcome):
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in part.parameters())
    for part in (net.encoder, net.decoder):
        assert all(p.grad is None for p in part.parameters())


def test_states_do_not_bend_to_rewards_at_ends_but_to_those_on_the_way():
    net, clips = lively_model(), logged_clips()
    state = net.track(clips["points"], clips["appearance"], clips["actions"])
    running, final, _ = net.outcome(state[:, :-1], state[:, 1:])
    speeds = list(net.evidence.parameters())
    assert all(slope is None for slope in torch.autograd.grad(final.sum(), speeds, allow_unused=True, retain_graph=True))
    slopes = torch.autograd.grad(running.sum(), speeds, allow_unused=True)
    assert any(slope is not None and slope.abs().max() > 0 for slope in slopes)


def test_the_reward_at_an_end_hangs_on_the_moment_before_as_well_and_everyone_foretells_his_own():
    net, clips = lively_model(), logged_clips()
    net.outcome.scale_to(clips)
    state = net.track(clips["points"], clips["appearance"], clips["actions"])
    before, after = state[:, :-1], state[:, 1:]
    faster = before.apply(lambda value: value.clone())
    faster.speed[:, 3] += 1
    one, other = (net.outcome(moment, after)[1] for moment in (before, faster))
    assert one.shape == (5, CLIPS, FRAMES - 1) and one.std(0).min() > 0
    assert ((one != other).all(0) == (torch.arange(FRAMES - 1) == 3)).all()
    ends = torch.rand(CLIPS, FRAMES - 1) < 0.3
    torch.testing.assert_close(net.outcome(before, after, ends)[1], one[:, ends])


def test_units_of_rewards_at_ends_are_those_of_the_ends_alone():
    net, clips = lively_model(), logged_clips()
    mean = net.outcome.committee.mean.clone()
    net.outcome.scale_to(clips)
    assert net.outcome.logged[1, 1] == 1 and torch.equal(net.outcome.committee.mean, mean)  # no clip ends
    clips["ends"][:, 8], clips["rewards"][:, 8] = 1, 5 + clips["rewards"][:, 8]
    net.outcome.scale_to(clips)
    torch.testing.assert_close(net.outcome.logged[0, 1], clips["rewards"][:, 8].mean())
    places = net.outcome.committee.mean[:4]
    torch.testing.assert_close(places, 10 * clips["points"][:, 8].mean(0))


def test_what_stays_within_clips_is_steady_and_what_forgets_is_not():
    fixed, noise = torch.randn(500, 2), torch.randn(500, 2, generator=torch.Generator().manual_seed(1))
    assert unsteadiness(fixed, fixed).item() == 0
    assert unsteadiness(noise, torch.randn(500, 2)).item() == pytest.approx(1, abs=0.1)
    assert unsteadiness(fixed + noise, fixed - noise).item() == pytest.approx(
        unsteadiness(3 * (fixed + noise), 3 * (fixed - noise)).item(), rel=1e-2
    )
    little = [unsteadiness(size * noise, -size * noise).item() for size in (0.02, 0.01)]  # of what is the same in all clips
    assert little[1] < little[0] / 2 < 0.1  # and not the same share of less


def test_anchors_that_are_to_be_steady_come_from_what_stays_in_three_frames(sizes):
    """A body that is elsewhere in each of three frames is not in their median: moving it moves no anchor and no painting."""
    torch.manual_seed(0)
    model = WorldModel(replace(sizes, size=16))
    frames = torch.full((3, 6, 16, 16, 1), 26, dtype=torch.uint8)
    one, other = frames[:, :3].clone(), frames[:, :3].clone()
    for t in range(3):
        one[:, t, t, t] = 230
        other[:, t, 15 - t, t] = 230
    one[:, 0], other[:, 0] = frames[:, 0], frames[:, 0]  # the vector is that of the first
    found = [find_loss(model, Stretch(frames, another), steady=0.3)["loss"] for another in (one, other)]
    assert torch.equal(*found)


def test_points_that_all_stand_still_are_stirred_and_others_are_not(sizes):
    torch.manual_seed(0)
    model = WorldModel(replace(sizes, size=16))
    dark = torch.full((8, 6, 16, 16, 1), 26, dtype=torch.uint8)
    lit = dark.clone()
    for n in range(8):
        lit[n, :, 2 * n : 2 * n + 2, 2 * n : 2 * n + 2] = 230  # a body in another place in every clip
    for frames, stirs in ((dark, True), (lit, False)):
        calm, stirred = (find_loss(model, Stretch(frames, frames[:, :1]), stir=stir)["loss"] for stir in (0.0, 1.0))
        assert (stirred > calm) == stirs
    stirred.backward()
