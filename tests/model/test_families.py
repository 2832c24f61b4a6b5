"""Every family of model behind the one `WorldModel`, and each part against an oracle of its own."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from worldmodel.model import WorldModel, WorldModelConfig, rssm
from worldmodel.model.memory import GruDynamics, KinematicGruDynamics, TransformerDynamics
from worldmodel.model.objectives import Stretch, find_loss, jepa_loss, predict_loss
from worldmodel.model.rssm import UNIMIX, RssmDynamics
from worldmodel.model.sigreg import sigreg
from worldmodel.model.world_model import MEMORIES
from worldmodel.settings import ConfigError

WIDTHS = {"encoder_width": 8, "decoder_width": 8, "dynamics_width": 16}
SIZES = WorldModelConfig(size=16, points=2, anchors=1, vector=2, constants=3, window=4, **WIDTHS)
DYNAMICS = ("evidence", *MEMORIES)
FAMILIES = [
    replace(SIZES, encoder=encoder, dynamics=dynamics, jepa=jepa)
    for encoder, dynamics, jepa in itertools.product(("points", "cnn"), DYNAMICS, (False, True))
]


def name(config):
    return "-".join((config.encoder, config.dynamics, "jepa" if config.jepa else "pixel"))


def frames(clips=3, length=12, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (clips, length, 16, 16, 1), dtype=np.uint8))


def built(config, seed=0):
    torch.manual_seed(seed)
    net = WorldModel(config)
    for parameter in net.dynamics.parameters():  # as after training: nothing stays at its neutral start
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


@pytest.mark.parametrize("config", FAMILIES, ids=name)
def test_observing_in_two_parts_is_observing_at_once(config):
    net, seen = built(config), frames()
    with torch.no_grad():
        whole, first = net.observe(seen), net.observe(seen[:, :7])
        rest = net.observe(seen[:, 7:], before=first)
    torch.testing.assert_close(rest.vector(), whole.vector()[:, 7:], atol=1e-5, rtol=1e-4)
    assert whole.vector().shape[-1] == net.feature_size


@pytest.mark.parametrize("config", FAMILIES, ids=name)
def test_no_memory_knows_the_future(config):
    net, seen, other = built(config), frames(), frames()
    other[:, 8:] = frames(seed=1)[:, 8:]
    with torch.no_grad():
        one, two = net.observe(seen).vector(), net.observe(other).vector()
    torch.testing.assert_close(one[:, :8], two[:, :8])
    assert not torch.allclose(one[:, 8:], two[:, 8:])


@pytest.mark.parametrize("actions", [0, 2])
@pytest.mark.parametrize("config", [config for config in FAMILIES if not config.jepa], ids=name)
def test_imagining_in_two_parts_is_imagining_at_once_and_actions_matter(config, actions):
    net, rng = built(replace(config, actions=actions)), torch.Generator().manual_seed(1)
    given = torch.randn(3, 12, actions, generator=rng) if actions else None
    with torch.no_grad():
        state = net.observe(frames(), given)
        todo = torch.randn(3, 6, actions, generator=rng) if actions else 6
        path = net.imagine(state, todo)
        half = net.imagine(state, todo[:, :3] if actions else 3)
        rest = net.imagine(half, todo[:, 3:] if actions else 3)
        torch.testing.assert_close(rest.vector(), path.vector()[:, 3:])
        assert net.decode(path).shape == (3, 6, 16, 16, 1)
        if actions:
            assert not torch.allclose(net.imagine(state, todo + 1).points, path.points)


@pytest.mark.parametrize("config", FAMILIES, ids=name)
def test_every_part_of_a_family_learns(config):
    torch.manual_seed(0)
    net, seen = WorldModel(config).train(), frames()
    given = Stretch(seen, seen[:, -1:])
    find = jepa_loss(net, given) if config.jepa else find_loss(net, given, 0.3)
    points, appearance = net.encode(seen)
    starts = torch.tensor([[2, 4]] * 3)
    predict = predict_loss(net, {"points": points.detach(), "appearance": appearance.detach()}, starts, starts, 5)
    (find["loss"] + predict["loss"]).backward()
    silent = [key for key, value in net.named_parameters() if value.grad is None]
    assert not silent, silent


def test_a_jepa_learns_nothing_from_its_painter():
    config = replace(SIZES, jepa=True)
    torch.manual_seed(0)
    net, seen = WorldModel(config), frames()
    losses, weights = jepa_loss(net, Stretch(seen, seen[:, -1:])), list(net.encoder.parameters())
    for name, learns in (("reconstruction", False), ("foretold", True), ("sigreg", True)):
        grads = torch.autograd.grad(losses[name], weights, allow_unused=True, retain_graph=True)
        assert any(grad is not None for grad in grads) == learns, name


@pytest.mark.parametrize("change", [{"encoder": "vit"}, {"dynamics": "lstm"}], ids=str)
def test_families_that_are_not_there_are_refused(change):
    with pytest.raises(ConfigError, match="one of"):
        replace(SIZES, **change)


def test_the_gru_is_torchs():
    torch.manual_seed(0)
    ours, theirs = GruDynamics(4, 2, 16), torch.nn.GRU(6, 16, batch_first=True)
    for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(theirs, f"{key}_l0").data = getattr(ours.cell, key).data
    points, actions = torch.randn(5, 9, 4), torch.randn(5, 9, 2)
    torch.testing.assert_close(ours.observe(points, actions), theirs(torch.cat([points, actions], -1))[0])


def test_the_transformer_is_torchs_over_each_window():
    torch.manual_seed(0)
    net = TransformerDynamics(4, 0, 32, window=5)  # half as wide within
    points = torch.randn(3, 9, 4)
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True, norm_first=True)
    layers = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    layers.load_state_dict(net.layers.state_dict())
    out = layers(net.embed(points[:, 3:8]) + net.place)[:, -1]
    torch.testing.assert_close(net.observe(points)[:, 7, -16:], out)


def test_an_untrained_kinematic_gru_coasts():
    torch.manual_seed(0)
    net = KinematicGruDynamics(4, 0, 16)
    points = torch.randn(3, 1, 4) + torch.randn(3, 1, 4) * torch.arange(6.0)[:, None]
    memory = net.observe(points)[:, -1]
    after, memory = net(points[:, -1], memory)
    torch.testing.assert_close(after, 2 * points[:, -1] - points[:, -2])
    torch.testing.assert_close(net(after, memory)[0], 3 * points[:, -1] - 2 * points[:, -2])


def test_the_kl_of_the_rssm_is_the_closed_form():
    torch.manual_seed(0)
    net = RssmDynamics(4, 0, 16, groups=3, classes=5)
    p, q = torch.randn(2, 7, 3 * 5, dtype=torch.float64)
    p_, q_ = ((1 - UNIMIX) * F.softmax(x.view(7, 3, 5), -1) + UNIMIX / 5 for x in (p, q))
    expected = (p_ * (p_.log() - q_.log())).sum((-2, -1))
    torch.testing.assert_close(net.divergence(p, q), expected)


def test_each_side_of_the_kl_has_its_share_and_free_nats_let_the_prior_rest(monkeypatch):
    def pull(far, share):
        """On the prior's last bias, where squared errors count for nothing."""
        torch.manual_seed(0)
        net, points = RssmDynamics(4, 0, 16), torch.randn(8, 6, 4)
        torch.nn.init.normal_(net.prior[-1].weight, std=far)
        torch.nn.init.normal_(net.posterior[-1].weight, std=1e-6)
        monkeypatch.setattr(rssm, "PRIOR_SHARE", share)
        losses = net.losses(points, None, 0.0)
        losses["loss"].backward()
        assert losses["kl"] >= 1.0
        return net.prior[-1].bias.grad

    assert pull(8.0, 1.0).abs().max() > 1e-3
    torch.testing.assert_close(pull(8.0, 3.0), 3 * pull(8.0, 1.0))
    assert (pull(8.0, 0.0) == 0).all()  # the posterior's share is not the prior's
    assert (pull(1e-6, 1.0) == 0).all()


