"""An actor-critic that learns in a differentiable environment: returns are pushed up through the dynamics themselves.

The horizon's end is closed by a learned value, and targets are lambda-returns (Hafner et al. 2020, Dreamer, eq. 6);
gradients reach the actor through the steps of the environment, as in stochastic value gradients (Heess et al. 2015).
It knows the environment's interface and nothing else.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

from ..settings import TrainingDiverged, check_config
from ..training import load_module, save_tensors
from .episodes import run_episodes

EVALUATE = 50  # updates after which whole dreams are played, to say which policy was best


@dataclass(frozen=True)
class ActorCriticConfig:
    """How to learn to act."""

    seed: int = 0
    updates: int = 500
    horizon: int = 16  # steps imagined in an update
    rate: float = 1e-3  # peak learning rate of both networks
    discount: float = 0.99
    mix: float = 0.95  # lambda of the lambda-returns
    entropy: float = 1e-3  # reward for staying undecided
    width: int = 128
    value_lag: float = 0.02  # share of the critic that its slow copy takes over in an update

    def __post_init__(self):
        check_config(self, updates=(1, 1e6), horizon=(1, 1000), rate=(0, 1), discount=(0, 1), mix=(0, 1), width=(1, 4096))
        check_config(self, seed=(0, 2**31), entropy=(0, 1e3), value_lag=(0, 1))


FULL = ActorCriticConfig()
QUICK = ActorCriticConfig(updates=400)
PRESETS = {"quick": QUICK, "full": FULL}


class Policy(nn.Module):
    """Features (N, F) -> actions (N, A) in [-1, 1]. ``act`` takes and gives arrays or tensors, whichever it is handed."""

    def __init__(self, features: int, actions: int, width: int = 128):
        super().__init__()
        self.sizes = {"features": features, "actions": actions, "width": width}
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.actor, self.critic = _network(features, 2 * actions, width), _network(features, 1, width)

    def scale_to(self, features: torch.Tensor) -> None:
        """Bring features to order 1, from a sample (N, F) of them."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3)

    def distribution(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log of the spread of the action before it is squashed into [-1, 1]."""
        mean, log_spread = self.actor(self.scaled(features)).chunk(2, -1)
        return mean, -2 + 2 * torch.tanh(log_spread / 2)

    def sample(self, features: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Actions (N, A) with a gradient to the actor, and their log spread (an entropy up to a constant)."""
        mean, log_spread = self.distribution(features)
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        return torch.tanh(mean + log_spread.exp() * noise), log_spread

    def value(self, features: torch.Tensor) -> torch.Tensor:
        """Expected discounted return from here, (N,)."""
        return self.critic(self.scaled(features)).squeeze(-1)

    @torch.no_grad()
    def act(self, features):
        """The action that the policy thinks best."""
        tensor = torch.as_tensor(features, device=self.mean.device)
        action = torch.tanh(self.distribution(tensor)[0])
        return action if torch.is_tensor(features) else action.cpu().numpy()

    def scaled(self, features):
        """Features brought to order 1."""
        return ((features - self.mean) / self.spread).clamp(-5, 5)


def save_policy(policy: Policy, path) -> None:
    """Write a policy into a folder, as models are."""
    save_tensors(path, {"weights": policy.state_dict()}, policy.sizes)


def load_policy(path) -> Policy:
    """Open a saved policy, checked as models are.

    Raises:
        CheckpointError: missing, damaged, or not a policy.
    """
    return load_module(path, lambda sizes: Policy(**sizes))


def _network(inputs, outputs, width):
    layers = [nn.Linear(inputs, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU()]
    last = nn.Linear(width, outputs)
    nn.init.normal_(last.weight, std=0.01)
    return nn.Sequential(*layers, last)


def learn_to_act(env, config: ActorCriticConfig = FULL, progress: bool = True) -> tuple[Policy, list[float]]:
    """Train a policy in ``env``, a tensor environment whose rewards carry gradients (`DreamEnv`).

    Returns:
        the policy whose whole dreams, played every `EVALUATE` updates, earned most (left to itself, a policy may learn to
        hover and to put the landing off), and the mean lambda-return of each update.

    Raises:
        TrainingDiverged: a loss that is not finite.
    """
    torch.manual_seed(config.seed)
    noise = torch.Generator().manual_seed(config.seed)
    features, _ = env.reset(seed=config.seed)
    policy = Policy(features.shape[-1], env.single_action_space.shape[0], config.width).to(features.device)
    policy.scale_to(features)
    slow = copy.deepcopy(policy.critic)
    actor = torch.optim.AdamW(policy.actor.parameters(), config.rate)
    critic = torch.optim.AdamW(policy.critic.parameters(), config.rate)
    scale, history, best, kept = 1.0, [], -math.inf, policy.state_dict()
    fresh = torch.zeros(len(features), dtype=torch.bool, device=features.device)
    for update in tqdm(range(config.updates), "act", disable=not progress, leave=False):
        for optimizer in (actor, critic):
            optimizer.param_groups[0]["lr"] = config.rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * update / config.updates)))
        path, fresh = imagine_path(env, policy, slow, features, fresh, config, noise)
        spread = torch.quantile(path.returns.detach().flatten(), torch.tensor([0.05, 0.95], device=features.device))
        scale += 0.02 * (max(1.0, float(spread[1] - spread[0])) - scale)
        actor_loss = -(path.weight * (path.returns / scale + config.entropy * path.log_spread.sum(-1))).mean()
        if not math.isfinite(actor_loss.item()):
            raise TrainingDiverged(f"update {update}: the actor's loss is {actor_loss.item()}")
        _step(actor, actor_loss, policy.actor)
        values = policy.value(path.features.detach())
        _step(critic, (path.weight * (values - path.returns.detach()) ** 2).mean(), policy.critic)
        with torch.no_grad():
            for old, new in zip(slow.parameters(), policy.critic.parameters()):
                old.lerp_(new, config.value_lag)
        history.append(path.returns.mean().item())
        features = env.detach()
        if (update + 1) % EVALUATE == 0 or update + 1 == config.updates:
            earned = run_episodes(env, policy.act, config.seed).returns.mean()
            if earned > best:
                best, kept = earned, copy.deepcopy(policy.state_dict())
            features, _ = env.reset(seed=config.seed + 1 + update)
            fresh = torch.zeros_like(fresh)
    policy.load_state_dict(kept)
    return policy.eval(), history


