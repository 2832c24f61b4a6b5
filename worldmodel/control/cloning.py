"""Behaviour cloning: act as the log's pilot did. What a log gives without a dream."""

from __future__ import annotations

import torch
from tqdm import trange

from ..training import encode_all
from .actor_critic import Policy


def clone(
    model, videos, steps: int = 1000, batch: int = 1024, rate: float = 1e-3, seed: int = 0, progress: bool = True
) -> Policy:
    """The policy that makes the log's actions likeliest, from the features that a dream's policy sees.

    Args:
        videos: the log, or what `encode_all` made of it. An action is that of the frame after the one whose features it is to
            follow from.
    """
    with torch.no_grad():
        clips = videos if isinstance(videos, dict) else encode_all(model, videos)
        features = model.track(clips["points"], clips["appearance"], clips["actions"]).vector()
    acted = (clips["valid"][:, 1:]).bool()
    seen, actions = features[:, :-1][acted], clips["actions"][:, 1:][acted]
    drawn = torch.atanh(actions.clamp(-0.999, 0.999))  # before the squashing into [-1, 1]
    torch.manual_seed(seed)
    policy = Policy(seen.shape[1], actions.shape[1]).to(seen.device)
    policy.scale_to(seen)
    optimizer = torch.optim.AdamW(policy.actor.parameters(), rate)
    for _ in trange(steps, desc="clone", disable=not progress, leave=False):
        rows = torch.randint(len(seen), (batch,), device=seen.device)
        loss = -policy.log_probability(seen[rows], drawn[rows])[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy.eval()
