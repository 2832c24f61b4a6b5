"""Frames written for people: sharp, the right colours, the right length; another suffix is refused."""

import av
import numpy as np
import pytest

from worldmodel.settings import ConfigError
from worldmodel.videos import save_video


def decode(path):
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return np.array([time for time, _ in frames]), np.stack([picture for _, picture in frames])


def grey(frames=15, height=21, width=16):
    """A ramp of grey that moves: uint8 (T, H, W, 1)."""
    ramp = np.add.outer(np.arange(height) * 7, np.arange(width) * 5)
    return ((ramp + 10 * np.arange(frames)[:, None, None]) % 256).astype(np.uint8)[..., None]


@pytest.mark.parametrize("suffix, tolerance", [(".mp4", 12), (".gif", 0)])
def test_grey_looks_right(tmp_path, suffix, tolerance):
    frames = grey()
    times, seen = decode(save_video(frames, tmp_path / "new" / f"a{suffix}", zoom=3))
    assert np.allclose(times, np.arange(15) / 20) and seen.shape[1] in (63, 64) and seen.shape[2] == 48
    seen = seen[:, 1:63:3, 1::3].astype(int)  # the middle of each square
    assert np.abs(seen - frames).max() <= tolerance
    assert np.ptp(seen, axis=-1).max() <= tolerance // 3  # no tint


@pytest.mark.parametrize("suffix, tolerance", [(".mp4", 24), (".gif", 2)])
def test_colour_looks_right(tmp_path, suffix, tolerance):
    frames = np.zeros((12, 16, 16, 3), np.uint8)
    frames[:, :8], frames[:, 8:], frames[6:, :, :4] = (220, 60, 40), (40, 90, 200), (240, 240, 240)
    times, seen = decode(save_video(frames, tmp_path / f"a{suffix}", frames_per_second=10.0, zoom=4))
    assert np.allclose(times, np.arange(12) / 10)
    error = np.abs(seen[:, 2::4, 2::4].astype(int) - frames)
    assert error.max() <= tolerance and error.mean() < 3


def test_an_odd_mp4_is_made_even_and_a_missing_channel_is_grey(tmp_path):
    frames = grey(4, 15, 13)
    _, with_channel = decode(save_video(frames, tmp_path / "a.mp4", zoom=1))
    _, without = decode(save_video(frames[..., 0], str(tmp_path / "b.mp4"), zoom=1))
    assert with_channel.shape == (4, 16, 14, 3) and (with_channel == without).all()


def test_what_cannot_be_saved_is_refused(tmp_path):
    for frames, name, zoom in ((grey(), "a.avi", 4), (grey(), "a", 4), (grey() / 2, "a.mp4", 4),
                               (grey()[..., [0, 0]], "a.gif", 4), (grey()[:0], "a.mp4", 4),
                               (grey(), "a.mp4", 0)):  # fmt: skip
        with pytest.raises(ConfigError):
            save_video(frames, tmp_path / name, zoom=zoom)
    assert not list(tmp_path.iterdir())
