"""The camera draws what is there, to a hundredth of a pixel, and its look tells nothing of the law."""

from dataclasses import replace

import numpy as np
import pytest

from worldmodel.physics import CLEAN, CLUTTER, SCENES, Camera, Disc, Rod, bodies, world
from worldmodel.physics.camera import SECOND, _shifted
from worldmodel.settings import ConfigError, generator

BLACK = Camera(background=0.0)


def disc(centre, radius=0.25, colour=1.0, channels=1):
    """A disc at centres (N, 2) or (N, T, 2) in m."""
    centre = np.asarray(centre, float)
    centre = centre[:, None] if centre.ndim == 2 else centre
    return Disc(centre, np.broadcast_to(radius, (len(centre),)), np.full((len(centre), channels), colour))


def seen(picture, camera):
    """Centre in px from the lower left corner (N, T, 2), and area in px (N, T), of what is brighter than black."""
    light = picture[..., 0] / 255
    ticks = np.arange(camera.size) + 0.5
    area = light.sum((2, 3))
    x, y = (light.sum(2) * ticks).sum(-1) / area, camera.size - (light.sum(3) * ticks).sum(-1) / area
    return np.stack([x, y], -1), area


@pytest.mark.parametrize("size", [64, 128])
def test_centroid_and_area_of_a_disc(size):
    rng, camera = np.random.default_rng(0), replace(BLACK, size=size)
    centre, radius = rng.uniform(0.5, 3.5, (2000, 2)), rng.uniform(0.2, 0.3, 2000)
    where, area = seen(camera.film([disc(centre, radius)], rng), camera)
    scale = camera.pixels_per_metre
    assert np.abs(where[:, 0] - scale * centre).max() < 0.02
    assert np.abs(area[:, 0] / (np.pi * (scale * radius) ** 2) - 1).max() < 0.02
    # A lander's pad and its body are drawn as well as that.
    where, area = seen(camera.film([disc(centre, 0.125)], rng), camera)
    assert np.abs(where[:, 0] - scale * centre).max() < 0.02
    assert np.abs(area / (np.pi * (scale * 0.125) ** 2) - 1).max() < 0.02


def test_the_edges_of_the_picture():
    rng = np.random.default_rng(1)
    centre = np.array([(0, 2), (4, 2), (2, 0), (2, 4), (0, 0), (4, 4), (-3, 2), (2, 9)])
    picture = BLACK.film([disc(centre)], rng)
    _, area = seen(picture[:6], BLACK)
    whole = np.pi * 4**2
    assert np.allclose(area[:4, 0], whole / 2, rtol=0.02) and np.allclose(area[4:, 0], whole / 4, rtol=0.03)
    assert not picture[6:].any()  # outside of the picture there is nothing to draw
    assert picture[0, 0, 32, 0, 0] == 255 and picture[2, 0, 63, 32, 0] == 255  # y up: row 63 is the floor
    everywhere = BLACK.film([disc([(2.0, 2.0)], 9.0)], rng)
    assert (everywhere == 255).all()
    on_the_wall = seen(BLACK.film([disc([(0.25, 2.0), (2.0, 3.75)])], rng), BLACK)[0]
    assert np.abs(on_the_wall[:, 0] - [(4, 32), (32, 60)]).max() < 0.03  # a soft rim's outer half is cut off


def test_a_rod_has_the_length_width_and_middle_that_it_should():
    rng = np.random.default_rng(9)
    start = rng.uniform(0.5, 3.5, (500, 1, 2))
    stop = np.clip(start + rng.normal(0, 1, (500, 1, 2)), 0.5, 3.5)
    width, length = rng.uniform(0.12, 0.3, 500), np.linalg.norm(stop - start, axis=-1)[:, 0]
    rod = Rod(start, stop, width / 2, np.ones((500, 1)))
    where, area = seen(BLACK.film([rod], rng), BLACK)
    assert np.abs(where - 16 * (start + stop) / 2).max() < 0.05
    long = length > 0.3
    expected = 16**2 * (width * length + np.pi * width**2 / 4)
    assert np.abs(area[:, 0] / expected - 1)[long].max() < 0.06
    point = Rod(start, start, width, np.ones((500, 1)))  # without length it is a disc, but for the rim's correction
    disc_of_it = BLACK.film([disc(start, np.sqrt(width**2 + 1.5**2 / 20 / 16**2))], rng)
    assert np.abs(BLACK.film([point], rng).astype(int) - disc_of_it).max() <= 1


