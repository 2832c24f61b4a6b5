"""Doubt: heads that each learned the next move from clips of their own, and disagree where the log had nothing to teach.

Deep ensembles as Chua et al. 2018 (PETS) have them; a dream that pays less where they disagree is that of Yu et al. 2020 (MOPO).
"""

from __future__ import annotations

import torch
from tqdm import trange

from ..model import LatentState, WorldModel
from ..model.belief import SPEED_SCALE
from ..model.heads import Committee


class Ensemble(Committee):
    """Moment and action -> how far the heads' next moves are apart, in units of their typical distance in the log."""

    def __init__(self, inputs: int, latents: int, heads: int = 5, width: int = 64):
        super().__init__(inputs, latents, heads, width)
        self.register_buffer("typical", torch.ones(1))

    @torch.no_grad()
    def doubt(self, state: LatentState, actions: torch.Tensor) -> torch.Tensor:
        """Of taking actions (B, A) in the last moment of a state: (B,); 1 is usual in the log."""
        return self._apart(inputs(state[:, -1], actions)) / self.typical

    def _apart(self, seen):
        return self(seen).std(0).norm(dim=-1)


def inputs(state: LatentState, actions: torch.Tensor) -> torch.Tensor:
    """What a head sees of moments (..., ): points, speed, belief and the action that comes."""
    return torch.cat([state.points, state.speed * SPEED_SCALE, state.belief.mean, actions], -1)


def fit_ensemble(
    model: WorldModel,
    clips: dict[str, torch.Tensor],
    heads: int = 5,
    steps: int = 800,
    batch: int = 512,
    seed: int = 0,
    progress=True,
) -> Ensemble:
    """Each head learns, from a half of the clips that is its own, how the speed changes from frame to frame.

    Args:
        clips: what `encode_all` made of a log.
    """
    torch.manual_seed(seed)
    with torch.no_grad():
        state = model.track(clips["points"], clips["appearance"], clips["actions"])
        seen = inputs(state[:, 1:-1], clips["actions"][:, 2:])
        change = clips["points"].diff(dim=1).diff(dim=1) * SPEED_SCALE
    valid = clips["valid"][:, 2:].bool()
    ensemble = Ensemble(seen.shape[-1], change.shape[-1], heads).to(seen.device)
    ensemble.scale_to(seen[valid])
    halves = [torch.randperm(len(valid))[: -(-len(valid) // 2)].to(seen.device) for _ in range(heads)]
    own = [(seen[half][valid[half]], change[half][valid[half]]) for half in halves]
    optimizer = torch.optim.AdamW(ensemble.parameters(), 2e-3)
    for _ in trange(steps, desc="doubt", disable=not progress, leave=False):
        rows = [torch.randint(len(x), (batch,), device=seen.device) for x, _ in own]
        x, y = (torch.stack([pair[kind][row] for pair, row in zip(own, rows)]) for kind in (0, 1))
        loss = (ensemble(x, own=True) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        ensemble.typical.copy_(ensemble._apart(seen[valid]).mean())
    return ensemble.requires_grad_(False).eval()
