import numpy as np
import pytest

from worldmodel.physics import Camera, Disc
from worldmodel.probing import disc_sigma, gravity_sd, oracle_gravity, quantisation_noise, track
from worldmodel.settings import ConfigError, generator

DT = 0.05


@pytest.mark.parametrize(("k", "c"), [(3, 2.449), (4, 1.000), (8, 0.154), (16, 0.0265), (32, 0.00464)])
def test_gravity_sd_has_the_published_constants(k, c):
    assert gravity_sd(k, 1.0, 1.0) == pytest.approx(c, rel=2e-3)
    assert gravity_sd(k, 0.02, 0.1) == pytest.approx(c * 0.02 / 0.01, rel=2e-3)


def test_gravity_sd_is_what_least_squares_reaches():
    t = np.arange(8) * DT
    design = np.stack([np.ones(8), t, t**2 / 2], 1)
    y = design @ [2.0, 1.0, -9.81] + 0.01 * generator(0).normal(size=(20_000, 8))
    g = np.linalg.lstsq(design, y.T, rcond=None)[0][2]
    assert g.mean() == pytest.approx(-9.81, abs=0.02)
    assert g.std() == pytest.approx(gravity_sd(8, 0.01, DT), rel=0.03)


def test_gravity_needs_three_frames():
    with pytest.raises(ConfigError):
        gravity_sd(2, 1.0, 1.0)
    with pytest.raises(ConfigError):
        oracle_gravity(np.zeros((5, 2, 2)), DT, residual_limit=0.01)


def disc(centre, radius, size=32, contrast=1.0, background=0.0):
    """Float frames (N, size, size), y up, of discs at ``centre`` (N, 2) in px from the lower left corner."""
    x = np.arange(size) + 0.5
    y = size - x
    distance = np.hypot(x[None, None, :] - centre[:, 0, None, None], y[None, :, None] - centre[:, 1, None, None])
    inside = np.clip((np.sqrt(radius**2 - 1.5**2 / 20) - distance) / 1.5 + 0.5, 0, 1)  # the rim of the camera
    return background + contrast * inside**2 * (3 - 2 * inside)


def as_uint8(frames):
    return np.clip(np.rint(255 * frames), 0, 255).astype(np.uint8)[..., None]


@pytest.mark.parametrize("radius", [2.0, 4.0, 8.0])
@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_disc_sigma_is_near_its_approximation(radius, noise):
    assert disc_sigma(radius, noise) == pytest.approx(noise / np.sqrt(np.pi * radius), rel=0.15)
    assert disc_sigma(radius, noise, contrast=0.5) == pytest.approx(2 * disc_sigma(radius, noise))


def test_disc_sigma_is_what_a_matched_fit_reaches():
    rng, noise = generator(1), 0.02
    centre = 16 + rng.uniform(-0.5, 0.5, (3000, 2))
    shift = np.array([1e-3, 0])
    slope = (disc(centre + shift, 4.0) - disc(centre - shift, 4.0)) / 2e-3
    error = noise * rng.normal(size=slope.shape)  # one Gauss-Newton step from the truth is efficient
    estimate = (slope * error).sum((1, 2)) / (slope**2).sum((1, 2))
    assert estimate.std() == pytest.approx(disc_sigma(4.0, noise), rel=0.05)


@pytest.mark.parametrize("bad", [(0, 0.01, 1), (4, 0, 1), (4, 0.01, -1), (np.nan, 0.01, 1)])
def test_disc_sigma_refuses(bad):
    with pytest.raises(ConfigError):
        disc_sigma(*bad)


def test_quantisation_noise_is_that_of_rounding():
    value = generator(2).uniform(0, 1, 200_000)
    assert np.std(np.rint(255 * value) / 255 - value) == pytest.approx(quantisation_noise(), rel=0.01)


def test_track_finds_clean_discs_to_a_fraction_of_a_pixel():
    centre = generator(3).uniform(6, 26, (500, 2))
    frames = as_uint8(disc(centre, 4.0, contrast=0.8, background=0.1))
    assert np.abs(track(frames) - centre).max() < 0.05
    np.testing.assert_array_equal(track(frames.reshape(5, 100, 32, 32, 1)), track(frames).reshape(5, 100, 2))
    np.testing.assert_allclose(track(np.repeat(frames, 3, -1)), track(frames), atol=1e-4)


def test_track_in_noise_stays_within_reach_of_the_bound():
    rng = generator(4)
    centre = rng.uniform(6, 26, (1500, 2))
    noisy = disc(centre, 4.0, contrast=0.7, background=0.15) + 0.03 * rng.normal(size=(1500, 32, 32))
    error = (track(as_uint8(noisy)) - centre).std()
    bound = disc_sigma(4.0, 0.03, 0.7)
    assert bound < error < 4 * bound


def test_track_points_right_and_up_and_knows_when_nothing_is_there():
    frames = np.zeros((2, 8, 10, 1), np.uint8)
    frames[0, 1, 7] = 200  # second row from the top, eighth column
    np.testing.assert_allclose(track(frames)[0], [7.5, 6.5])
    assert np.isnan(track(frames)[1]).all()
    dim = np.full((1, 8, 8, 1), 40, np.uint8)
    dim[0, 3, 3] = 80
    assert np.isnan(track(dim)).all() and np.isfinite(track(dim, threshold=0.1)).all()