def test_colour_and_order():
    camera = Camera(channels=3, background=0.2)
    red, blue = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    at = np.array([[[2.0, 2.0]]])
    picture = camera.film([Disc(at, np.array([0.5]), red), Disc(at, np.array([0.25]), blue)], np.random.default_rng(2))
    assert picture.shape == (1, 1, 64, 64, 3) and picture.dtype == np.uint8
    assert (picture[0, 0, 32, 32] == (0, 0, 255)).all() and (picture[0, 0, 32, 38] == (255, 0, 0)).all()
    assert (picture[0, 0, 2, 2] == 51).all()
    grey = Camera(background=0.2).film([disc([(2.0, 2.0)], 0.5)], np.random.default_rng(2))
    only_red = camera.film([Disc(at, np.array([0.5]), red)], np.random.default_rng(2))
    assert (only_red[..., 0] == grey[..., 0]).all()


def test_every_body_of_the_worlds_is_in_the_picture():
    position = np.array([[[1.0, 3.0]]])
    ball = CLEAN.film(bodies(world("ball"), {"radius": np.array([0.25])}, {"position": position}, 1), np.random.default_rng(3))
    assert ball[0, 0, 16, 16, 0] == round(0.9 * 255) and ball[0, 0, 40, 40, 0] == 26
    lander = CLEAN.film(bodies(world("lander"), {"pad": np.array([2.0])}, {"position": position}, 1), np.random.default_rng(3))
    pad = 255 * SECOND
    assert lander[0, 0, 16, 16, 0] == round(0.9 * 255) and abs(lander[0, 0, 63, 32, 0] - pad) <= 1


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_noise_has_the_stated_deviation(noise):
    camera = Camera(noise=noise, background=0.5)
    picture = camera.film([disc(np.full((4, 10, 2), -3.0))], np.random.default_rng(4)).astype(float)
    assert picture.std() == pytest.approx(255 * noise, rel=0.02) and picture.mean() == pytest.approx(127.5, abs=0.6)
    fresh = picture.reshape(40, -1)
    assert np.abs(np.corrcoef(fresh) - np.eye(40)).max() < 0.08  # drawn anew in each frame


def test_a_texture_is_one_per_clip_and_keeps_still():
    camera = Camera(texture=0.3, vary=0.2)
    picture = camera.film([disc(np.full((5, 4, 2), -3.0))], np.random.default_rng(5))
    assert (picture == picture[:, :1]).all() and len(np.unique(picture[:, 0].reshape(5, -1), axis=0)) == 5
    assert picture[:, 0].std((1, 2)).min() > 5 and np.ptp(picture[:, 0].mean((1, 2))) > 5


def test_the_look_depends_on_its_own_generator_alone():
    """The same look whatever the law drew, so a picture without its body holds nothing of a constant."""
    rng = np.random.default_rng(6)
    far = [disc(np.full((3, 6, 2), -3.0), radius, colour) for radius, colour in ((0.2, 0.9), (0.3, 0.5))]
    looks = [CLUTTER.film([body], generator(0, 1)) for body in far]
    assert (looks[0] == looks[1]).all()
    near = CLUTTER.film([disc(rng.uniform(1.9, 2.1, (3, 6, 2)))], generator(0, 1))
    corner = np.s_[:, :, :20, :20]
    assert (near[corner] == looks[0][corner]).all() and (near != looks[0]).any()
    other = CLUTTER.film([far[0]], generator(1, 1))
    assert (other != looks[0]).mean() > 0.5


def test_no_distractors_change_nothing_and_distractors_move():
    body = disc(np.random.default_rng(7).uniform(1, 3, (4, 10, 2)))
    plain = CLEAN.film([body], generator(0))
    assert (replace(CLEAN, distractors=0).film([body], generator(1)) == plain).all()
    quiet = replace(CLEAN, distractors=2).film([body], generator(0))
    assert (quiet != plain).any((1, 2, 3, 4)).all()
    away = replace(CLEAN, distractors=2).film([disc(np.full((4, 10, 2), -3.0))], generator(0))
    assert (away[:, 1:] != away[:, :-1]).any((2, 3, 4)).all()


