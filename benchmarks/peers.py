"""Two peers at their published sizes, for comparing the cost of a step of training: only shapes and operations matter here.

`LeWorldModel`: a ViT-tiny encoder, projectors with batch norm, a predictor of six wide-headed transformer blocks with adaptive
layer norm, squared error of the next embedding and SIGReg over 1,024 projections and 17 knots (Maes et al. 2026); 17.9 M
weights at 64 x 64 with patches of 8. `Rssm`: DreamerV3's world model at size 1M (Hafner et al. 2023): a convolutional encoder
and decoder, a recurrent state of 512 in eight blocks, 32 latents of 4 classes, KL balance and free nats.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from worldmodel.model.sigreg import sigreg


class Block(nn.Module):
    """A transformer block; with ``conditioned``, scaled, shifted and gated by an action's embedding."""

    def __init__(self, width, heads, head_width, hidden, conditioned=False):
        super().__init__()
        self.heads, inner = heads, heads * head_width
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=not conditioned) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * inner), nn.Linear(inner, width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.modulate = nn.Linear(width, 6 * width) if conditioned else None

    def forward(self, x, condition=None):
        one = [0, 0, 1, 0, 0, 1] if condition is None else self.modulate(F.silu(condition)).chunk(6, -1)
        q, k, v = self.qkv(self.norms[0](x) * (1 + one[0]) + one[1]).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=condition is not None)
        x = x + one[2] * self.out(seen.transpose(1, 2).flatten(2))
        return x + one[5] * self.mlp(self.norms[1](x) * (1 + one[3]) + one[4])


def projector(width, hidden):
    return nn.Sequential(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.GELU(), nn.Linear(hidden, width))


class LeWorldModel(nn.Module):
    def __init__(self, size=64, patch=8, width=192, actions=2):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, (size // patch) ** 2 + 1, width))
        self.encoder = nn.Sequential(*(Block(width, 3, 64, 4 * width) for _ in range(12)), nn.LayerNorm(width))
        self.action = nn.Sequential(nn.Linear(actions, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        self.predictor = nn.ModuleList(Block(width, 16, 64, 2048, True) for _ in range(6))
        self.project, self.foretell = projector(width, 2048), projector(width, 2048)

    def loss(self, frames, actions):
        """frames (B, T, 3, H, W), actions (B, T, A)."""
        b, t = frames.shape[:2]
        x = self.patches(frames.flatten(0, 1)).flatten(2).transpose(1, 2)
        x = self.encoder(torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places)[:, 0]
        z = self.project(x).unflatten(0, (b, t))
        h, condition = z[:, :-1], self.action(actions[:, :-1])
        for block in self.predictor:
            h = block(h, condition)
        guess = self.foretell(h.flatten(0, 1)).unflatten(0, (b, t - 1))
        return F.mse_loss(guess, z[:, 1:]) + 0.1 * len(z) * sigreg(z)


class Rssm(nn.Module):
    def __init__(self, deter=512, hidden=64, stoch=32, classes=4, depth=4, units=64, blocks=8, actions=2):
        super().__init__()
        self.deter, self.stoch, self.classes, self.blocks = deter, stoch, classes, blocks
        widths = [depth * m for m in (2, 3, 4, 4)]
        self.encoder = nn.Sequential(*(layer for i, w in enumerate(widths) for layer in (
            nn.Conv2d(([3] + widths)[i], w, 5, 2, 2), nn.GroupNorm(1, w), nn.SiLU())))  # fmt: skip
        flat, latent = 16 * widths[-1], stoch * classes
        norm = lambda n, out: nn.Sequential(nn.Linear(n, out), nn.RMSNorm(out), nn.SiLU())  # noqa: E731
        self.inputs = nn.ModuleList(norm(n, hidden) for n in (deter, latent, actions))
        self.mix = nn.Parameter(0.05 * torch.randn(blocks, 3 * hidden + deter // blocks, deter // blocks))
        self.gates = nn.Parameter(0.05 * torch.randn(blocks, deter // blocks, 3 * deter // blocks))
        self.prior = nn.Sequential(norm(deter, hidden), norm(hidden, hidden), nn.Linear(hidden, latent))
        self.posterior = nn.Sequential(norm(deter + flat, hidden), nn.Linear(hidden, latent))
        self.unflat = nn.Linear(deter + latent, flat)
        back = [*widths[::-1][1:], 3]
        self.decoder = nn.Sequential(*(layer for i, w in enumerate(back) for layer in (
            nn.Upsample(scale_factor=2), nn.Conv2d(([widths[-1]] + back)[i], w, 5, 1, 2), *(
                (nn.GroupNorm(1, w), nn.SiLU()) if i < 3 else (nn.Sigmoid(),)))))  # fmt: skip
        self.reward = nn.Sequential(norm(deter + latent, units), nn.Linear(units, 255))
        self.end = nn.Sequential(norm(deter + latent, units), nn.Linear(units, 1))

    def step(self, h, z, action):
        x = torch.cat([layer(value) for layer, value in zip(self.inputs, (h, z, action))], -1)
        x = torch.cat([x.unsqueeze(1).expand(-1, self.blocks, -1), h.unflatten(-1, (self.blocks, -1))], -1)
        x = F.silu(torch.einsum("bki,kio->bko", x, self.mix))
        reset, new, update = torch.einsum("bki,kio->bko", x, self.gates).chunk(3, -1)
        update = torch.sigmoid(update - 1).flatten(1)
        return update * torch.tanh(torch.sigmoid(reset) * new).flatten(1) + (1 - update) * h

    def loss(self, frames, actions):
        b, t = frames.shape[:2]
        seen = self.encoder(frames.flatten(0, 1)).flatten(1).unflatten(0, (b, t))
        h, z, hs, zs, posts = frames.new_zeros(b, self.deter), frames.new_zeros(b, self.stoch * self.classes), [], [], []
        for i in range(t):
            h = self.step(h, z, actions[:, i])
            post = self._distribution(self.posterior(torch.cat([h, seen[:, i]], -1)))
            pick = F.one_hot(torch.multinomial(post.detach().flatten(0, 1), 1)[:, 0], self.classes).unflatten(0, (b, -1))
            z = (pick + post - post.detach()).flatten(1)
            hs.append(h), zs.append(z), posts.append(post)
        h, z, post = torch.stack(hs, 1), torch.stack(zs, 1), torch.stack(posts, 1)
        prior = self._distribution(self.prior(h))
        kl = lambda p, q: (p * (p.log() - q.log())).sum((-2, -1)).clamp(min=1.0).mean()  # noqa: E731
        state = torch.cat([h, z], -1)
        painted = self.decoder(self.unflat(state).flatten(0, 1).unflatten(-1, (-1, 4, 4)))
        heads = self.reward(state).logsumexp(-1).mean() + F.softplus(self.end(state)).mean()
        picture = ((painted - frames.flatten(0, 1)) ** 2).sum((1, 2, 3)).mean()
        return picture + kl(post.detach(), prior) + 0.1 * kl(post, prior.detach()) + heads

    def _distribution(self, logits):
        p = torch.softmax(logits.float().unflatten(-1, (self.stoch, self.classes)), -1)
        return 0.99 * p + 0.01 / self.classes
