import numpy as np
import pytest

from worldmodel.probing import first_frame_cells, pca_features, permuted, r2, ridge, shuffle_time
from worldmodel.settings import ConfigError, generator


def test_a_cell_has_one_number_and_another_cell_another():
    centres = (np.stack(np.meshgrid(np.arange(8), np.arange(8)), -1).reshape(-1, 2) + 0.5) * 4.0 / 8
    nudged = centres + generator(0).uniform(-0.24, 0.24, centres.shape)
    number = first_frame_cells(np.concatenate([centres, nudged]), 4.0, generator(1))
    np.testing.assert_array_equal(number[:64], number[64:])
    assert len(np.unique(number)) == 64
    assert abs(number.mean()) < 0.5 and 0.7 < number.std() < 1.3


def test_cells_of_an_oblong_box_and_beyond_its_edge():
    inside, outside = [[0.1, 1.9], [3.9, 0.1]], [[-1.0, 2.0], [4.0, -0.3]]
    number = first_frame_cells(np.array(inside + outside), (4.0, 2.0), generator(2))
    assert number[0] == number[2] and number[1] == number[3] and number[0] != number[1]
    with pytest.raises(ConfigError):
        first_frame_cells(np.array([[np.nan, 1.0]]), 4.0, generator(2))


def test_a_linear_probe_on_the_position_hardly_reads_its_cell():
    position = generator(3).uniform(0, 4, (2000, 2))
    number = first_frame_cells(position, 4.0, generator(4))
    probe = ridge(position[:1000], number[:1000], position[1000:], number[1000:])
    assert r2(number[1000:], probe.predict(position[1000:])) < 0.2


def test_permuted_keeps_the_labels_and_breaks_the_link():
    y = np.arange(500.0)
    mixed = permuted(y, generator(5))
    np.testing.assert_array_equal(np.sort(mixed), y)
    assert abs(np.corrcoef(y, mixed)[0, 1]) < 0.15
    np.testing.assert_array_equal(mixed, permuted(y, generator(5)))


def test_shuffle_time_moves_whole_frames_within_their_clip_each_clip_its_own_way():
    frames = np.arange(50 * 10 * 6).reshape(50, 10, 2, 3)
    mixed = shuffle_time(frames, generator(6))
    order = mixed[:, :, 0, 0].argsort(1)
    np.testing.assert_array_equal(mixed[np.arange(50)[:, None], order], frames)
    assert len(np.unique(order, axis=0)) > 45


def blobs(rng, n, k=3, size=12):
    """Clips (n, k, size, size, 1) whose pixels are an affine function of two hidden numbers per frame."""
    hidden = rng.uniform(0, 100, (n, k, 2))
    pattern = np.random.default_rng(0).uniform(0, 1, (2, size * size))
    return np.rint(hidden @ pattern + 20).astype(np.uint8).reshape(n, k, size, size, 1), hidden


def test_pca_features_hold_what_the_pixels_hold():
    (train, hidden), (test, truth) = blobs(generator(7), 300), blobs(generator(8), 80)
    train_x, test_x = pca_features(train, test, rng=generator(9), components=2)
    assert train_x.shape == (300, 6) and test_x.shape == (80, 6) and test_x.dtype == np.float32
    for frame in range(3):  # the features of a frame are its own, and no other frame's
        own, y = slice(2 * frame, 2 * frame + 2), (hidden[:, frame, 0], truth[:, frame, 0])
        probe = ridge(train_x[:, own], y[0], train_x[:, own], y[0])
        assert r2(y[1], probe.predict(test_x[:, own])) > 0.999
        other = (own.start + 2) % 6
        probe = ridge(train_x[:, other : other + 2], y[0], train_x[:, other : other + 2], y[0])
        assert r2(y[1], probe.predict(test_x[:, other : other + 2])) < 0.1


def test_pca_sees_the_training_frames_alone_and_chunks_do_not_show():
    train, other = blobs(generator(10), 300)[0], blobs(generator(11), 300)[0]
    alone = pca_features(train, rng=generator(12), components=2)[0]
    beside, _ = pca_features(train, 255 - other, rng=generator(12), components=2)
    np.testing.assert_array_equal(alone, beside)
    part = pca_features(train, train[250:], rng=generator(12), components=2)[1]
    np.testing.assert_allclose(part, alone[250:], atol=1e-5)


def test_pca_refuses_more_components_than_there_are():
    with pytest.raises(ConfigError):
        pca_features(blobs(generator(13), 5)[0], rng=generator(14), components=64)