def closed_form(z, directions):
    """The window's integral of |phi - exp(-t^2/2)|^2 over [0, 3] by quadrature in float64."""
    t = np.linspace(0, 3, 17)
    angle = (z @ directions)[..., None] * t
    away = (np.cos(angle).mean(0) - np.exp(-(t**2) / 2)) ** 2 + np.sin(angle).mean(0) ** 2
    return np.trapezoid(away * np.exp(-(t**2) / 2), t).mean()


def test_sigreg_is_the_epps_pulley_distance():
    z = torch.randn(32, 3, 6, generator=torch.Generator().manual_seed(1))
    ours = sigreg(z, torch.Generator().manual_seed(7))
    directions = torch.randn(6, 1024, generator=torch.Generator().manual_seed(7)).double().numpy()
    directions /= np.linalg.norm(directions, axis=0)
    assert ours.item() == pytest.approx(closed_form(z.double().numpy(), directions), rel=1e-4)


def test_sigreg_of_a_collapsed_batch_is_the_integral_itself():
    """All latents the same: the characteristic function is exp(iwt), and at 0 it is 1 for every t."""
    found = sigreg(torch.zeros(64, 2, 8)).item()
    t = np.linspace(0, 3, 20001)
    assert found == pytest.approx(np.trapezoid((1 - np.exp(-(t**2) / 2)) ** 2 * np.exp(-(t**2) / 2), t), rel=2e-3)


def test_sigreg_tells_the_normal_from_all_else_and_its_weight_does_not_move_with_the_batch():
    torch.manual_seed(0)
    draw = {n: torch.randn(n, 1, 8) for n in (128, 1024)}
    assert sigreg(draw[1024]) < 4e-3
    for change in (lambda z: 0 * z, lambda z: 0.3 * z, lambda z: 3 * z, lambda z: z + 1, lambda z: z[..., :1].expand(-1, -1, 8)):
        small, large = (sigreg(change(z)).item() for z in draw.values())
        assert large > 10 * sigreg(draw[1024]).item()
        assert small == pytest.approx(large, rel=0.25)
    assert math.isclose(sigreg(draw[128]).item(), 8 * sigreg(draw[1024]).item(), rel_tol=0.5)  # what is left is sampling
