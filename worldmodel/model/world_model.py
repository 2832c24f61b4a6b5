"""The world model: observe frames, imagine on, decode what was imagined."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..settings import ConfigError, check_config
from .belief import Belief, Evidence, accumulate
from .conv import ConvDecoder, ConvEncoder
from .decoder import PatchDecoder
from .dynamics import SecondOrderDynamics
from .encoder import PATCH, PointEncoder
from .heads import OutcomeHead, Predictor, Worth
from .memory import GruDynamics, KinematicGruDynamics, TransformerDynamics
from .rssm import RssmDynamics

torch.backends.cudnn.allow_tf32 = False  # with ten bits of a number a GPU would place points a fiftieth of a pixel off

ENCODERS = ("points", "cnn")
MEMORIES = {"gru": GruDynamics, "kinematic": KinematicGruDynamics, "rssm": RssmDynamics, "transformer": TransformerDynamics}


@dataclass(frozen=True)
class WorldModelConfig:
    """Family and sizes. The shape of the frames and of the actions comes from the videos."""

    size: int = 64  # pixels a side
    channels: int = 1  # 1 grey, 3 RGB
    actions: int = 0  # numbers in an action; 0 for a world that is only watched
    choices: bool = False  # of each number in an action only the sign counts
    rewards: bool = False  # learn reward and end of an episode from the log
    paid: bool = False  # eyes learn from the log's rewards as well: what is small may be all that matters
    encoder: str = "points"  # or cnn
    dynamics: str = "evidence"  # or gru, kinematic, rssm, transformer: without a belief, with a memory
    jepa: bool = False  # latents learn to be foretold instead of to paint; the decoder looks on
    points: int = 4  # points that may move from frame to frame
    anchors: int = 2  # points that stay where they are throughout a clip
    vector: int = 4  # numbers for all else that stays the same throughout a clip
    constants: int = 8  # numbers in the belief; 0 where nothing differs from clip to clip: it would only tell them apart
    window: int = 8  # frames in a piece of evidence
    still: bool = False  # keep the still part of a clip as a picture, and paint what moves over it: for textured scenes
    centred: bool = False  # encode only how a frame differs from the mean picture of all clips: what is rare stands out
    encoder_width: int = 24
    glimpse: int = 16  # side in pixels of a second, closer look at each point; 0 for none
    decoder_width: int = 64
    dynamics_width: int = 192

    def __post_init__(self):
        check_config(self, size=(2 * PATCH, 1024), actions=(0, 64), points=(1, 64), anchors=(0, 64), vector=(1, 256))
        check_config(self, constants=(0, 256), window=(3, 32), encoder_width=(1, 4096), decoder_width=(1, 4096))
        check_config(self, dynamics_width=(1, 8192))
        if self.size % PATCH or self.channels not in (1, 3):
            raise ConfigError(f"size must be a multiple of {PATCH} and channels 1 or 3, not {self.size} and {self.channels}")
        if self.centred and self.encoder != "points":
            raise ConfigError("only an encoder of points can be centred")
        if self.encoder not in ENCODERS or self.dynamics not in ("evidence", *MEMORIES):
            raise ConfigError(f"encoder is one of {ENCODERS} and dynamics evidence or one of {tuple(MEMORIES)}, not "
                              f"{self.encoder!r} and {self.dynamics!r}")  # fmt: skip

    @property
    def appearance(self) -> int:
        """Numbers in the appearance: two for each anchor, and the vector."""
        return 2 * self.anchors + self.vector


@dataclass(frozen=True)
class LatentState:
    """What the model believes after each frame: tensors with leading (B, T)."""

    points: torch.Tensor  # (B, T, D) in image coordinates, D = 2 x points
    speed: torch.Tensor  # (B, T, D) a frame
    appearance: torch.Tensor  # (B, T, A) mean over the frames seen
    belief: Belief  # (B, T, K); K = 0 in a model without
    memory: torch.Tensor  # (B, T, M) of the dynamics; M = 0 in a model with a belief
    seen: torch.Tensor  # (B, T, 1) frames seen so far
    action: torch.Tensor | None = None  # (B, T, A) the action that led here
    still: torch.Tensor | None = None  # uint8 (B, T, H, W, C), median of the frames observed; for the decoder alone

    def apply(self, function, *others: LatentState) -> LatentState:
        """``function`` over each tensor, beside the same tensor of the ``others``."""
        states = (self, *others)
        belief = Belief(*(function(*(getattr(s.belief, name) for s in states)) for name in ("mean", "weight")))
        names = ["points", "speed", "appearance", "memory", "seen"]
        names += [name for name in ("action", "still") if getattr(self, name) is not None]
        return LatentState(belief=belief, **{name: function(*(getattr(s, name) for s in states)) for name in names})

    def then(self, path: LatentState) -> LatentState:
        """The last moment, and a path imagined from there without its own last: of each moment of the path the one before."""
        return self[:, -1:].apply(lambda start, ahead: torch.cat([start, ahead[:, :-1]], 1), path)

    def __getitem__(self, index) -> LatentState:
        """Index or slice (B, T): ``state[:, -1:]`` is the last moment of every clip."""
        return self.apply(lambda value: value[index])

    def vector(self) -> torch.Tensor:
        """Everything in one vector (B, T, 2D + 2K + M + A): what probes and policies read."""
        log_weight = torch.log(self.belief.weight)
        return torch.cat([self.points, self.speed, self.belief.mean, log_weight, self.memory, self.appearance], -1)


class WorldModel(nn.Module):
    """Encoder, evidence, dynamics and decoder behind `observe`, `imagine` and `decode`."""

    def __init__(self, config: WorldModelConfig = WorldModelConfig()):
        super().__init__()
        self.config = c = config
        if c.dynamics == "evidence" and not (c.constants or c.actions):
            raise ConfigError("in a world that is only watched, nothing but constants can set an acceleration")
        latents = 2 * c.points
        if c.encoder == "points":
            sizes, edges = (c.size, c.channels, c.points, c.anchors, c.vector), "replicate" if c.centred else "zeros"
            self.encoder = PointEncoder(*sizes, c.encoder_width, c.glimpse, edges)
            self.decoder = PatchDecoder(*sizes, c.decoder_width)
        else:
            self.encoder = ConvEncoder(c.size, c.channels, latents, c.appearance, c.encoder_width)
            self.decoder = ConvDecoder(c.size, c.channels, latents, c.appearance, c.encoder_width)
        self.evidence = None
        if c.dynamics == "evidence":
            self.evidence = Evidence(latents, c.actions, c.constants, c.window, c.dynamics_width)
            self.dynamics = SecondOrderDynamics(latents, c.actions, c.constants, c.dynamics_width)
        else:
            self.dynamics = MEMORIES[c.dynamics](latents, c.actions, c.dynamics_width, c.window)
        self.predictor = Predictor(latents + c.appearance, c.dynamics_width) if c.jepa else None
        self.worth = Worth(latents, 2 * c.anchors, c.actions, c.dynamics_width) if c.paid else None
        self.outcome = OutcomeHead(latents, 2 * c.anchors, c.actions, c.dynamics_width) if c.rewards else None
        self.to(memory_format=torch.channels_last)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def believed(self) -> slice:
        """Where in `LatentState.vector` the mean of the belief is."""
        return slice(4 * self.config.points, 4 * self.config.points + self.config.constants)

    @property
    def feature_size(self) -> int:
        """Length of `LatentState.vector`."""
        more = 2 * self.config.constants if self.evidence else self.dynamics.size
        return 4 * self.config.points + more + self.config.appearance

    def encode(self, frames, light=None, still=None) -> tuple[torch.Tensor, torch.Tensor]:
        """Frame by frame: uint8 (B, T, H, W, C) -> points (B, T, D), appearance (B, T, A).

        Args:
            light, still: as of `Stretch`; for training alone.

        Raises:
            ConfigError: the frames have another shape or type than the model was built for.
        """
        c = self.config
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (c.size, c.size, c.channels) or not str(frames.dtype).endswith("uint8"):
            found = f"{frames.dtype} {tuple(frames.shape)}"
            raise ConfigError(f"frames {found}: this model takes uint8 (B, T, {c.size}, {c.size}, {c.channels})")
        batch = to_pixels(frames, self.device)
        if light is not None:
            batch = dimmed(batch, light.to(self.device), None if still is None else to_pixels(still[:, None], self.device))
        batch = self.visible(batch)
        points, appearance = self.encoder(batch.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        return points.unflatten(0, batch.shape[:2]), appearance.unflatten(0, batch.shape[:2])

    def visible(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the encoder is shown of pictures (..., C, H, W) in 0 to 1: if it is centred, how they differ from the mean one."""
        return pictures - self.decoder.background.detach() if self.config.centred else pictures

    def observe(self, frames, actions=None, before: LatentState | None = None) -> LatentState:
        """Watch frames and say what is believed after each.

        Args:
            frames: uint8 (B, T, H, W, C), array or tensor.
            actions: (B, T, A), the action that led to each frame; zeros where it is left out.
            before: the state that the clip so far has led to; the frames carry it on (its still picture stays).
        """
        state = self.track(*self.encode(frames), actions, before)
        if not self.config.still:
            return state
        still = still_picture(frames).unsqueeze(1) if before is None else before.still[:, -1:]
        return replace(state, still=still.expand(-1, frames.shape[1], -1, -1, -1))

    def track(self, points, appearance, actions=None, before: LatentState | None = None) -> LatentState:
        """`observe` for frames that are already encoded: points (B, T, D), appearance (B, T, A)."""
        c, reach = self.config, self.config.window - 1
        if c.actions:
            actions = points.new_zeros(*points.shape[:2], c.actions) if actions is None else as_tensor(actions, points)
            if actions.shape != (*points.shape[:2], c.actions):
                raise ConfigError(f"actions {tuple(actions.shape)}: these frames need {(*points.shape[:2], c.actions)}")
            actions = actions.sign() if c.choices else actions
        elif actions is not None:
            raise ConfigError("this model was built without actions")
        past = 0 if before is None else before.seen[:, -1:]
        seen = past + torch.arange(1, points.shape[1] + 1, device=points.device).view(1, -1, 1).expand(len(points), -1, 1)
        mean = torch.cumsum(appearance, 1) if before is None else before.appearance[:, -1:] * past + torch.cumsum(appearance, 1)
        shared = {"points": points, "appearance": mean / seen, "seen": seen.float(), "action": actions}
        if self.evidence is None:
            last = points[:, :1] if before is None else before.points[:, -1:]
            memory = self.dynamics.observe(points, actions, None if before is None else before.memory[:, -1])
            speed = torch.cat([last, points], 1).diff(dim=1)
            nothing = points.new_zeros(*points.shape[:2], 0)
            return LatentState(speed=speed, belief=Belief(nothing, nothing), memory=memory, **shared)
        if before is None:  # the first frame stands in for those before it
            window, window_actions = points[:, :1].expand(-1, reach, -1), points.new_zeros(len(points), reach, c.actions)
        else:
            short = max(0, reach - before.points.shape[1])
            window = torch.cat([before.points[:, :1].expand(-1, short, -1), before.points[:, -reach:]], 1)
            if c.actions:
                pad = points.new_zeros(len(points), short, c.actions)
                window_actions = torch.cat([pad, before.action[:, -reach:]], 1)
        window_actions = torch.cat([window_actions, actions], 1) if c.actions else None
        guess, weight, speed = self.evidence(torch.cat([window, points], 1), window_actions, seen)
        belief = accumulate(guess, weight, None if before is None else before.belief[:, -1])
        return LatentState(speed=speed, belief=belief, memory=points.new_zeros(*points.shape[:2], 0), **shared)

    def imagine(self, state: LatentState, actions: torch.Tensor | int, belief: Belief | None = None) -> LatentState:
        """Carry the last moment of ``state`` on without frames.

        Args:
            actions: (B, S, A) or, in a world that is only watched, a number of steps S.
            belief: the constants (B, K) to imagine under, instead of those that were observed.

        Returns:
            the S imagined moments; appearance and belief stay as they are.

        Raises:
            ConfigError: actions where steps are due or the reverse, actions of another shape, or no step at all.
        """
        if (self.config.actions > 0) == isinstance(actions, int):
            raise ConfigError(f"this model takes {'actions (B, S, A)' if self.config.actions else 'a number of steps'}")
        steps = actions if isinstance(actions, int) else actions.shape[1]
        if steps < 1:
            raise ConfigError(f"{steps} steps: there is nothing to imagine")
        if not isinstance(actions, int) and actions.shape != (len(state.points), steps, self.config.actions):
            raise ConfigError(f"actions {tuple(actions.shape)}: this needs {(len(state.points), steps, self.config.actions)}")
        last = state[:, -1]
        if not isinstance(actions, int):
            actions = as_tensor(actions, last.points)
            actions = actions.sign() if self.config.choices else actions
        belief = belief.to(last.points.device) if belief else last.belief
        points, speed, memory, path = last.points, last.speed, last.memory, []
        for step in range(steps):
            action = None if isinstance(actions, int) else actions[:, step]
            if self.evidence is None:
                before = points
                points, memory = self.dynamics(points, memory, action)
                speed = points - before
            else:
                points, speed = self.dynamics(points, speed, belief.mean, action)
            path.append((points, speed, memory))
        points, speed, memory = (torch.stack(parts, 1) for parts in zip(*path))

        def hold(value):
            return None if value is None else value.unsqueeze(1).expand(-1, steps, *value.shape[1:])

        kept = Belief(hold(belief.mean), hold(belief.weight))
        actions = None if isinstance(actions, int) else actions
        return LatentState(points, speed, hold(last.appearance), kept, memory, hold(last.seen), actions, hold(last.still))

    def paint(self, points: torch.Tensor, appearance: torch.Tensor, still=None) -> torch.Tensor:
        """The decoder over (B, T), over still pictures uint8 (B, T, H, W, C) where the model has them: float (B, T, C, H, W)."""
        still = to_pixels(still, points.device).flatten(0, 1) if self.config.still else None
        return self.decoder(points.flatten(0, 1), appearance.flatten(0, 1), still).unflatten(0, points.shape[:2])

    @torch.no_grad()
    def decode(self, state: LatentState) -> torch.Tensor:
        """Frames of a state, uint8 (B, T, H, W, C)."""
        frames = self.paint(state.points, state.appearance, state.still).movedim(2, -1)
        return (frames * 255).round().clamp(0, 255).to(torch.uint8)

    def outcomes(self, before: LatentState, after: LatentState) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of steps from each moment to the one in its place in ``after``: the reward if that is no end, the reward if it is one,
        and how likely that is.

        Each (B, T).

        Raises:
            ConfigError: the model was trained on videos without rewards.
        """
        if self.outcome is None:
            raise ConfigError("this model was trained on videos without rewards")
        running, finals, end = self.outcome(before, after)
        running, final = (reward.clamp(*limits) for reward, limits in zip((running, finals.mean(0)), self.outcome.logged[2:].T))
        return running, final, torch.sigmoid(end)

    def reward(self, before: LatentState, after: LatentState) -> tuple[torch.Tensor, torch.Tensor]:
        """Expected reward and the probability of an end, both (B, T); see `outcomes`."""
        running, final, end = self.outcomes(before, after)
        return (1 - end) * running + end * final, end

    @torch.no_grad()
    def features(self, frames, batch: int = 64) -> np.ndarray:
        """What a probe sees: float32 (B, T, F), the state after each frame, a batch of clips at a time."""
        parts = [self.observe(frames[i : i + batch]).vector().cpu().numpy() for i in range(0, len(frames), batch)]
        return np.concatenate(parts)


def to_pixels(frames, device) -> torch.Tensor:
    """uint8 (B, T, H, W, C), array or tensor -> float (B, T, C, H, W) in 0 to 1 on the device."""
    frames = torch.as_tensor(np.ascontiguousarray(frames) if isinstance(frames, np.ndarray) else frames)
    return frames.to(device).movedim(-1, -3).float() / 255


def dimmed(frames: torch.Tensor, light: torch.Tensor, still: torch.Tensor | None = None) -> torch.Tensor:
    """Frames (B, T, C, H, W) whose contrast to ``still`` (B, 1, C, H, W) is ``light`` (B, T, h, w) times as great, smoothly.

    Without a still picture the median of each frame stands for it: in a plain scene, the ground.
    """
    light = F.interpolate(light, frames.shape[-2:], mode="bilinear", align_corners=True).unsqueeze(2)
    middle = frames.flatten(3).median(-1)[0][..., None, None] if still is None else still
    return middle + (frames - middle) * light


def still_picture(frames) -> torch.Tensor:
    """What stays in a clip: the median of each pixel, uint8 (B, T, H, W, C) -> (B, H, W, C)."""
    return torch.as_tensor(frames).flatten(2).median(1)[0].unflatten(1, frames.shape[2:])


def as_tensor(values, like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)


@torch.no_grad()
def at_rest(model: WorldModel, state: LatentState, belief: Belief | None = None) -> LatentState:
    """The same moment (B, 1) with all bodies at rest, under the belief (B, K) that they are to move on by.

    Whether a speed is that of the frame or of the move before it is for training to choose. A body is at rest where, by the
    model's own next step, it moves by half of its change of speed: as any does that starts from rest and is accelerated.
    """
    if model.config.actions or model.evidence is None:
        raise ConfigError("rest is told apart by a model with a belief, in a world that is only watched")
    constants = (belief or state.belief[:, -1]).mean
    points, speed = state.points[:, -1], torch.zeros_like(state.points[:, -1])
    kept, least = speed, torch.full_like(speed[:, :1], torch.inf)
    for _ in range(5):
        after, speed_after = model.dynamics(points, speed, constants)
        better = speed - (after - points) + (speed_after - speed) / 2
        off = (better - speed).norm(dim=-1, keepdim=True)  # where the network is steep the search leads away: keep the nearest
        kept, least, speed = torch.where(off < least, speed, kept), torch.minimum(off, least), better
    return replace(state, speed=kept.unsqueeze(1))
