"""The recurrent state-space model of the Dreamers (Hafner et al. 2019, 2023), over points in place of a picture's features.

A deterministic path h and a stochastic state s; a posterior sees the points, a prior does not, and both are kept near.
"""

from __future__ import annotations

import torch
from torch import nn

from .memory import join
from .ranks import whole

FREE_NATS = 1.0  # below this the two count as near enough
PRIOR_SHARE, POSTERIOR_SHARE = 1.0, 0.1  # KL balance of DreamerV3: the prior is to move to the posterior, hardly the reverse
UNIMIX = 0.01  # share of uniform noise in a categorical, so that its KL stays finite


class RssmDynamics(nn.Module):
    """Memory: h and s in one; s is `groups` categoricals of `classes` each, as in DreamerV3."""

    def __init__(self, latents: int, actions: int, width: int, window: int = 0, groups: int = 16, classes: int = 8):
        super().__init__()
        self.width, self.groups, self.classes = width, groups, classes
        self.stochastic = groups * classes
        self.size = width + self.stochastic
        self.cell = nn.GRUCell(self.stochastic + actions, width)
        self.prior = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, self.stochastic))
        self.posterior = nn.Sequential(nn.Linear(width + latents, width), nn.SiLU(), nn.Linear(width, self.stochastic))
        self.head = nn.Sequential(nn.Linear(self.size, width), nn.SiLU(), nn.Linear(width, latents))

    def observe(self, points, actions=None, before=None):
        """As `GruDynamics.observe`."""
        return self._posteriors(points, actions, before)[0]

    def forward(self, points, memory, action=None):
        """As `GruDynamics.forward`: the prior alone, its mode outside of training."""
        h = self._carry(memory, action)
        memory = torch.cat([h, self._draw(self.prior(h))], -1)
        return self.head(memory), memory

    def losses(self, points, actions, scale: float) -> dict[str, torch.Tensor]:
        """The variational bound of clips (B, T, D): squared error of the points, ``scale`` to a picture's half, and the KLs."""
        memory, priors, posteriors = self._posteriors(points, actions, None)
        error = whole(((self.head(memory) - points) * scale).square().sum(-1)).mean()
        dynamic = whole(self.divergence(posteriors.detach(), priors)).mean().clamp(min=FREE_NATS)
        representation = whole(self.divergence(posteriors, priors.detach())).mean().clamp(min=FREE_NATS)
        kl = PRIOR_SHARE * dynamic + POSTERIOR_SHARE * representation
        return {"loss": error + kl, "reconstruction": error, "kl": dynamic}

    def divergence(self, posterior, prior) -> torch.Tensor:
        """KL(posterior || prior) of their parameters (..., P), summed over the groups: (...)."""
        return torch.distributions.kl_divergence(self.distribution(posterior), self.distribution(prior))

    def distribution(self, parameters) -> torch.distributions.Distribution:
        p = torch.softmax(parameters.unflatten(-1, (self.groups, self.classes)), -1)
        one = torch.distributions.OneHotCategoricalStraightThrough(probs=(1 - UNIMIX) * p + UNIMIX / self.classes)
        return torch.distributions.Independent(one, 1)

    def _posteriors(self, points, actions, before):
        memory = points.new_zeros(len(points), self.size) if before is None else before
        memories, priors, posteriors = [], [], []
        for t in range(points.shape[1]):
            h = self._carry(memory, None if actions is None else actions[:, t])
            priors.append(self.prior(h))
            posteriors.append(self.posterior(torch.cat([h, points[:, t]], -1)))
            memory = torch.cat([h, self._draw(posteriors[-1])], -1)
            memories.append(memory)
        return tuple(torch.stack(values, 1) for values in (memories, priors, posteriors))

    def _carry(self, memory, action):
        h, s = memory.split([self.width, self.stochastic], -1)
        return self.cell(join(s, action), h)

    def _draw(self, parameters):
        of = self.distribution(parameters)
        return (of.rsample() if self.training else of.mode).flatten(-2)
