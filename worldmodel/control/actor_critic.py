"""An actor-critic that learns from what an environment lets it live through, thousands of steps at a time: a dream is cheap.

The horizon's end is closed by a learned value, and targets are lambda-returns (Hafner et al. 2020, Dreamer, eq. 6). The actor
climbs the clipped ratio of PPO (Schulman et al. 2017, eq. 7). Gradients through the dynamics would need fewer dreams, but at a
touch they see only how to put it off: in `lander` their policies hovered, and landed one flight in twenty.
Of an environment it knows the interface alone: a dream's, whose steps tell what reward is to be expected, and how likely an end.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
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
    updates: int = 600
    horizon: int = 16  # steps lived through for an update
    epochs: int = 4  # times that an update goes through what was lived through, in
    batches: int = 4  # parts, with a step up the gradient for each
    rate: float = 2e-3  # peak learning rate of both networks
    discount: float = 0.99
    mix: float = 0.95  # lambda of the lambda-returns
    clip: float = 0.2  # how far an update may move the probability of an action
    entropy: float = 3e-3  # reward for staying undecided, at first: it falls to 0, for it is the mean that will act
    width: int = 128
    normalised: bool = False  # count advantages in their own spread, not in that of returns: where returns are sums of hundreds
    lag: float = 0.05  # share of the policy that its slow copy takes over in an update

    def __post_init__(self):
        check_config(self, updates=(1, 1e6), horizon=(1, 1000), rate=(0, 1), discount=(0, 1), mix=(0, 1), width=(1, 4096))
        check_config(self, seed=(0, 2**31), entropy=(0, 1e3), lag=(0, 1), epochs=(1, 100), batches=(1, 100), clip=(0, 1))


FULL = ActorCriticConfig()
QUICK = ActorCriticConfig(updates=300)


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
        return mean, -1 + 2 * torch.tanh(log_spread / 2)  # wide at first: who tries little is content with the nearest end

    def sample(self, features: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Actions (N, A) before they are squashed."""
        mean, log_spread = self.distribution(features)
        return mean + log_spread.exp() * torch.randn(mean.shape, generator=generator).to(mean.device)

    def log_probability(self, features: torch.Tensor, drawn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of actions as `sample` drew them, up to a constant, and the entropy of such draws, up to another: both (N,)."""
        mean, log_spread = self.distribution(features)
        return (-0.5 * ((drawn - mean) / log_spread.exp()) ** 2 - log_spread).sum(-1), log_spread.sum(-1)

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


def learn_to_act(
    env, config: ActorCriticConfig = FULL, progress: bool = True, watch: Callable | None = None
) -> tuple[Policy, list[float]]:
    """Train a policy in ``env``, a vector environment that speaks in tensors, and in chances (`DreamEnv`).

    A slow copy follows the policy (Polyak averaging). Its critic closes the horizon; and it is what is shown, compared and
    kept: in what dreams leave open a policy drifts from update to update, and true returns with it.

    Args:
        watch: is shown, every `EVALUATE` updates, how many there were and the slow copy as it is.

    Returns:
        the slow copy whose whole episodes, played every `EVALUATE` updates, earned most, and the mean lambda-return of each
        update.

    Raises:
        TrainingDiverged: a loss that is not finite.
    """
    torch.manual_seed(config.seed)
    noise = torch.Generator().manual_seed(config.seed)
    features, _ = env.reset(seed=config.seed)
    policy = Policy(features.shape[-1], env.single_action_space.shape[0], config.width).to(features.device)
    policy.scale_to(features)
    slow = copy.deepcopy(policy)
    optimizer = torch.optim.AdamW(policy.parameters(), config.rate)
    scale, history, best, kept = 1.0, [], -math.inf, policy.state_dict()
    fresh = torch.zeros(len(features), dtype=torch.bool, device=features.device)
    for update in tqdm(range(config.updates), "act", disable=not progress, leave=False):
        left = 0.5 * (1 + math.cos(math.pi * update / config.updates))
        optimizer.param_groups[0]["lr"] = config.rate * (0.1 + 0.9 * left)
        path, features, fresh = rollout(env, policy, slow.critic, features, fresh, config, noise)
        spread = torch.quantile(path.returns.flatten(), torch.tensor([0.05, 0.95], device=features.device))
        scale += 0.05 * (max(1.0, float(spread[1] - spread[0])) - scale)
        unit = float(path.advantage.std()) + 1e-6 if config.normalised else scale
        for part in _parts(path, config, noise):
            loss = surrogate(policy, part, unit, config, left) + 0.5 * _mean(
                (policy.value(part.features) - part.returns) ** 2, part
            )
            if not math.isfinite(loss.item()):
                raise TrainingDiverged(f"update {update}: the loss is {loss.item()}")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            for old, new in zip(slow.parameters(), policy.parameters()):
                old.lerp_(new, config.lag)
        history.append(path.returns.mean().item())
        if (update + 1) % EVALUATE == 0 or update + 1 == config.updates:
            earned = run_episodes(env, slow.act, config.seed).returns.mean()
            if watch is not None:
                watch(update + 1, slow)
            if earned > best:
                best, kept = earned, copy.deepcopy(slow.state_dict())
            features, _ = env.reset(seed=config.seed + 1 + update)
            fresh = torch.zeros_like(fresh)
    policy.load_state_dict(kept)
    return policy.eval(), history


def surrogate(policy: Policy, path: Rollout, scale: float, config: ActorCriticConfig, left: float = 1.0) -> torch.Tensor:
    """What the actor goes down: minus the clipped ratio times the advantage, and minus what is ``left`` of entropy's reward."""
    log_probability, entropy = policy.log_probability(path.features, path.drawn)
    ratio, advantage = (log_probability - path.log_probability).exp(), path.advantage / scale
    clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
    return -_mean(torch.minimum(ratio * advantage, clipped * advantage) + left * config.entropy * entropy, path)


@dataclass(frozen=True)
class Rollout:
    """One stretch lived through, tensors with leading (H, N)."""

    features: torch.Tensor
    drawn: torch.Tensor  # actions before they were squashed, and
    log_probability: torch.Tensor  # as the policy had it
    returns: torch.Tensor  # lambda-returns
    advantage: torch.Tensor  # over the lagging critic's value
    weight: torch.Tensor  # 0 where the step only started a new episode


@torch.no_grad()
def rollout(
    env, policy: Policy, slow, features, fresh, config: ActorCriticConfig, noise
) -> tuple[Rollout, torch.Tensor, torch.Tensor]:
    """Act for ``horizon`` steps and work out the lambda-returns, backwards.

    Args:
        slow: the lagging critic.
        features: (N, F) to act from; ``fresh`` (N,) where the next step only starts a new episode.

    Returns:
        the path, and ``features`` and ``fresh`` for the next one.
    """
    seen, drawn, rewards, going, counts = [features], [], [], [], []
    for _ in range(config.horizon):
        drawn.append(policy.sample(seen[-1], noise))
        following, _, terminated, truncated, info = env.step(torch.tanh(drawn[-1]))
        going.append(1 - info["end_probability"])
        counts.append(~fresh)
        fresh = terminated | truncated
        seen.append(following), rewards.append(info["expected_reward"])
    values = [slow(policy.scaled(f)).squeeze(-1) for f in seen]
    returns, ahead = [], values[-1]
    for t in reversed(range(config.horizon)):
        ahead = rewards[t] + config.discount * going[t] * ((1 - config.mix) * values[t + 1] + config.mix * ahead)
        ahead = torch.where(counts[t], ahead, values[t])  # no return flows back from the next episode into the last one
        returns.insert(0, ahead)
    stacked = {name: torch.stack(parts) for name, parts in {"features": seen[:-1], "drawn": drawn, "returns": returns}.items()}
    log_probability, _ = policy.log_probability(stacked["features"], stacked["drawn"])
    advantage = stacked["returns"] - torch.stack(values[:-1])
    path = Rollout(**stacked, log_probability=log_probability, advantage=advantage, weight=torch.stack(counts).float())
    return path, seen[-1], fresh


def _parts(path: Rollout, config: ActorCriticConfig, noise):
    """The rollout's environments in random parts, ``epochs`` times over."""
    for _ in range(config.epochs):
        for rows in torch.randperm(path.weight.shape[1], generator=noise).to(path.weight.device).chunk(config.batches):
            yield Rollout(**{name: value[:, rows] for name, value in vars(path).items()})


def _mean(values: torch.Tensor, path: Rollout) -> torch.Tensor:
    """Over all steps, those that only started an episode counted as 0."""
    return (path.weight * values).mean()