@dataclass(frozen=True)
class Path:
    """One imagined stretch, tensors with leading (H, N)."""

    features: torch.Tensor
    log_spread: torch.Tensor
    returns: torch.Tensor  # lambda-returns
    weight: torch.Tensor  # 0 where the step only started a new episode


def imagine_path(env, policy: Policy, slow, features, fresh, config: ActorCriticConfig, noise) -> tuple[Path, torch.Tensor]:
    """Act for ``horizon`` steps and work out the lambda-returns, backwards.

    Args:
        slow: the lagging critic.
        features: (N, F) to act from; ``fresh`` (N,) where the next step only starts a new episode.

    Returns:
        the path, and ``fresh`` for the next one.
    """
    seen, spreads, rewards, going, counts = [features], [], [], [], []
    for _ in range(config.horizon):
        action, log_spread = policy.sample(seen[-1], noise)
        following, reward, terminated, truncated, info = env.step(action)
        going.append(1 - info["end_probability"])
        counts.append(~fresh)
        fresh = terminated | truncated
        seen.append(following), spreads.append(log_spread), rewards.append(reward)
    values = [slow(policy.scaled(f)).squeeze(-1) for f in seen]
    returns, ahead = [], values[-1]
    for t in reversed(range(config.horizon)):
        ahead = rewards[t] + config.discount * going[t] * ((1 - config.mix) * values[t + 1] + config.mix * ahead)
        ahead = torch.where(counts[t], ahead, values[t])  # no return flows back from the next episode into the last one
        returns.insert(0, ahead)
    return Path(torch.stack(seen[:-1]), torch.stack(spreads), torch.stack(returns), torch.stack(counts).float()), fresh


def _step(optimizer, loss, network):
    optimizer.zero_grad()
    loss.backward(inputs=list(network.parameters()))
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
