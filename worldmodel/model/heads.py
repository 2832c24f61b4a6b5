"""What a log adds to the frames: the reward and the end that came with a step from one moment to the next."""

from __future__ import annotations

import torch
from torch import nn

from .belief import SPEED_SCALE, mlp

PLACE_SCALE = 10.0  # whether a body touches the floor is a matter of 1/100 of the picture


class Committee(nn.Module):
    """Small networks side by side that began differently: inputs (..., I) -> outputs (heads, ..., O) of order 1."""

    def __init__(self, inputs: int, outputs: int, heads: int = 5, width: int = 64):
        super().__init__()
        sizes = ((inputs, width), (width, width), (width, outputs))
        self.weights = nn.ParameterList(torch.randn(heads, a, b) / a**0.5 for a, b in sizes)
        self.biases = nn.ParameterList(torch.zeros(heads, 1, b) for _, b in sizes)
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))

    def scale_to(self, seen: torch.Tensor) -> None:
        """Bring inputs to order 1, from a sample (N, I) of them."""
        self.mean.copy_(seen.mean(0)), self.spread.copy_(seen.std(0) + 1e-3)

    def forward(self, seen: torch.Tensor, own: bool = False) -> torch.Tensor:
        """``own``: inputs are (heads, ..., I), for each member its own."""
        scaled = ((seen - self.mean) / self.spread).clamp(-5, 5)
        heads, shape = len(self.weights[0]), scaled.shape[int(own) : -1]
        hidden = scaled.flatten(1, -2) if own else scaled.flatten(0, -2).expand(heads, -1, -1)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            hidden = torch.baddbmm(bias, hidden if number == 0 else nn.functional.silu(hidden), weight)
        return hidden.unflatten(1, shape)


class OutcomeHead(nn.Module):
    """A moment, the action taken in it and the moment it led to -> reward on the way, reward at an end, and logit of the end.

    An end has a reward of its own, so that a dream can only collect it by ending; and how good a touch is, hangs on how fast
    it was when it came, somewhere between the two moments: so the head is shown both. It sees where things are and how fast
    they move, but not the belief nor the rest of the appearance: by these, which are the same throughout a clip, a few hundred
    logged clips would be learned by heart. For the same reason rewards at ends, of which a clip has one at most, are foretold by
    a committee, from states that do not bend to it. Rewards are learned in units of their spread in the log, whatever the
    world pays in, and none is foretold beyond the least and the most that the log holds: a policy would find it.
    """

    def __init__(self, latents: int, anchors: int, actions: int, width: int):
        super().__init__()
        self.anchors = anchors
        inputs = 4 * latents + anchors + actions
        self.network = mlp(inputs, width, 2)
        self.committee = Committee(inputs, 1)
        # Of rewards on the way and at an end, as columns: mean, spread, least and most in the log.
        self.register_buffer("logged", torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1e9, -1e9], [1e9, 1e9]]))

    def scale_to(self, clips: dict[str, torch.Tensor]) -> None:
        """Take units and limits from a log, as `encode_all` gives it. The first frame of a clip has no reward."""
        valid, ends = clips["valid"], clips["ends"]
        for kind, there in enumerate((valid * (1 - ends), valid * ends)):
            paid = clips["rewards"][:, 1:][there[:, 1:] > 0.5]
            if len(paid):
                self.logged[:, kind] = torch.stack([paid.mean(), paid.std(correction=0) + 1e-3, paid.min(), paid.max()])
        actions, moves, over = clips.get("actions"), clips["points"].diff(dim=1), (valid * ends)[:, 2:] > 0.5
        action = None if actions is None else actions[:, 2:]
        seen = self.inputs(clips["points"][:, 2:], moves[:, 1:], moves[:, 1:], moves[:, :-1], clips["appearance"][:, 2:], action)
        if over.sum() > 1:
            self.committee.scale_to(seen[over])

    def inputs(self, points, speed, moved, speed_before, appearance, action) -> torch.Tensor:
        """All in one (B, T, I), lengths as they matter here."""
        parts = [points * PLACE_SCALE, speed * SPEED_SCALE, moved * SPEED_SCALE, speed_before * SPEED_SCALE]
        parts.append(appearance[..., : self.anchors] * PLACE_SCALE)
        return torch.cat(parts if action is None else [*parts, action], -1)

    def forward(self, before, after, at: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The reward at an end is (heads, B, T), as each of the committee has it, or (heads, n) ``at`` n of the moments."""
        moved = after.points - before.points
        seen = self.inputs(after.points, after.speed, moved, before.speed, after.appearance, after.action)
        running, end = self.network(seen).unbind(-1)
        final = self.committee((seen if at is None else seen[at]).detach()).squeeze(-1)
        mean, spread = self.logged[:2]
        return mean[0] + spread[0] * running, mean[1] + spread[1] * final, end


class Worth(nn.Module):
    """What a frame shows, and what moved since the one before -> the reward that came with it: so that eyes look for what pays.

    It is for the search alone. In a dream rewards come from the `OutcomeHead`, which learns when eyes have learned.
    """

    def __init__(self, latents: int, anchors: int, actions: int, width: int):
        super().__init__()
        self.anchors = anchors
        self.network = mlp(2 * latents + anchors + actions, width, 1)

    def forward(self, points: torch.Tensor, appearance: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Points (B, L, D), appearance (B, L, A), actions that led to each frame -> rewards (B, L - 1) of all but the first."""
        parts = [points[:, 1:], SPEED_SCALE * points.diff(dim=1), appearance[:, 1:, : self.anchors], actions[:, 1:]]
        return self.network(torch.cat(parts, -1)).squeeze(-1)


class Predictor(nn.Module):
    """Three embeddings in a row -> the next one: what a jepa is trained through."""

    def __init__(self, size: int, width: int):
        super().__init__()
        self.network = mlp(3 * size, width, size)

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, T, E) -> guesses (B, T - 3, E) of the fourth and those after it."""
        return embeddings[:, 2:-1] + self.network(embeddings.unfold(1, 3, 1)[:, :-1].flatten(2))
