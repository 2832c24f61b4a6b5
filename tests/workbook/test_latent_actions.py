"""Actions nobody labelled, end to end at a tiny size: every row, with no look at a label but those of the bound steps."""

from functools import partial

import numpy as np
import pytest

from worldmodel import training
from worldmodel.workbook.latent_actions import LABELS, bindings_of, latent_actions_reports, run_latent_actions, steps_of
from worldmodel.workbook.tasks import TASKS, Task


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("latent")


@pytest.fixture(scope="module", autouse=True)
def small(widths, brief):
    brief.setitem(TASKS, "catcher", Task("catcher", 40, 24, sizes=widths))
    brief.setattr(training, "LatentActionConfig", partial(training.LatentActionConfig, steps=20))


@pytest.fixture(scope="module")
def found(folder, small, tiny_scale):
    return [run_latent_actions("catcher", seed, tiny_scale, folder / "data", folder, False) for seed in range(2)]


def test_there_is_a_row_for_each_thing_told_and_each_way_to_act(found):
    rows = {row.name.removeprefix("catcher.latent_actions."): row for row in latent_actions_reports("catcher", found, "tiny")}
    acts = [f"{what}.{band}.{how}" for what in ("return_ratio", "success") for band in ("in", "beyond")
            for how in ("given", "n10", "n30", "n100", "shuffled")]  # fmt: skip
    assert {"r2", "r2.shuffled", "r2.acceleration", "r2.surprise", "one_way.0", "push.0.code4", *acts} <= set(rows)
    assert all(row.seeds == 2 and np.isfinite(row.value) for name, row in rows.items() if not name.startswith("push"))


def test_a_second_call_does_nothing_again(found, folder, tiny_scale, monkeypatch):
    monkeypatch.setattr(training, "infer_actions", lambda *_: pytest.fail("inferred again"))
    again = run_latent_actions("catcher", 0, tiny_scale, folder / "data", folder, False)
    assert all(np.array_equal(again[key], found[0][key]) for key in again)


def test_a_task_without_a_price_on_doubt_has_the_priced_policy_as_control_on_a_few_seeds(found, folder):
    first, second = (set(np.load(folder / f"catcher-{seed}.npz").files) for seed in range(2))  # of these, one is few
    assert {"train.penalised.return", "penalised.gap.dream"} <= first
    assert not any("penalised" in key for key in second) and not any("unpenalised" in key for key in first)


def test_bindings_hang_on_no_more_labels_than_they_are_said_to():
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (30, 20, 1)).astype(np.float32)
    inferred = training.LatentActions(-0.5 * actions + 0.1, np.ones((30, 20), bool), *[None] * 4)
    used = {name: binding.weights for name, binding in bindings_of(inferred, actions, 0, 20).items()}
    assert all(abs(used[f"n{count}"].item() + 0.5) < 1e-5 for count in LABELS)
    assert used["shuffled"].shape == (20, 1, 1) and abs(used["shuffled"].mean()) < 0.05 and np.ptp(used["shuffled"]) > 0.05
    hidden = np.full_like(actions, np.nan)  # every label but the hundred that may be used
    drawn = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(17,))).permutation(np.argwhere(inferred.told))[:100]
    hidden[tuple(drawn.T)] = actions[tuple(drawn.T)]
    again = bindings_of(inferred, hidden, 0, 20)
    assert all(np.array_equal(again[name].weights, used[name]) for name in used)


def test_codes_are_turned_the_way_the_body_moves():
    told = np.ones((4, 6), bool)
    told[:, :2] = False
    code = np.random.default_rng(0).integers(0, 5, (4, 6, 1))
    change = np.concatenate([np.zeros((4, 6, 1)), 2.0 - code], -1)
    turned, along = steps_of({"told": told, "code": code, "change": change + 1e-3 * np.arange(24).reshape(4, 6, 1)}, 0)
    assert (turned[~told] == -1).all() and np.corrcoef(turned[told], along[told])[0, 1] > 0.99
