"""On a GPU: what is learned there is seen, dreamt and acted on as on a CPU. All skip, and say so, on a machine without one."""

from dataclasses import replace
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch

from worldmodel import control, training
from worldmodel.control import DreamEnv, Observed, PhysicsEnv, PlanConfig, Planner, SingleView
from worldmodel.model import Belief
from worldmodel.settings import choose_device
from worldmodel.videos import Film, film
from worldmodel.workbook.latent_actions import run_latent_actions
from worldmodel.workbook.tasks import TASKS, Task

loop = import_module("worldmodel.training.loop")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")


@pytest.fixture(scope="module", autouse=True)
def asked_for():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORLDMODEL_DEVICE", "cuda")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gpu")


@pytest.fixture(scope="module")
def model(lander, tiny_fit, sizes, folder):
    return training.fit(lander, tiny_fit, sizes, folder / "model", progress=False).requires_grad_(False)


@pytest.fixture(scope="module")
def log(model, lander):
    return training.encode_all(model, lander)


def test_a_model_learns_there_and_is_opened_anywhere(model, folder):
    assert choose_device() == "cuda" and model.device.type == "cuda"
    opened = training.load(folder / "model")
    assert opened.device.type == "cpu"
    for name, value in model.state_dict().items():
        torch.testing.assert_close(opened.state_dict()[name], value.cpu(), rtol=0, atol=0)


def test_a_run_goes_on_where_it_was_stopped(lander, tiny_fit, sizes, folder, model, monkeypatch):
    step, stopped = loop._Run.predict_step, []

    def once(run, number, share):
        if number == tiny_fit.find_steps + 3 and not stopped:
            stopped.append(number)
            raise KeyboardInterrupt
        return step(run, number, share)

    monkeypatch.setattr(loop._Run, "predict_step", once)
    with pytest.raises(KeyboardInterrupt):
        training.fit(lander, tiny_fit, sizes, folder / "stopped", progress=False)
    again = training.fit(lander, tiny_fit, sizes, folder / "stopped", progress=False)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=1e-2, atol=1e-3)


def test_both_devices_see_foretell_and_paint_the_same(model, lander, folder):
    other, px = training.load(folder / "model"), model.config.size / 2
    frames, actions = lander.frames, lander.actions
    here, there = (one.observe(frames[:, :12], actions[:, :12]) for one in (other, model))
    assert px * (here.points - there.points.cpu()).abs().max() < 0.01
    ahead = [one.imagine(state[:, -1:], actions[:, 12:]) for one, state in ((other, here), (model, there))]
    torch.testing.assert_close(ahead[1].vector().cpu(), ahead[0].vector(), rtol=1e-3, atol=2e-3)
    painted = [one.decode(path).cpu().float() for one, path in ((other, ahead[0]), (model, ahead[1]))]
    assert (painted[0] - painted[1]).abs().max() <= 2


def test_what_was_saved_on_a_cpu_is_imagined_under(model, lander, tmp_path):
    state = model.observe(lander.frames[:3], lander.actions[:3])
    state.belief[:, -1].save(tmp_path / "belief.npz")
    dreams = [model.imagine(state, np.zeros((3, 5, 2)), belief) for belief in (None, Belief.load(tmp_path / "belief.npz"))]
    torch.testing.assert_close(dreams[0].points, dreams[1].points)


def test_policies_learn_in_dreams_there_and_act_in_the_world(model, log, folder):
    dreams = DreamEnv(model, log, 16, ensemble=control.fit_ensemble(model, log, steps=5, progress=False), blur=1.0, unsure=0.5)
    config = replace(control.QUICK, updates=2)
    policies = {"dream": control.learn_to_act(dreams, config, progress=False)[0]}
    policies["clone"] = control.clone(model, log, steps=5, batch=64, progress=False)
    policies["evolved"] = control.evolve(dreams, 2, progress=False)[0]
    outcomes = control.compare(model, policies, "train", 4, 0, "lander")
    assert all(np.isfinite(outcomes[name].returns).all() for name in policies)
    control.save_policy(policies["dream"], folder / "policy")
    seen = np.zeros((4, model.feature_size), np.float32)
    there = control.load_policy(folder / "policy").act(seen)
    np.testing.assert_allclose(policies["dream"].act(seen), there, rtol=1e-3, atol=1e-4)
    beside = control.side_by_side(model, DreamEnv(model, log, 4), policies["dream"].act, PhysicsEnv(num_envs=4), 0)
    assert all(isinstance(values, np.ndarray) for values in beside.values())


def test_a_planner_plans_there(model):
    env = Observed(PhysicsEnv(num_envs=2), model)
    env.reset(seed=0)
    planner = Planner(partial(control.foresee, model), 2, PlanConfig(samples=16, elites=4, kept=1, iterations=2, horizon=4))
    for _ in range(3):
        env.step(planner.act(env.state, 2).numpy())
    assert env.state.points.device.type == "cuda"


def test_a_dream_there_is_a_plain_environment_to_others(model, log):
    single = SingleView(DreamEnv(model, log))
    assert single.observation_space.contains(single.reset(seed=0)[0])
    observation, reward, *_, info = single.step(np.zeros(2))
    assert single.observation_space.contains(observation) and type(reward) is float
    assert all(isinstance(value, (np.ndarray, np.generic)) for value in info.values())


def test_a_whole_seed_with_actions_that_nobody_labelled(tiny_scale, folder, monkeypatch):
    monkeypatch.setitem(TASKS, "lander", Task("lander", 40, 24, priced=True))
    monkeypatch.setattr(training, "LatentActionConfig", partial(training.LatentActionConfig, steps=20))
    found = run_latent_actions("lander", 0, tiny_scale, folder / "data", folder / "runs", False)
    assert all(isinstance(values, np.ndarray) for values in found.values())


def test_features_for_a_probe_are_the_same_numbers(tiny_fit, sizes, folder):
    videos = film(Film("ball", 30, 12), folder / "ball", progress=False)
    model = training.fit(videos, tiny_fit, sizes, folder / "ball-model", progress=False)
    here = training.load(folder / "ball-model").features(videos.frames)
    np.testing.assert_allclose(model.features(videos.frames), here, rtol=1e-2, atol=5e-3)
