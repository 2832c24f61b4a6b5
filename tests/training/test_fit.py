"""Training: the same bytes from the same seed, whatever interrupts it; what cannot be trained is refused, by name."""

import json
import math
from dataclasses import asdict, replace
from importlib import import_module

import numpy as np
import pytest
import torch

from worldmodel.files import signed
from worldmodel.model.objectives import Stretch, find_loss, predict_loss
from worldmodel.settings import ConfigError
from worldmodel.training import FitConfig, encode_all, fit
from worldmodel.training.loop import leveled, standard_rewards

loop = import_module("worldmodel.training.loop")


def train(videos, config, sizes, out=None):
    return fit(videos, config, sizes, out, device="cpu", progress=False)


def same_weights(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.fixture(scope="module")
def uninterrupted(lander, tiny_fit, sizes, tmp_path_factory):
    return train(lander, tiny_fit, sizes, tmp_path_factory.mktemp("whole"))


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(lander, tiny_fit, sizes, lander_model, uninterrupted):
    assert same_weights(lander_model, uninterrupted)
    assert not same_weights(uninterrupted, train(lander, replace(tiny_fit, seed=1), sizes))


def test_what_torch_drew_before_does_not_matter(lander, tiny_fit, sizes, uninterrupted):
    torch.manual_seed(1234), torch.rand(7)
    assert same_weights(train(lander, tiny_fit, sizes), uninterrupted)


def test_the_shape_of_frames_and_log_comes_from_the_videos(ball, tiny_fit, sizes, uninterrupted):
    assert (uninterrupted.config.actions, uninterrupted.config.rewards, uninterrupted.config.size) == (2, True, 64)
    watched = train(ball, replace(tiny_fit, find_steps=1, predict_steps=1), replace(sizes, actions=5, rewards=True, size=32))
    assert watched.config == replace(sizes, actions=0, rewards=False, size=64)


def test_both_losses_fall(ball, tiny_fit, sizes):
    def losses(find_steps, predict_steps):
        model = train(ball, replace(tiny_fit, find_steps=find_steps, predict_steps=predict_steps, straighten=0.0), sizes)
        clips, starts = encode_all(model, ball), torch.arange(2, 7).expand(len(ball), -1)
        frames = torch.from_numpy(ball.frames)
        found = find_loss(model, Stretch(frames, frames[:, -1:]))["loss"]
        return found.item(), predict_loss(model, clips, starts, starts, 4)["loss"].item()

    untrained, found, foretold = losses(0, 0), losses(60, 0), losses(60, 120)
    assert found[0] < 0.85 * untrained[0]
    assert foretold[0] == found[0] and foretold[1] < 0.8 * found[1]


def test_a_centred_model_begins_from_the_mean_picture_of_its_videos(ball, tiny_fit, sizes):
    begun = train(ball, replace(tiny_fit, find_steps=0, predict_steps=0), replace(sizes, centred=True)).decoder.background
    mean = ball.frames[:, [0, ball.shape[0] // 2]].mean((0, 1)) / 255
    np.testing.assert_allclose(begun.detach()[0].permute(1, 2, 0).numpy(), mean, atol=1e-6)
    plain = train(ball, replace(tiny_fit, find_steps=0, predict_steps=0), sizes).decoder.background
    assert (plain == 0.1).all()


def test_the_log_has_a_line_every_fifty_steps_and_at_the_end_of_a_phase(ball, tiny_fit, sizes, tmp_path):
    train(ball, replace(tiny_fit, find_steps=55, predict_steps=2), sizes, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["phase"]) for line in lines] == [(50, "find"), (55, "find"), (57, "predict")]
    assert all(math.isfinite(line["loss"]) and line["seconds"] >= 0 for line in lines)


def test_a_finished_run_is_opened_without_a_step(lander, tiny_fit, sizes, uninterrupted, tmp_path, monkeypatch):
    train(lander, tiny_fit, sizes, tmp_path)
    monkeypatch.setattr(loop, "find_loss", None)
    monkeypatch.setattr(loop, "predict_loss", None)
    assert same_weights(train(lander, tiny_fit, sizes, tmp_path), uninterrupted)


@pytest.mark.parametrize("change", [{"seed": 1}, {"predict_steps": 8}, {"find_rate": 1e-3}], ids=str)
def test_a_run_with_other_settings_is_not_carried_on(lander, tiny_fit, sizes, tmp_path, change):
    config = replace(tiny_fit, find_steps=1, predict_steps=0)
    train(lander, config, sizes, tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        train(lander, replace(config, **change), sizes, tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        train(lander, config, replace(sizes, constants=4), tmp_path)


def test_a_run_saved_before_a_setting_existed_goes_on_under_its_default(lander, tiny_fit, sizes, tmp_path):
    config = replace(tiny_fit, find_steps=1, predict_steps=0)
    model = train(lander, config, sizes, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["sha256"], manifest["config"]["choices"], manifest["about"]["fit"]["level"]
    (tmp_path / "manifest.json").write_text(json.dumps(signed(manifest)))
    again = train(lander, config, sizes, tmp_path)
    assert all(torch.equal(one, other) for one, other in zip(model.state_dict().values(), again.state_dict().values()))


@pytest.mark.parametrize("change", [{"horizon": 10}, {"find_frames": 13}], ids=str)
def test_clips_too_short_for_the_horizon_are_refused(ball, tiny_fit, sizes, change):
    with pytest.raises(ConfigError, match="12 frames: training needs clips of 13"):
        train(ball, replace(tiny_fit, **change), sizes)
    with pytest.raises(ConfigError, match="0 clips"):
        train(ball[:0], tiny_fit, sizes)


def test_a_pixel_counts_the_more_the_less_it_varies_and_all_together_as_much_as_ever(ball):
    pixels = torch.from_numpy(ball.read(np.arange(len(ball)))[:, :: max(1, ball.shape[0] // 16)]).movedim(-1, -3).float() / 255
    variance = pixels.flatten(0, 1).var(0)
    for level, floor in ((1.0, 0.0), (0.5, variance.max())):
        weight = leveled(ball, level, len(ball))
        assert (weight * variance).sum() == pytest.approx(variance.sum().item(), rel=1e-3)
        assert (weight.flatten()[variance.flatten().argsort()].diff() <= 1e-6).all()
        expected = (variance.flatten()[-1] + floor + 1e-6) / (variance.flatten() + floor + 1e-6)
        torch.testing.assert_close(weight.flatten() / weight.flatten()[-1], expected, rtol=1e-3, atol=1e-3)


def test_points_that_are_to_look_apart_need_something_to_stand_out_from(ball, tiny_fit, sizes):
    with pytest.raises(ConfigError, match="apart"):
        train(ball, replace(tiny_fit, apart=True), sizes)


def test_rewards_are_brought_to_order_1_and_none_comes_before_the_first_step_or_after_the_end(lander):
    rewards, ends = standard_rewards(lander), lander.ends
    over = np.cumsum(ends, 1) - ends > 0
    over[:, 0] = True
    assert (np.isnan(rewards) == over).all() and over[:, 1:].any()
    assert np.nanmean(rewards) == pytest.approx(0, abs=1e-5) and np.nanstd(rewards) == pytest.approx(1, abs=1e-2)


def test_eyes_learn_from_rewards_only_where_there_are_some(lander, ball, tiny_fit, sizes):
    with pytest.raises(ConfigError, match="paid"):
        train(ball, tiny_fit, replace(sizes, paid=True))
    with pytest.raises(ConfigError, match="paid.*jepa"):
        train(lander, tiny_fit, replace(sizes, paid=True, jepa=True))
    config = replace(tiny_fit, find_steps=2, predict_steps=1)
    plain, paid = (train(lander, config, replace(sizes, paid=paid)) for paid in (False, True))
    assert not torch.equal(plain.encoder.head.weight, paid.encoder.head.weight)


def test_only_points_can_be_landmarks(ball, tiny_fit, sizes):
    with pytest.raises(ConfigError, match="landmarks"):
        train(ball, replace(tiny_fit, landmarks=0.1), replace(sizes, encoder="cnn"))


def test_actions_without_rewards_are_learned_from(ball, tiny_fit, sizes):
    acted = ball.with_actions(np.zeros((len(ball), ball.shape[0], 1), np.float32))
    model = train(acted, tiny_fit, sizes)
    assert model.config.actions == 1 and model.outcome is None and "rewards" not in encode_all(model, acted)


def test_clips_just_long_enough_will_do(ball, tiny_fit, sizes):
    train(ball, replace(tiny_fit, horizon=9, find_frames=12, find_steps=2, predict_steps=2), sizes)


@pytest.mark.parametrize("name", ["steady", "stir", "level", "noise", "landmarks"])
def test_a_jepa_is_asked_for_nothing_that_comes_of_painting(ball, tiny_fit, sizes, name):
    with pytest.raises(ConfigError, match=name):
        train(ball, replace(tiny_fit, **{name: 0.5}), replace(sizes, jepa=True))


@pytest.mark.parametrize("name", [name for name, value in asdict(FitConfig()).items() if not isinstance(value, bool)])
def test_a_setting_that_makes_no_sense_is_refused_by_name(name):
    for value in (-1, math.nan, 1e12):
        with pytest.raises(ConfigError, match=name):
            replace(FitConfig(), **{name: value})


def test_encoded_clips_are_valid_up_to_the_end_of_their_episode(lander, lander_model):
    clips, ends = encode_all(lander_model, lander, batch=7), lander.ends
    assert ends.any()
    for clip in range(len(lander)):
        length = int(np.argmax(ends[clip])) + 1 if ends[clip].any() else ends.shape[1]
        assert clips["valid"][clip, :length].all() and not clips["valid"][clip, length:].any()
    torch.testing.assert_close(clips["points"], lander_model.encode(lander.frames)[0])
    np.testing.assert_array_equal(clips["actions"], lander.actions)
