"""Planners: try out many sequences of actions in imagination, keep what did well, look again around it.

CEM (Rubinstein 1999), iCEM (Pinneri et al. 2020: coloured noise, elites kept, the best sequence acted on) and MPPI (Williams et
al. 2017) behind one interface. They know nothing of a model: a ``foresee`` says what sequences from a state would earn.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch

from ..settings import ConfigError, check_config

METHODS = ("cem", "icem", "mppi")


@dataclass(frozen=True)
class PlanConfig:
    """How to plan."""

    method: str = "cem"  # or icem, mppi
    samples: int = 300  # sequences tried out in an iteration
    horizon: int = 12  # actions in a sequence
    iterations: int = 5
    elites: int = 30  # sequences that the next iteration is drawn around; of cem and icem
    kept: int = 5  # elites that are tried again; of icem
    colour: float = 2.0  # exponent of the noise's spectrum, 0 is white: neighbours in time alike; of icem
    temperature: float = 0.2  # difference of returns that makes a sequence e times as weighty; of mppi
    spread: float = 0.7  # of the first iteration's actions
    workers: int = 1  # threads that share the samples: on a CPU, with torch on one thread, as many as cores
    seed: int = 0

    def __post_init__(self):
        check_config(self, samples=(2, 1e6), horizon=(1, 1000), iterations=(1, 1000), elites=(2, self.samples), seed=(0, 2**31))
        check_config(self, kept=(0, self.elites), colour=(0, 10), temperature=(1e-9, 1e9), spread=(1e-6, 10))
        check_config(self, workers=(1, self.samples))
        if self.method not in METHODS:
            raise ConfigError(f"PlanConfig.method is {self.method!r}; there are {', '.join(METHODS)}")


class Planner:
    """Acts on the first action of its plan, and begins the next plan with the rest of it.

    Args:
        foresee: (state, actions (B, S, H, A)) -> what each sequence would earn (B, S).
        actions: numbers in an action; each lies in [-1, 1].
    """

    def __init__(self, foresee: Callable, actions: int, config: PlanConfig = PlanConfig()):
        self.foresee, self.actions, self.config = foresee, actions, config
        self.generator, self.plan = torch.Generator().manual_seed(config.seed), None
        self.workers = ThreadPoolExecutor(config.workers)

    def reset(self) -> None:
        """Forget the last plan: another episode begins."""
        self.plan = None

    @torch.inference_mode()
    def act(self, state, batch: int = 1) -> torch.Tensor:
        """The actions (B, A) to take in ``state``, which describes a batch of B worlds."""
        c, shape = self.config, (batch, self.config.horizon, self.actions)
        mean = torch.zeros(shape) if self.plan is None else torch.cat([self.plan[:, 1:], self.plan[:, -1:]], 1)
        spread, elites, best, most = torch.full(shape, c.spread), None, mean, torch.full((batch,), -torch.inf)
        for _ in range(c.iterations):
            tried = (mean.unsqueeze(1) + spread.unsqueeze(1) * self._noise(batch)).clamp(-1, 1)
            if c.method == "icem" and elites is not None:
                tried[:, : c.kept] = elites[:, : c.kept]
            earned = torch.cat(list(self.workers.map(partial(self.foresee, state), tried.chunk(c.workers, 1))), 1)
            if c.method == "mppi":
                weight = torch.softmax(earned / c.temperature, 1)[:, :, None, None]
                mean = (weight * tried).sum(1)
                continue
            values, which = earned.topk(c.elites, 1)
            elites = tried.gather(1, which[:, :, None, None].expand(-1, -1, *shape[1:]))
            mean, spread = elites.mean(1), elites.std(1) + 1e-3
            better = values[:, 0] > most
            best, most = torch.where(better[:, None, None], elites[:, 0], best), torch.where(better, values[:, 0], most)
        self.plan = best if c.method == "icem" else mean
        return self.plan[:, 0]

    def _noise(self, batch: int) -> torch.Tensor:
        """Standard normal (B, S, H, A), white or, for icem, with a spectrum that falls with the frequency."""
        c = self.config
        white = torch.randn(batch, c.samples, self.actions, c.horizon, generator=self.generator)
        if c.method != "icem":
            return white.transpose(2, 3)
        wave = torch.arange(c.horizon // 2 + 1).clamp(min=1) ** (-c.colour / 2)
        coloured = torch.fft.irfft(torch.fft.rfft(white) * wave, c.horizon)
        power = torch.fft.irfft(wave**2 + 0j, c.horizon)[0]  # variance that white noise has after the filter
        return (coloured / power.sqrt()).transpose(2, 3)