@pytest.mark.parametrize("camera", [CLEAN, replace(CLUTTER, noise=0.0, vary=0.0)])
def test_one_body_on_a_plain_ground_is_drawn_as_on_any_other(camera):
    """The short way for a plain ground and the way for any ground agree, and a chunk's border shows nowhere."""
    rng = np.random.default_rng(8)
    body = disc(rng.uniform(0.3, 3.7, (40, 30, 2)), rng.uniform(0.2, 0.3, 40), 0.9)
    nothing = disc(np.full((40, 30, 2), -3.0))
    one, two = camera.film([body], generator(0)), camera.film([nothing, body], generator(0))
    assert (one == two).all()


def test_bodies_vary_in_brightness_each_by_itself_and_only_where_asked():
    camera = Camera(channels=3, background=0.0, vary=0.2)
    n = 400
    bodies = [disc(np.full((n, 1, 2), x), 0.3, 0.7, channels=3) for x in (1.0, 3.0)]
    picture = camera.film(bodies, generator(0))[:, 0].astype(float) / 255
    one, two = picture[:, 48, 16], picture[:, 16, 48]  # (N, RGB)
    for colour in (one, two):
        assert colour.min() > 0.59 and colour.max() < 0.81 and colour.std(0).min() > 0.04
    assert np.abs(np.corrcoef(np.concatenate([one, two], 1).T) - np.eye(6)).max() < 0.2
    plain = replace(camera, vary=0.0).film(bodies, generator(0))
    assert np.ptp(plain) and (plain[:, 0, 48, 16] == plain[0, 0, 48, 16]).all()


def test_a_shaken_camera_moves_all_that_is_in_the_picture_alike():
    camera = replace(BLACK, shake=0.5)
    bodies = [disc(np.full((30, 20, 2), 1.0)), disc(np.full((30, 20, 2), 3.0))]
    picture = camera.film(bodies, generator(3))
    one = seen(picture[:, :, 32:, :32], replace(camera, size=32))[0] - 16
    two = seen(picture[:, :, :32, 32:], replace(camera, size=32))[0] - 16
    assert np.abs(one - two).max() < 0.05 and one.std((0, 1)) == pytest.approx(0.5, rel=0.1)
    steps = one[:, 1:] * one[:, :-1]
    assert abs(steps.mean()) < 0.03  # drawn anew in each frame
    # The texture goes with the bodies: moved by what they show, the frames agree but for the grid's sharp borders.
    textured = replace(camera, texture=0.3)
    shaken, still = textured.film(bodies, generator(3)), replace(textured, shake=0.0).film(bodies, generator(3))
    assert (still == still[:, :1]).all() and (shaken != shaken[:, :1]).any()


def test_a_whole_step_of_the_camera_moves_the_texture_by_a_pixel():
    still = generator(4).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    shift = np.array([[[0, 0], [1, 0], [0, 2], [0.5, 0]]] * 2, float)
    moved = _shifted(still, shift)
    assert (moved[:, 0] == still).all() and (moved[:, 1, :, 1:] == still[:, :, :-1]).all()
    assert (moved[:, 2, :-2] == still[:, 2:]).all()
    between = (still[:, :, 1:].astype(float) + still[:, :, :-1]) / 2
    assert np.abs(moved[:, 3, :, 1:] - between).max() <= 0.5


def test_the_scenes():
    assert set(SCENES) == {"clean", "clutter", "noisy", "colour"}
    body = [disc(np.full((2, 5, 2), 2.0), channels=3)]
    assert SCENES["colour"].film(body, generator(5)).shape == (2, 5, 64, 64, 3)
    noisy = SCENES["noisy"].film([disc(np.full((2, 5, 2), -3.0))], generator(5))
    assert noisy.std() == pytest.approx(255 * 0.05, rel=0.05)


@pytest.mark.parametrize("wrong", [{"size": 4}, {"metres": 0.0}, {"channels": 2}, {"background": 1.5}, {"noise": -0.1},
                                   {"texture": float("nan")}, {"distractors": -1}, {"vary": 0.6}, {"shake": -1.0}])  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Camera(**wrong)