def bouncing(gravity, frames=40, box=4.0, rest=0.8, rng=None):
    """Positions (N, frames, 2) of points that bounce on the floor y = 0 and between the walls; exact between contacts."""
    rng = rng or generator(5)
    n = len(gravity)
    height, speed = rng.uniform(1, 3, n), rng.uniform(-2, 2, n)
    time = np.arange(frames) * DT
    y = np.empty((n, frames))
    for i, g in enumerate(gravity):
        start, v0, y0 = 0.0, 0.0, height[i]
        for j, t in enumerate(time):
            while (hit := (v0 + np.sqrt(v0**2 + 2 * g * y0)) / g) <= t - start:
                start, v0, y0 = start + hit, rest * (g * hit - v0), 0.0
            y[i, j] = y0 + v0 * (t - start) - g * (t - start) ** 2 / 2
    x = np.abs((rng.uniform(0, box, n)[:, None] + speed[:, None] * time + box) % (2 * box) - box)
    return np.stack([x, y], -1)


def test_oracle_gravity_reads_through_bounces():
    g = generator(6).uniform(1, 20, 200)
    clean = bouncing(g)
    np.testing.assert_allclose(oracle_gravity(clean, DT, residual_limit=1e-6), g, rtol=1e-6)
    noisy = clean + 5e-4 * generator(7).normal(size=clean.shape)
    error = np.abs(oracle_gravity(noisy, DT, residual_limit=2e-3) - g)
    assert np.median(error) < gravity_sd(8, 5e-4, DT) < 0.04 and error.max() < 0.5
    whole = np.linalg.lstsq(np.vander(np.arange(40) * DT, 3), clean[..., 1].T, rcond=None)[0][0] * -2
    assert np.median(np.abs(whole - g)) > 1  # one parabola through the bounces would not do


def test_oracle_gravity_of_single_windows_has_the_least_possible_error():
    g = np.full(4000, 5.0)
    t = np.arange(8) * DT
    flight = np.stack([0 * t, 3 - 2.5 * t**2], 1) + 0.001 * generator(8).normal(size=(4000, 8, 2))
    sd = np.std(oracle_gravity(flight, DT, residual_limit=0.01) - g)
    assert sd == pytest.approx(gravity_sd(8, 0.001, DT), rel=0.05)


@pytest.mark.parametrize("k", [3, 4, 5])
def test_oracle_gravity_of_few_frames(k):
    t = np.arange(k) * DT
    flight = np.stack([1 + 2 * t, 2 + t - 4.5 * t**2], 1)[None]
    np.testing.assert_allclose(oracle_gravity(flight, DT, residual_limit=1e-3), 9.0)


def test_a_body_at_rest_says_nothing():
    t = np.arange(30) * DT
    y = np.maximum(2 - 5 * t**2, 0)  # falls for 12 frames, then lies still for 18
    clip = np.stack([0.5 * t, y], 1)[None]
    np.testing.assert_allclose(oracle_gravity(clip, DT, residual_limit=1e-3), 10.0)
    noisy = clip + 1e-4 * generator(11).normal(size=clip.shape)  # the noise of its rest bends down half the time
    np.testing.assert_allclose(oracle_gravity(noisy, DT, residual_limit=1e-3), 10.0, rtol=0.02)
    assert oracle_gravity(clip[:, 14:], DT, residual_limit=1e-3) == 0  # and where there is nothing else, it is 0


def test_shorter_windows_serve_where_no_long_one_is_clean():
    t = np.arange(8) * DT
    clip = np.stack([0 * t, np.where(t < 4.5 * DT, 2 - 4 * t**2, 1 + 3 * t)], 1)[None]
    np.testing.assert_allclose(oracle_gravity(clip, DT, residual_limit=1e-3), 8.0)


def test_a_symmetric_floor_contact_is_no_fall():
    t = (np.arange(12) - 5.5) * DT  # the contact is in the middle, between two frames
    y = 3 * np.abs(t) - 4 * t**2
    v = np.stack([0 * t, y], 1)[None]
    np.testing.assert_allclose(oracle_gravity(v, DT, residual_limit=1e-3), 8.0)
    # Seven frames: four about the contact fit a parabola that bends up, the last four are the only fall.
    np.testing.assert_allclose(oracle_gravity(v[:, 3:10], DT, residual_limit=1e-3), 8.0)


def test_oracle_gravity_of_the_camera_s_ball():
    rng = generator(10)
    g = rng.uniform(1, 20, 150)
    path = bouncing(g, rng=rng) * 8 + 8  # px: a floor 8 px high, 8 px per metre
    path[..., 0] = np.clip(path[..., 0], 8, 40)
    frames = np.stack([as_uint8(disc(clip, 4.0, size=48, contrast=0.8, background=0.1)) for clip in path])
    found = oracle_gravity(track(frames) / 8, DT, residual_limit=0.01)
    error = np.abs(found - g)
    assert np.median(error) < 0.1 and np.mean(error < 0.1 * g) > 0.97


def test_unclean_clips_give_their_best_window_and_unseen_ones_nan():
    clip = bouncing(np.array([9.0, 9.0]))
    strict = oracle_gravity(clip + 1e-4 * generator(9).normal(size=clip.shape), DT, residual_limit=1e-9)
    np.testing.assert_allclose(strict, 9.0, rtol=0.05)
    clip[0, 5], clip[1] = np.nan, np.nan  # one frame lost; all lost
    found = oracle_gravity(clip, DT, residual_limit=1e-6)
    assert found[0] == pytest.approx(9.0) and np.isnan(found[1])


def test_above_a_floor_only_the_body_counts():
    centre = np.array([[[20.3, 41.7]]])
    frames = Camera(metres=64).film([Disc(centre, np.array([4.0]), np.array([[0.9]]))], None)
    crowded = frames.copy()
    crowded[:, :, 40:, 40:] = 150  # a large patch, dimmer than the floor of 0.7
    assert np.abs(track(crowded, floor=0.7) - centre).max() < 0.1  # a rim cut so high shows the pixel grid
    assert np.abs(track(crowded) - centre).max() > 5
