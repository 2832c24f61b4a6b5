"""How far an imagined body strays: not at all where a model knows the future, far where it stands still."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldmodel.evaluation import EvaluationSet, imagine_frames, open_loop_error, pixel_error
from worldmodel.model import WorldModel
from worldmodel.videos import Film, film, truth

SEEN, AHEAD = 12, 5


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    videos = film(Film("ball", 30, 20, split="test"), tmp_path_factory.mktemp("clips"), progress=False)
    return EvaluationSet(videos, truth(videos))


class Known:
    """A model whose imagination is given: ``future(clip numbers, steps)``. It knows clips by their frames."""

    def __init__(self, videos, future):
        self.videos, self.future = videos, future
        self.number = {frames.tobytes(): n for n, frames in enumerate(videos.read(stop=SEEN))}

    def observe(self, frames):
        assert frames.shape[1] == SEEN  # it is shown no more than it may see
        return [self.number[clip.tobytes()] for clip in frames]

    def imagine(self, state, steps):
        return SimpleNamespace(frames=self.future(state, steps), still=None)

    def decode(self, state):
        return torch.from_numpy(state.frames)


def true_future(videos):
    return Known(videos, lambda state, steps: videos.read(state, SEEN, SEEN + steps))


@pytest.mark.parametrize("batch", [7, 100])
def test_a_model_that_knows_the_future_has_no_error(clips, batch):
    error = open_loop_error(true_future(clips.videos), clips, SEEN, AHEAD, batch)
    assert error.shape == (30, AHEAD) and error.max() < 0.2


def test_a_body_imagined_elsewhere_is_as_far_off_as_it_is(clips):
    aside = Known(clips.videos, lambda state, steps: np.roll(clips.videos.read(state, SEEN, SEEN + steps), 3, axis=-2))
    inner = np.abs(clips.truth["position"][:, SEEN : SEEN + AHEAD, 0] - 2).max(1) < 1  # far from the walls
    assert inner.any()
    np.testing.assert_allclose(open_loop_error(aside, clips, SEEN, AHEAD)[inner], 3, atol=0.2)


def test_a_model_that_stands_still_strays_ever_farther(clips):
    still = Known(clips.videos, lambda state, steps: np.repeat(clips.videos.read(state, SEEN - 1, SEEN), steps, 1))
    error = open_loop_error(still, clips, SEEN, AHEAD)
    assert 0 < np.median(error[:, 0]) < np.median(error[:, -1])


def test_a_lost_body_counts_as_a_picture_away(clips):
    black = Known(clips.videos, lambda state, steps: np.full((len(state), steps, 64, 64, 1), 26, np.uint8))
    assert (open_loop_error(black, clips, SEEN, AHEAD) == 64).all()


def test_pixel_errors_stand_beside_a_copy_and_the_mean(clips):
    errors = pixel_error(true_future(clips.videos), clips.videos, SEEN, AHEAD, clips=20)
    assert errors.keys() == {"model", "copy", "mean"} and {e.shape for e in errors.values()} == {(20, AHEAD)}
    assert (errors["model"] == 0).all() and errors["copy"].mean() > 1e-3 and errors["mean"].mean() > 1e-3
    still = Known(clips.videos, lambda state, steps: np.repeat(clips.videos.read(state, SEEN - 1, SEEN), steps, 1))
    as_copy = pixel_error(still, clips.videos, SEEN, AHEAD)
    np.testing.assert_array_equal(as_copy["model"], as_copy["copy"])


def test_a_world_models_frames_have_the_clips_form(sizes, ball):
    frames = imagine_frames(WorldModel(sizes), ball.read([0, 1, 2], 0, 6), 4)
    assert frames.shape == (3, 4, 64, 64, 1) and frames.dtype == np.uint8
