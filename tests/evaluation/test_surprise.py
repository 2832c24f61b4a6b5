"""Pairs of clips differ in what was changed and from then on only; surprise is what a loop by hand finds."""

import numpy as np
import pytest
import torch

from worldmodel.evaluation.surprise import (
    AFTER,
    CHANGES,
    DIM,
    FIRST,
    HORIZON,
    JUMP,
    draw_motions,
    expectation,
    ideal_surprise,
    learn_surprise,
    score_changes,
    surprise_clips,
    surprise_reports,
)  # fmt: skip
from worldmodel.model import WorldModel
from worldmodel.physics import draw_gravity
from worldmodel.probing import auroc, track
from worldmodel.settings import generator


@pytest.fixture(scope="module")
def motions():
    return draw_motions(60, generator(0, 1))


def test_g_is_that_of_the_band_and_the_moment_lies_in_flight(motions):
    assert np.array_equal(motions.constants["g"], draw_gravity("train", 60, generator(0, 1)))
    assert motions.at.min() >= FIRST and motions.at.max() < 40 - AFTER
    for clip, at in enumerate(motions.at):
        assert motions.states["contacts"][clip, at - 4 : at + AFTER + 1].sum() == 0


@pytest.mark.parametrize("change", [-0.5, 0.5, 0.1])
def test_g_changes_after_the_moment_by_what_was_asked(motions, change):
    before, after = (track(surprise_clips(motions, by)) / 16 for by in (0.0, change))
    rows = np.arange(60)[:, None]
    assert np.array_equal(before[rows, motions.at[:, None] - [0, 5, 9]], after[rows, motions.at[:, None] - [0, 5, 9]])
    apart = (before - after)[np.arange(60), motions.at + AFTER]
    assert apart[:, 0] == pytest.approx(0, abs=5e-3)
    assert apart[:, 1] == pytest.approx(change * motions.constants["g"] * (AFTER / 20) ** 2 / 2, abs=5e-3)


def test_teleport_moves_and_colour_does_not(motions):
    rows, at = np.arange(60), motions.at
    plain, moved, dim = (surprise_clips(motions, change) for change in (0.0, "teleport", "colour"))
    apart = (track(moved) - track(plain))[rows, at + 1] / 16
    assert np.abs(apart[:, 0]) == pytest.approx(JUMP, abs=5e-3) and apart[:, 1] == pytest.approx(0, abs=5e-3)
    assert np.array_equal(dim[rows, at], plain[rows, at])
    assert np.allclose(dim[rows, at + 1].max((1, 2, 3)), DIM * plain.max(), atol=1)


def test_clips_of_a_pair_share_noise_and_background(motions):
    few = draw_motions(4, generator(0, 2))
    plain, changed = (surprise_clips(few, change, "clutter") for change in (0.0, 0.5))
    assert all(np.array_equal(plain[i, : at + 1], changed[i, : at + 1]) for i, at in enumerate(few.at))


def test_expectation_is_that_of_imagining_from_each_frame(motions, sizes):
    torch.manual_seed(0)
    model, frames = WorldModel(sizes).eval(), surprise_clips(motions)[:3, :16]
    far, rough = expectation(model, frames)
    assert far.shape == rough.shape == (3, 16 - HORIZON)
    with torch.no_grad():
        for start in (0, 5, 9):
            seen = model.observe(frames[:, : start + HORIZON + 1]).points[:, -1]
            expected = model.imagine(model.observe(frames[:, : start + 1]), HORIZON).points[:, -1]
            by_hand = 32 * ((expected - seen) ** 2).mean(-1).sqrt()
            assert far[:, start] == pytest.approx(by_hand.numpy(), rel=1e-3, abs=1e-3)


def test_surprise_of_anybodys_features(motions):
    class Brightness:  # a model that notices nothing else
        features = staticmethod(lambda frames: frames.max((2, 3)).astype(np.float32))

    surprise = learn_surprise(Brightness(), surprise_clips(draw_motions(20, generator(0, 3))))
    scores = score_changes(surprise, motions, changes=(0.5,))
    assert surprise(surprise_clips(motions)).shape == (60, 40)
    assert auroc(scores["ordinary"], scores["colour"]) == 1 and auroc(scores["ordinary"], scores["50"]) == 0.5


def test_ideal_observer_tells_g_and_not_a_jump(motions):
    scores = score_changes(ideal_surprise, motions, changes=(0.25,))
    assert scores["25"].shape == (60, 2) and auroc(scores["ordinary"], scores["25"]) > 0.97
    assert auroc(scores["ordinary"], scores["teleport"]) < 0.65


def test_reports_carry_names_marks_and_limits():
    rng = np.random.default_rng(0)
    known = {f"{100 * by:02.0f}": 10 * by for by in CHANGES}
    scores = {key: rng.standard_normal((50, 2)) + shift for key, shift in known.items()}
    scores |= {"ordinary": rng.standard_normal(50), "teleport": np.full(50, 9.0), "colour": rng.standard_normal(50)}
    rows = {report.name: report for report in surprise_reports([scores | {"seconds": 1.0}] * 2, scores)}
    assert set(rows) >= {f"ball.clean.G.auroc.{key}" for key in ("10", "25", "50", "colour", "teleport")}
    quarter = rows["ball.clean.G.auroc.25"]
    assert quarter.value == pytest.approx(quarter.limit) and quarter.mark == ">= 0.95" and quarter.holds
    assert rows["ball.clean.G.auroc.teleport"].value == 1 and rows["ball.clean.G.auroc.colour"].limit is None
