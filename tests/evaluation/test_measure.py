"""The benchmark on models whose knowledge is known: the table, the card, the command."""

import json
from importlib import import_module

import numpy as np
import pytest

from worldmodel.__main__ import main
from worldmodel.evaluation.foreign import oracle_tracker, pixel_pca
from worldmodel.evaluation.measure import measure, side_by_side, write_card
from worldmodel.evaluation.protocol import FRAMES
from worldmodel.model import WorldModel
from worldmodel.probing import Report
from worldmodel.settings import ConfigError

SHARE = 0.05


@pytest.fixture(autouse=True, scope="module")
def few_draws():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("worldmodel.evaluation.reports"), "DRAWS", 50)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def measured(root, few_draws):
    models = {"oracle_tracker": oracle_tracker, "pixel_pca": pixel_pca}
    return [measure(model(), name, root=root, share=SHARE) for name, model in models.items()]


def rows(one):
    return {report.name.removeprefix("ball.clean."): report for report in one.reports}


def test_who_knows_g_is_told_from_who_does_not(measured):
    tracker, pixels = map(rows, measured)
    assert tracker["A.r2.k20"].holds and tracker["A.relerr.beyond.k20"].holds and tracker["B.ahead_of_pixels"].holds
    assert tracker["B.r2.first"].value < 0.1 and tracker["B.selectivity"].value > 0.5
    assert pixels["A.r2.k20"].value < 0.6 and not pixels["A.r2.k20"].holds
    assert {"B.r2.alone", "B.r2.shuffled", "B.r2.shuffled_frames", "B.r2.pixels", "A.r2_restitution.k32"} <= tracker.keys()
    assert "rollout.error_px.h10" not in tracker  # it does not dream


def test_every_probe_says_its_clips_features_and_strength(measured):
    probes = measured[1].probes
    assert {f"{constant}.k{k}" for constant in ("g", "restitution", "radius") for k in FRAMES} < probes.keys()
    assert probes["g.k20"]["n"] == 100 and probes["g.k20"]["features"] == 8 * 64 and probes["g.k20"]["strength"] > 0
    assert {"shuffled", "shuffled_frames", "alone", "cells", "pixels"} < probes.keys()


def test_the_same_seed_gives_the_same_rows(measured, root):
    again = measure(pixel_pca(), "pixel_pca", root=root, share=SHARE)
    plain = lambda one: [report.row() | {"seconds": 0} for report in one.reports]
    assert plain(again) == plain(measured[1]) and again.probes == measured[1].probes and again.data == measured[1].data


def test_the_card_holds_all_that_a_reader_needs(measured, tmp_path):
    card = json.loads(write_card(measured, tmp_path / "card.json", device="this").read_text())
    assert card["protocol"] == "1" and card["share"] == SHARE and card["seed"] == 0 and card["run"] == {"device": "this"}
    assert card["data"].keys() == {"train", "validation", "test", "earth", "beyond"} and len(set(card["data"].values())) == 5
    assert [model["name"] for model in card["models"]] == ["oracle_tracker", "pixel_pca"]
    assert [Report.from_row(row) for row in card["models"][0]["rows"]] == measured[0].reports


def test_the_table_has_a_column_a_model_and_gaps_where_one_has_no_row(measured, root, sizes):
    ours = measure(WorldModel(sizes).eval(), "ours", root=root, share=SHARE)
    lines = side_by_side([*measured, ours]).splitlines()
    assert lines[0].split() == ["oracle_tracker", "pixel_pca", "ours"]
    assert len(next(line for line in lines if "rollout" in line).split()) == 4  # name, value, low, high of ours alone
    assert any("ridge g.k20" in line and "100 x 512" in line for line in lines)


def test_a_share_that_is_none_is_refused(root):
    with pytest.raises(ConfigError, match="share is 1.5"):
        measure(oracle_tracker(), "x", root=root, share=1.5)


def test_the_command_measures_anybodys_model(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "middling.py").write_text(
        "class Mean:\n    def features(self, frames): return frames.mean((2, 3))\n"
        "class Ahead:\n    def features(self, frames): return frames[:, ::-1].mean((2, 3))\n"
    )
    common = ["--share", str(SHARE), "--root", str(root)]
    main(["measure", "middling:Mean", "--card", "card.json", *common])
    assert "A.r2.k20" in capsys.readouterr().out
    (model,) = json.loads((tmp_path / "card.json").read_text())["models"]
    assert model["name"] == "middling:Mean" and model["probes"]["g.k20"]["features"] == 1
    for place, says in (("middling:Ahead", "look ahead"), ("middling:None", "no attribute"), ("nowhere", "nowhere")):
        with pytest.raises(SystemExit) as stop:
            main(["measure", place, *common])
        error = capsys.readouterr().err.strip()
        assert stop.value.code == 2 and says in error.splitlines()[-1] and "Traceback" not in error


def test_features_that_break_late_are_refused_too(root):
    def features(frames):
        found = frames.mean((2, 3)).astype(float)
        found[:, 0] = np.nan if len(frames) > 3 else 0.0  # the check's few clips look well
        return found

    late = type("Late", (), {"features": staticmethod(features)})()
    with pytest.raises(ConfigError, match="late: features hold .* not finite"):
        measure(late, "late", root=root, share=SHARE)
