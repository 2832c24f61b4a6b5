"""The encoder's points: they follow what stands out, patch by patch in equal steps, and survive an empty picture."""

import numpy as np
import pytest
import torch

from worldmodel.model.encoder import PATCH, Glimpse, PointEncoder, patch_grid
from worldmodel.physics import Camera, Disc

SIZE = 64


def encoder(seed, size=SIZE, channels=1):
    torch.manual_seed(seed)
    return PointEncoder(size, channels, points=3, anchors=2, vector=4, width=16)


def picture(centres, radius=4.0):
    """A bright disc at each of the centres (N, 2) in px, y up, in a clip of one frame: float (N, 1, H, W)."""
    centres = np.asarray(centres, float)[:, None]
    disc = Disc(centres, np.full(len(centres), radius), np.full((len(centres), 1), 0.9))
    frames = Camera(metres=SIZE).film([disc], None)
    return torch.from_numpy(frames[:, 0]).movedim(-1, 1).float() / 255


def all_points(net, frames):
    points, appearance = net(frames)
    return torch.cat([points, appearance[:, :4]], 1).unflatten(1, (5, 2)).detach()  # anchors are points, too


def test_patches_count_from_the_top_left_with_x_to_the_right_and_y_up():
    x, y = patch_grid(SIZE)
    cells = SIZE // PATCH
    assert (x[0], y[0]) == (-1 + 1 / cells, 1 - 1 / cells)
    assert x[1] > x[0] and y[1] == y[0] and x[cells] == x[0] and y[cells] < y[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("axis", [0, 1])
def test_a_shift_by_a_patch_moves_every_point_one_equal_step_along_that_axis(seed, axis):
    step = np.eye(2)[axis] * PATCH
    at = all_points(encoder(seed), picture([24.3, 30.8] + step * np.arange(4)[:, None]))
    moves = at[1:] - at[:-1]
    torch.testing.assert_close(moves[1:], moves[:1].expand(2, -1, -1), rtol=0, atol=1e-5)
    assert moves[..., 1 - axis].abs().max() < 1e-5
    assert moves[..., axis].abs().max() > 1e-3  # they do move


@pytest.mark.parametrize("seed", range(3))
def test_untrained_points_follow_a_disc_linearly(seed):
    centres = np.random.default_rng(0).uniform(14, 50, (200, 2))
    x = torch.cat([all_points(encoder(seed), picture(centres)).flatten(1), torch.ones(200, 1)], 1).double()
    y = torch.from_numpy(centres)
    error = y - x @ torch.linalg.lstsq(x, y).solution
    assert error.std(0).max() < 0.1 * y.std(0).min()


@pytest.mark.parametrize("level", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dead", [False, True], ids=["untrained", "dead maps"])
def test_an_empty_picture_gives_finite_points_and_gradients(level, dead):
    net = encoder(0)
    if dead:  # every map exactly constant: its spread is 0
        torch.nn.init.zeros_(net.head.weight)
    points, appearance = net(torch.full((2, 1, SIZE, SIZE), level))
    assert torch.isfinite(points).all() and torch.isfinite(appearance).all()
    (points.square().sum() + appearance.square().sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


@pytest.mark.parametrize("size, channels", [(8, 1), (32, 3), (128, 1)])
def test_shapes_and_range_for_other_sizes(size, channels):
    points, appearance = encoder(0, size, channels)(torch.rand(5, channels, size, size))
    assert points.shape == (5, 6) and appearance.shape == (5, 2 * 2 + 4)
    assert points.abs().max() <= 1 + 4 * PATCH / size


def test_a_frame_is_encoded_alike_alone_and_among_others():
    net, frames = encoder(0), torch.rand(6, 1, SIZE, SIZE)
    torch.testing.assert_close(net(frames)[0][2:3], net(frames[2:3])[0], rtol=1e-5, atol=1e-6)


def test_a_glimpse_begins_by_moving_nothing_and_learns_to_find_a_discs_middle():
    torch.manual_seed(0)
    glimpse, rng = Glimpse(SIZE, 1, 16), np.random.default_rng(0)
    optimizer = torch.optim.Adam(glimpse.parameters(), 3e-3)

    def task(n):
        centres = rng.uniform(12, 52, (n, 2))
        frames = picture(centres) + 0.03 * torch.from_numpy(rng.standard_normal((n, 1, SIZE, SIZE), np.float32))
        true = torch.from_numpy(centres / 32 - 1).float()[:, None]
        return frames, true, true + torch.from_numpy(rng.uniform(-2, 2, (n, 1, 2)) / 32).float()

    frames, true, rough = task(64)
    assert torch.equal(glimpse(frames, rough), rough)
    for _ in range(150):
        frames, true, rough = task(64)
        optimizer.zero_grad()
        (glimpse(frames, rough) - true).abs().mean().backward()
        optimizer.step()
    frames, true, rough = task(200)
    error = (glimpse(frames, rough) - true).abs().median() * 32
    assert error < 0.25 * ((rough - true).abs().median() * 32)


@pytest.mark.parametrize("seed", range(3))
def test_points_that_all_follow_the_brightest_body_are_sent_to_look_for_another(seed):
    rng = np.random.default_rng(seed)
    bright, dark = rng.uniform([8, 34], [56, 56], (200, 2)), rng.uniform([8, 8], [56, 26], (200, 2))
    ground = picture([[-99.0, -99.0]])
    frames = picture(bright) - ground - 0.5 * (picture(dark) - ground)  # as a centred model has them
    torch.manual_seed(seed)
    net = PointEncoder(SIZE, 1, points=3, anchors=2, vector=4, width=16, edges="replicate")
    net.head.weight.data[:5] = net.head.weight.data[:1].clone()  # all alike, the anchors too
    before = net.head.weight.data.clone()

    def told():
        """R² of where each body is, by a line from the points; of the one that is told less."""
        x = np.column_stack([net(frames)[0].detach().numpy(), np.ones(200)]).astype(float)
        left = (body - x @ np.linalg.lstsq(x, body, rcond=None)[0] for body in (bright, dark))
        return min(1 - one.var(0).sum() / body.var(0).sum() for one, body in zip(left, (bright, dark)))

    alone = told()
    net.look_apart(frames, frames)
    same = (net.head.weight.data == before).flatten(1).all(1)
    assert same[:3].sum() == same[3:5].sum() == 1 and same[5:].all()  # one of each kind keeps its map, and all their shifts
    assert told() > alone + 0.3
    found = net.head.weight.data.clone()
    net.look_apart(frames, frames)
    assert (net.head.weight.data == found).flatten(1).all(1)[:3].sum() >= 2  # what was found is kept
