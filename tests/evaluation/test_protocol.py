"""The protocol refuses what would not be a fair reading, and says why; what keeps to it passes."""

import numpy as np
import pytest

from worldmodel.evaluation.foreign import oracle_tracker, pixel_pca, video_network
from worldmodel.evaluation.protocol import BATCH, FRAMES, Checked, check_causal, load_readable
from worldmodel.model import WorldModel
from worldmodel.settings import CheckpointError, ConfigError

RNG = np.random.default_rng(0)
CLIPS = RNG.integers(0, 255, (3, 32, 64, 64, 1), np.uint8)


def model(features, **more):
    return Checked(type("Theirs", (), {"features": staticmethod(features), **more})(), "theirs")


def brightness(frames):
    return frames.mean((2, 3))  # (B, T, 1)


def test_features_of_each_frame_and_the_ones_before_it_pass():
    check_causal(model(brightness), CLIPS)
    check_causal(model(lambda frames: np.cumsum(brightness(frames), 1)), CLIPS)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (lambda frames: np.flip(np.cumsum(np.flip(brightness(frames), 1), 1), 1), "look ahead"),
        (lambda frames: brightness(frames) / frames.shape[1], "depend on how many frames follow"),
        (lambda frames: brightness(frames) - brightness(frames).mean(0), "depend on the clips beside it"),
        (lambda frames: np.full((*frames.shape[:2], 2), np.nan), "not finite"),
        (lambda frames: brightness(frames)[:, -1], r"float64 \(3, 1\); these frames need float \(3, 32, 'D'\)"),
        (lambda frames: brightness(frames).astype(str), "<U"),
        (lambda frames: 1 / 0, "features failed: ZeroDivisionError: division by zero"),
    ],
)
def test_each_breach_is_refused_in_its_own_words(features, says):
    with pytest.raises(ConfigError, match=f"theirs: .*{says}"):
        check_causal(model(features), CLIPS)


def test_a_model_is_given_a_batch_at_a_time_and_its_answers_come_in_order():
    sizes, many = [], RNG.integers(0, 255, (2 * BATCH + 7, 2, 8, 8, 1), np.uint8)
    found = model(lambda frames: (sizes.append(len(frames)), brightness(frames))[1]).features(many)
    assert sizes == [BATCH, BATCH, 7] and found.dtype == np.float32
    np.testing.assert_allclose(found, brightness(many), rtol=1e-6)


def test_a_model_without_features_and_a_dream_of_another_form_are_refused():
    with pytest.raises(ConfigError, match="theirs: a dict has no features"):
        Checked({}, "theirs")
    dreamer = model(brightness, dream=lambda self, frames, steps: frames[:, :steps] / 255)
    with pytest.raises(ConfigError, match=r"its dream is float64 .* must be uint8 \(3, 4, 64, 64, 1\)"):
        dreamer.dream(CLIPS, 4)
    assert not hasattr(model(brightness), "dream")


def test_our_own_model_keeps_to_the_protocol(sizes):
    ours = Checked(WorldModel(sizes).eval(), "ours")
    check_causal(ours, CLIPS)
    assert ours.dream(CLIPS, 4).shape == (3, 4, 64, 64, 1)


def test_the_examples_keep_to_the_protocol():
    pca = Checked(pixel_pca(), "pca")
    pca.prepare(CLIPS[:, :, ::2, ::2])
    for example in (pca, Checked(oracle_tracker(), "tracker"), Checked(video_network(), "network")):
        check_causal(example, CLIPS[:2, :, ::2, ::2])


def test_the_network_sees_its_window_and_no_more():
    network, clip = video_network(), CLIPS[:1, :20, ::2, ::2]
    other = clip.copy()
    other[:, 11] ^= 128  # frame 12 of 20: the window of 8 begins with frame 13
    before, after = network.features(clip), network.features(other)
    assert before.shape == (1, 20, 512) and np.array_equal(before, after)
    other[:, 12] ^= 128
    assert not np.array_equal(network.features(other)[:, 19], before[:, 19])
    assert len(np.unique(before[0], axis=0)) == sum(k <= 20 for k in FRAMES)  # it stands still in between


def test_the_tracker_knows_the_place_speed_and_gravity_of_a_falling_square():
    frames = np.zeros((1, 7, 64, 64, 1), np.uint8)
    for t in range(7):
        frames[0, t, 2 + t * t : 8 + t * t, 20:26] = 230
    np.testing.assert_allclose(oracle_tracker().features(frames)[0, -1], [23, 64 - 41, 0, -11, 2], atol=1e-4)


def test_a_factory_in_the_current_folder_is_found_and_its_weights_follow_the_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "their_model.py").write_text("import torch\nclass Theirs:\n    def __init__(self): self.w = torch.rand(3)\n")
    first, again, other = (load_readable("their_model:Theirs", seed).w for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).all()


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("no_such_module:factory", "No module named 'no_such_module'"),
        ("worldmodel.evaluation.foreign:nothing", "has no attribute 'nothing'"),
        ("worldmodel.evaluation.foreign:WINDOW", "TypeError"),
        ("nowhere", "no model is saved here"),
    ],
)
def test_a_place_without_a_model_is_refused_in_one_line(place, says):
    with pytest.raises((ConfigError, CheckpointError), match=says):
        load_readable(place)
