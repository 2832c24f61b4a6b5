"""The dream as an environment: a trained world model imagines what follows an action, thousands of dreams at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..model import Belief, LatentState, WorldModel
from ..settings import ConfigError
from ..training import encode_all
from ..videos import Videos
from .ensemble import Ensemble

UNSURE = 0.5  # share of the dreams in which they must act before they know the constants
EVEN = 2e-3  # the spread of a log's rewards below which all are alike
USUAL = 1.4826  # a normal distribution's standard deviation, in medians of its distances from the middle
LOST = 4.0  # halves of a picture from its middle: where nothing was ever seen, what is imagined may run away without an end
WIDEN = 2.5  # policies learn in worlds up to so many times as far from the mean as those of the log that leave less time


class DreamEnv(VectorEnv):
    """Observations are features (N, F), the `LatentState.vector`; actions (N, A) in [-1, 1]; both tensors on the model's device.

    A dream begins at a random moment of a logged clip, with what had been seen by then. Rewards and ends come from the
    model's heads. As in `PhysicsEnv`, the step after an end starts the next episode and ignores its action.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": ["rgb_array"]}
    render_mode = "rgb_array"

    def __init__(
        self,
        model: WorldModel,
        videos: Videos | dict,
        num_envs: int = 1,
        limit: int = 60,
        starts=(0, None),
        widen: float = 1.0,
        ensemble: Ensemble | None = None,
        penalty: float = 0.1,
        blur: float = 0.0,
        unsure: float = 0.0,
        awake: bool = False,
    ):
        """Dreams of the worlds in the log or, widened, of stranger ones.

        Args:
            videos: the log, or what `encode_all` made of it.
            limit: frames to a dream's end at most.
            starts: the frames [first, last) of a clip at which a dream may begin. True episodes begin at the first, with nothing
                known of speeds and constants: a policy that never dreamt of that does anything there.
            widen: a dream's belief is moved away from the mean of the log's, up to so many times as far, if it lies on the side
                where the log's episodes were shorter: for worlds that leave less time to act than any logged one a policy must
                be prepared. Farther out on the other side nothing may ever end; to give up at once is best there, and policies
                that had learned it gave up in true worlds as well. (Where all episodes are as long, nothing is widened.)
            blur: noise on what is seen, in units of how far a state after a frame usually is from the one imagined for it: eyes
                are not as sharp as dreams. (By the median: a few bounces, or carts that leave the picture, do not count.)
            unsure: share of the dreams that begin in the first two frames of a clip, obey what the whole of it told of its
                constants, and show what it had told at the same age, at first next to nothing: as in a true episode, one must
                act before one knows. The others know from their start what they will ever know.
            awake: speeds are shown as eyes would make them out from the last points, blurred as those are, and not as the
                dynamics have them. The two are apart by what hangs on place and push, and who knows one misjudges the other.
            ensemble: where it doubts, rewards are less by ``penalty`` spreads of the log's rewards for each unit beyond 1; where
                every step of the log paid the same, by that share of it.

        Raises:
            ConfigError: the model knows no actions or no rewards; or is to be awake, and has no evidence to make out speeds by.
        """
        if awake and model.evidence is None:
            raise ConfigError("awake: only a model with evidence makes out speeds from its last points")
        if not model.config.actions or model.outcome is None:
            raise ConfigError("a dream needs a model that was trained on logged actions and rewards")
        self.model, self.num_envs, self.limit, self.widen = model, num_envs, limit, widen
        (mean, spread), self.ensemble = model.outcome.logged[:2, 0].tolist(), ensemble
        self.fine = penalty * (spread if spread > EVEN else abs(mean))
        with torch.no_grad():
            clips = videos if isinstance(videos, dict) else encode_all(model, videos)
            self.bank = model.track(clips["points"], clips["appearance"], clips["actions"])
        beliefs, lengths = self.bank.belief.mean[:, -1], clips["valid"].sum(1)
        self.middle = beliefs.mean(0)
        self.hurry = (self.middle - beliefs).T @ (lengths - lengths.mean())  # of beliefs, where episodes are shorter
        self.noise = blur * self._surprise(clips["actions"], clips["valid"]) if blur else None
        self.awake = awake
        alive = (clips["valid"] * (1 - clips["ends"])).bool()
        first, last = starts
        alive[:, :first] = False
        if last is not None:
            alive[:, last:] = False
        self.starts, self.unsure = alive.nonzero(), unsure
        self.first = self.starts[self.starts[:, 1] < 2]
        if not len(self.starts) or (unsure and not len(self.first)):
            raise ConfigError("no logged clip lasts long enough for a dream to begin in it")
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (model.feature_size,), np.float32)
        self.single_action_space = gym.spaces.Box(-1, 1, (model.config.actions,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.state: LatentState | None = None

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        super().reset(seed=seed)
        self.state, self.past, self.origin = self._draw()
        self.age = torch.zeros(self.num_envs, dtype=torch.long, device=self.model.device)
        self.over = torch.zeros_like(self.age, dtype=torch.bool)
        return self._seen(~self.over), {}

    def begin(self, state: LatentState, age: int) -> torch.Tensor:
        """Dream on from the last moment of a state (N, T) that was observed for ``age`` steps and more; what is seen there."""
        state = replace(state, still=None)  # the log's have none either
        self.state, self.age = state[:, -1:], torch.full_like(self.age, age)
        if self.awake:
            self.past = state[:, torch.arange(-self.model.config.window, 0).clamp(min=-state.seen.shape[1])]
        return self._seen(torch.ones_like(self.over))

    @torch.no_grad()
    def step(self, actions):
        """As in Gymnasium; the episode ends where the model holds an end to be likelier than none, or where a point is `LOST`.

        ``info`` has the probability itself, ``end_probability`` (N,), and the ``expected_reward`` (N,) under it. A sum of these
        must weight each by the probability that no end has come before: else hovering, where half an end is paid, would pay in
        every frame.
        """
        if self.state is None:
            raise ConfigError("reset the environment before the first step")
        fresh = self.over
        actions = torch.as_tensor(actions, dtype=torch.float32, device=self.model.device)
        if actions.shape != self.action_space.shape:
            raise ConfigError(f"actions {tuple(actions.shape)}: this environment takes {self.action_space.shape}")
        actions = actions.masked_fill(fresh.unsqueeze(1), 0.0)
        if not (torch.isfinite(actions).all() and (actions.abs() <= 1).all()):
            raise ConfigError("an action must be finite and lie in [-1, 1]")
        after = self.model.imagine(self.state, actions.unsqueeze(1))
        after = replace(after, seen=after.seen + 1)
        running, final, end = (value[:, 0] for value in self.model.outcomes(self.state, after))
        end = torch.where((after.points.abs() <= LOST).all(-1)[:, 0], end, 1.0)
        reward, expected = torch.where(end > 0.5, final, running), (1 - end) * running + end * final
        if self.ensemble is not None:
            doubt = (self.ensemble.doubt(self.state, after.action[:, 0]) - 1).clamp(min=0)
            fine = self.fine * doubt
            reward, expected = reward - fine, expected - fine
        if fresh.any():
            drawn, past, origin = self._draw()
            keep = partial(torch.where, ~fresh.view(-1, 1, 1))
            after = after.apply(keep, drawn)
            if self.awake:
                self.past = self.past.apply(keep, past)
            self.origin = {name: torch.where(fresh.view(-1, *[1] * (new.ndim - 1)), new, self.origin[name])
                           for name, new in origin.items()}  # fmt: skip
            reward, expected, end = (value.masked_fill(fresh, 0.0) for value in (reward, expected, end))
        self.state = after
        self.age = torch.where(fresh, 0, self.age + 1)
        terminated = end > 0.5
        truncated = (self.age >= self.limit) & ~terminated
        self.over = terminated | truncated
        return self._seen(fresh), reward, terminated, truncated, {"end_probability": end, "expected_reward": expected}

    def render(self):
        """The dreams' pictures, RGB uint8 (H, W, 3) each."""
        return tuple(np.repeat(frame, 4 - frame.shape[-1], -1) for frame in self.model.decode(self.state)[:, 0].cpu().numpy())

    def _seen(self, fresh: torch.Tensor) -> torch.Tensor:
        """What is shown of the state; ``fresh`` (N,) where it is a logged one."""
        features = (replace(self.state, belief=self._told()) if self.unsure else self.state).vector()[:, 0]
        if self.noise is not None:
            draw = torch.from_numpy(self.np_random.standard_normal(features.shape, np.float32))
            features = features + self.noise * draw.to(features.device)
        if not self.awake:
            return features
        latents = self.state.points.shape[-1]
        with torch.no_grad():
            now = self.model.track(features[:, None, :latents], self.state.appearance, self.state.action, self.past)
        self.past = self.past.apply(lambda old, new: torch.where(fresh.view(-1, 1, 1), old, torch.cat([old[:, 1:], new], 1)), now)
        return torch.cat([self.past.points[:, -1], self.past.speed[:, -1], features[:, 2 * latents :]], -1)

    def _told(self) -> Belief:
        """What is shown of the constants: in dreams that are unsure, what their clips had told by then.

        Where the dream is of a widened world, its clip told of another; then what it told from the third frame on, which are the
        first that can show an acceleration, is moved by as much as the world was.
        """
        clip, begun, held = self.origin["clip"], self.origin["frame"], self.state.belief[:, 0]
        told = self.bank.belief[clip, (begun + self.age).clamp(max=self.bank.points.shape[1] - 1)]
        share = (1 - self.bank.belief.weight[clip, 1] / told.weight).clamp(min=0)
        mean, unsure = told.mean + share * self.origin["moved"], self.origin["unsure"].unsqueeze(1)
        return Belief(torch.where(unsure, mean, held.mean)[:, None], torch.where(unsure, told.weight, held.weight)[:, None])

    @torch.no_grad()
    def _surprise(self, actions, valid) -> torch.Tensor:
        """How far the state imagined for a frame usually was from the one after it (F,), as a standard deviation."""
        frames = range(2, actions.shape[1] - 1)
        gone = [
            (
                self.model.imagine(self.bank[:, t : t + 1], actions[:, t + 1 : t + 2]).vector()
                - self.bank[:, t + 1 : t + 2].vector()
            )[valid[:, t + 1] > 0]
            for t in frames
        ]
        return USUAL * torch.cat(gone).abs().median(0).values[0]

    def _draw(self) -> tuple[LatentState, LatentState | None, dict[str, torch.Tensor]]:
        """States to begin in; where dreams are awake, the window of moments up to them; and of each its clip and frame, whether
        it is unsure, and how far its world was ``moved`` (N, K)."""

        def pick(rows):
            return rows[torch.from_numpy(self.np_random.integers(0, len(rows), self.num_envs))]

        which, unsure = pick(self.starts), torch.zeros(self.num_envs, dtype=torch.bool, device=self.model.device)
        if self.unsure:
            unsure = torch.from_numpy(self.np_random.random(self.num_envs) < self.unsure).to(unsure.device)
            which = torch.where(unsure.unsqueeze(1), pick(self.first), which)
        state, (clip, frame) = self.bank[which[:, :1], which[:, 1:]], which.T
        believed = torch.where(unsure.unsqueeze(1), self.bank.belief.mean[clip, -1], state.belief.mean[:, 0])
        away, by = believed - self.middle, torch.from_numpy(self.np_random.uniform(1, self.widen, (self.num_envs, 1)))
        moved = torch.where((away @ self.hurry).unsqueeze(1) > 0, (by.to(away) - 1) * away, 0.0)
        state = replace(state, belief=Belief((believed + moved).unsqueeze(1), state.belief.weight))
        past = None
        if self.awake:  # before the first frame a window repeats it, and nothing had been done
            window = frame.unsqueeze(1) + torch.arange(1 - self.model.config.window, 1, device=frame.device)
            past = self.bank[clip.unsqueeze(1), window.clamp(min=0)]
        return state, past, {"clip": clip, "frame": frame, "unsure": unsure, "moved": moved}


@torch.inference_mode()
def foresee(model: WorldModel, state: LatentState, actions: torch.Tensor, discount: float = 0.99) -> torch.Tensor:
    """What sequences of actions (B, S, H, A) would earn from the last moment of ``state`` (B, T): (B, S), for a `Planner`.

    Rewards count as far as it is likely that no end has come before them.
    """
    begin, path = _branches(model, state, actions)
    reward, end = model.reward(begin.then(path), path)
    going = torch.cumprod(torch.cat([torch.ones_like(end[:, :1]), 1 - end[:, :-1]], 1), 1)
    worth = discount ** torch.arange(reward.shape[1], device=reward.device)
    return (reward * going * worth).sum(1).unflatten(0, actions.shape[:2]).to(actions.device)


@torch.inference_mode()
def approach(model: WorldModel, goal: torch.Tensor, state: LatentState, actions: torch.Tensor) -> torch.Tensor:
    """How near sequences of actions (B, S, H, A) come to the points (B, D) of a picture: (B, S), for a `Planner`.

    No reward is asked for: it is minus the mean distance of all points on the way.
    """
    path = _branches(model, state, actions)[1].points.unflatten(0, actions.shape[:2])
    return -(path - goal[:, None, None]).norm(dim=-1).mean(2).to(actions.device)


def _branches(model, state, actions):
    """The last moment of ``state`` once for each of the actions (B, S, H, A), and the paths from there; of B * S clips."""
    begin = state[:, -1:].apply(lambda value: value.repeat_interleave(actions.shape[1], 0))
    return begin, model.imagine(begin, actions.flatten(0, 1))
