"""Fit a world model to videos, in two phases: find what moves (encoder, decoder), then foretell it (evidence, dynamics).

The second phase runs on latents that were encoded once, and so costs no convolutions. What a step draws follows from
(seed, phase, step) alone: a resumed run needs no generator state to go on bit for bit, and the ranks of a run under `torchrun`
draw the same clips, of which each takes its share.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..files import held
from ..model import WorldModel, WorldModelConfig
from ..model.objectives import Stretch, find_loss, jepa_loss, predict_loss
from ..model.ranks import average_gradients, join_ranks, rank_and_ranks, whole
from ..model.world_model import still_picture, to_pixels
from ..settings import ConfigError, TrainingDiverged, check_config, choose_device, generator
from ..videos import Videos
from . import checkpoint
from .log import Log
from .optimizer import optimizers, set_rate

LOOK = (0.0, 0.15, 0.3)  # shares of `find`
FIRST = 2  # earliest start of a rollout: one or two frames hide a speed, and guessing it would pull the later ones to a mean


@dataclass(frozen=True)
class FitConfig:
    """How to train. A step of `find` sees ``find_clips`` short stretches, one of `predict` ``predict_clips`` whole clips."""

    seed: int = 0
    find_steps: int = 800
    find_clips: int = 24
    find_frames: int = 6  # length of a stretch
    find_rate: float = 2.4e-2  # peak learning rate of matrices; see `optimizer`
    find_decay: float = 1e-4  # of the weights
    straighten: float = 0.3  # weight of straightness, once the body is found: it grows over a third of the search
    straighten_from: float = 0.2  # from this share of it on
    steady: float = 0.0  # weight of anchors' wandering within clips; for scenes with something that stays and must be found
    stir: float = 0.0  # weight of the points' moving at all; for scenes where what stands out most never moves
    level: float = 0.0  # how far pixels that vary little count for more, so that what is thin or pale is painted: see `leveled`
    noise: float = 0.0  # px on points that are painted, so that what moves by little is told by much
    landmarks: float = 0.0  # weight of points' moving as pictures are moved, and of keeping off each other; see `find_loss`
    apart: bool = False  # send points of no use to look elsewhere, at the shares `LOOK` of the search
    flicker: float = 0.5  # light taken away at random from parts of a frame, so that places do not hang on brightness
    predict_steps: int = 1500
    predict_clips: int = 128
    predict_rate: float = 2.4e-2
    predict_decay: float = 1e-4  # the more, the less is known by heart, where clips are few
    starts: int = 4  # rollouts from each clip in a step
    horizon: int = 10  # frames in a rollout; where all falls, as many as an error grows fivefold in; few before a floor
    save_every: int = 500  # steps between checkpoints
    bf16: bool = True  # where the hardware has it, for the convolutions

    def __post_init__(self):
        check_config(self, find_steps=(0, 1e7), predict_steps=(0, 1e7), find_clips=(1, 1e5), predict_clips=(1, 1e5))
        check_config(self, find_frames=(4, 1e4), find_rate=(0, 1), predict_rate=(0, 1), find_decay=(0, 1), predict_decay=(0, 1))
        check_config(self, straighten=(0, 1e3), steady=(0, 1e3), stir=(0, 1e3), landmarks=(0, 1e3), flicker=(0, 1))
        check_config(self, starts=(1, 1e4), horizon=(1, 1e3))
        check_config(self, save_every=(1, 1e7), seed=(0, 2**31), straighten_from=(0, 1), level=(0, 1), noise=(0, 16))

    @property
    def steps(self) -> int:
        return self.find_steps + self.predict_steps


FULL = FitConfig()
QUICK = FitConfig(find_steps=350, predict_steps=250)
PRESETS = {"quick": QUICK, "full": FULL}


def fit(
    videos: Videos,
    config: FitConfig = FULL,
    sizes: WorldModelConfig = WorldModelConfig(),
    out=None,
    device: str = "auto",
    progress: bool = True,
    tensorboard: bool = False,
    eyes: WorldModel | None = None,
) -> WorldModel:
    """Train a world model on frames (and on the log, where there is one). Never opens the truth.

    Args:
        sizes: the model; size, channels, actions and rewards are taken from the videos.
        out: a folder for checkpoints and log; a run found there goes on where it was saved.
        eyes: a model of the same sizes whose encoder and decoder are taken over, to begin with.

    Under ``torchrun`` every process calls this alike; the first of them saves, and all return the same model.

    Raises:
        ConfigError: the clips are too short, ``out`` holds a run with other settings or one that another process is training,
            the ranks cannot share a step evenly, or a jepa is given settings of how frames are painted.
        TrainingDiverged: a loss that is not finite, naming step and clips; the last checkpoint stays.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after a checkpoint was saved (by many ranks: or the last regular one).
    """
    shortest = max(config.find_frames, FIRST + config.horizon + 1)
    if not len(videos) or videos.shape[0] < shortest:
        raise ConfigError(f"{len(videos)} clips of {videos.shape[0]} frames: training needs clips of {shortest} frames or more")
    size = videos.shape[1]
    logged = {"actions": videos.action_size, "choices": videos.choices, "rewards": videos.rewards is not None}
    sizes = replace(sizes, size=size, channels=videos.shape[3], **logged)
    if config.apart and not sizes.centred:
        raise ConfigError("apart: points look apart in what differs from the mean picture, so the model must be centred")
    if config.landmarks and sizes.encoder != "points":
        raise ConfigError(f"landmarks: an encoder of points can find them, not a {sizes.encoder}")
    painting = [name for name in ("steady", "stir", "level", "noise", "landmarks") if getattr(config, name)]
    if sizes.jepa and (painting or sizes.paid):
        asked = ", ".join(painting + ["paid"] * sizes.paid)
        raise ConfigError(f"{asked}: of how frames are painted and paid, from which a jepa does not learn")
    if sizes.paid and videos.rewards is None:
        raise ConfigError("paid: eyes cannot learn from rewards, as these videos have none")
    device = join_ranks(choose_device(device))
    if config.find_clips % rank_and_ranks()[1] or config.predict_clips % rank_and_ranks()[1]:
        raise ConfigError(f"find_clips and predict_clips must be multiples of the {rank_and_ranks()[1]} ranks")
    torch.manual_seed(config.seed)
    model = WorldModel(sizes).to(device)
    if sizes.centred:
        model.decoder.background.data.copy_(mean_picture(videos))
    if eyes is not None:
        model.encoder.load_state_dict(eyes.encoder.state_dict())
        model.decoder.load_state_dict(eyes.decoder.state_dict())
    run = _Run(model, videos, config, device, Path(out) if out else None, progress, tensorboard)
    with run.alone():
        run.resume()
        run.agree()
        with _stop_between_updates(run):
            run.phase("find", 0, config.find_steps, run.find_step)
            run.phase("predict", config.find_steps, config.steps, run.predict_step)
    return model.eval()


class _Run:
    """One training run: where it is, and what one step of each phase does."""

    def __init__(self, model, videos, config, device, out, progress, tensorboard):
        self.model, self.videos, self.config, self.device, self.out = model, videos, config, device, out
        self.rank, self.ranks = rank_and_ranks()
        self.progress, self.step, self.optimizers, self.still, self.weight = progress and self.rank == 0, 0, None, None, None
        self.about = {"fit": asdict(config), "videos": videos.digest}
        self.updating, self.asked_to_stop = False, False
        self.log = Log(out if self.rank == 0 else None, tensorboard)
        self.bf16 = config.bf16 and has_bf16(device)

    def resume(self):
        if self.out is None or not (self.out / "manifest.json").exists():
            return self.log.forget_after(0)
        manifest, saved = checkpoint.read_manifest(self.out), checkpoint.load(self.out)
        about = manifest["about"]
        about["fit"] = asdict(FitConfig()) | about.get("fit", {})  # a run saved before a setting existed has its default
        if about != self.about or saved.config != self.model.config:
            raise ConfigError(f"{self.out}: holds a run with other settings or videos; give another folder or the same")
        self.model.load_state_dict(saved.state_dict())
        self.step = manifest["step"]
        self.log.forget_after(self.step)

    @contextlib.contextmanager
    def alone(self):
        """Refuse a second run that would write into the same folder at the same time."""
        if self.log.file is None:
            yield
            return
        try:
            with held(self.log.file, wait=False):
                yield
        except BlockingIOError:
            raise ConfigError(f"{self.out}: another process is training here") from None

    def agree(self):
        """Refuse to train with ranks that stand elsewhere: they do not share the folder of checkpoints."""
        steps = whole(torch.tensor([self.step], device=self.device))
        if len(steps.unique()) > 1:
            raise ConfigError(f"the ranks stand at steps {steps.tolist()}: they must share the folder {self.out}")

    def phase(self, name, begin, end, step_of_phase):
        """Steps [begin, end) with one optimiser and one learning-rate schedule; passes over what a resumed run has done."""
        if self.step >= end:
            return
        parts = {"find": ["encoder", "decoder", "predictor", "worth"], "predict": ["evidence", "dynamics"]}[name]
        trained, heads, committee = self.parameters(*parts), [], []
        if name == "predict" and self.model.outcome is not None:
            heads, committee = (list(part.parameters()) for part in (self.model.outcome.network, self.model.outcome.committee))
        rate, decay = (getattr(self.config, f"{name}_{what}") for what in ("rate", "decay"))
        self.optimizers = optimizers(trained, rate, decay, heads, committee)
        parameters = trained + heads + committee
        if self.step > begin:
            checkpoint.load_optimizers(self.out, self.optimizers)
        if name == "predict":
            self.clips = encode_all(self.model, self.videos)
            if self.model.outcome is not None:
                self.model.outcome.scale_to(self.clips)
        else:
            self.still = still_pictures(self.videos) if self.model.config.still else None
            self.weight = leveled(self.videos, self.config.level).to(self.device) if self.config.level else None
            self.paid = (self.videos.actions, standard_rewards(self.videos)) if self.model.config.paid else ()
        bar = tqdm(range(self.step, end), name, end - begin, initial=self.step - begin, disable=not self.progress, leave=False)
        started = time.perf_counter()
        try:
            for step in bar:
                share = (step - begin) / (end - begin)
                warm = min(1, (step - begin + 1) / min(50, (end - begin) / 10))
                set_rate(self.optimizers, rate * warm * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-5)
                losses, clips = step_of_phase(step, share)
                if not math.isfinite(losses["loss"].item()):
                    raise TrainingDiverged(
                        f"step {step} ({name}): the loss is {losses['loss'].item()}; clips {clips[:8].tolist()} ..."
                    )
                for optimizer in self.optimizers:
                    optimizer.zero_grad()
                losses["loss"].backward()
                average_gradients(parameters)
                norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0).item()
                if not math.isfinite(norm):  # a step along it would spoil the weights that the next checkpoint saves
                    raise TrainingDiverged(f"step {step} ({name}): the gradient's norm is {norm}; clips {clips[:8].tolist()} ...")
                self.updating = True
                for optimizer in self.optimizers:
                    optimizer.step()
                self.step = step + 1
                if self.step % 50 == 0 or self.step == end:
                    values = {key: value.item() for key, value in losses.items()}
                    self.log.write(step=self.step, phase=name, seconds=time.perf_counter() - started, **values)
                self.updating = False
                if self.asked_to_stop:
                    raise KeyboardInterrupt
                if self.step % 50 == 0 or self.step == end:
                    bar.set_postfix(loss=f"{values['loss']:.3f}")
                    if values.get("flat", 0) > 0.9 and share > 0.5:  # one body alone leaves most points without a use
                        told = f"step {step} ({name}): collapsed, {values['flat']:.0%} of the latents hardly vary"
                        warnings.warn(told, stacklevel=2)
                if self.step % self.config.save_every == 0 or self.step == end:
                    self.save()
        except KeyboardInterrupt:
            self.save()
            raise

    def parameters(self, *parts):
        return [p for part in parts if getattr(self.model, part) is not None for p in getattr(self.model, part).parameters()]

    def save(self):
        if self.out is not None and self.rank == 0:
            checkpoint.save(self.model, self.out, self.step, self.optimizers, **self.about)

    def look_apart(self):
        """Send points that are of no use yet to look elsewhere, on a sample of the clips."""
        clips = generator(self.config.seed, 3).permutation(len(self.videos))[:128]
        some = self.videos.read(clips)[:, :: max(1, self.videos.shape[0] // 8)]
        torch.manual_seed(self.config.seed)
        pictures = (to_pixels(part, self.device).flatten(0, 1) for part in (some, still_picture(some)[:, None]))
        self.model.encoder.look_apart(*map(self.model.visible, pictures))

    def find_step(self, step, share):
        if self.config.apart and step in (round(part * self.config.find_steps) for part in LOOK):
            self.look_apart()
        c, rng = self.config, generator(self.config.seed, 0, step)
        clips, mine = rng.integers(0, len(self.videos), c.find_clips), slice(self.rank, None, self.ranks)
        start, other = (int(rng.integers(0, self.videos.shape[0] - length + 1)) for length in (c.find_frames, 1))
        light = 1 - c.flicker * rng.random((len(clips), c.find_frames, 2, 2), np.float32) if c.flicker else None
        clips = clips[mine]
        frames, another = (torch.from_numpy(self.videos.read(clips, t, t + n)) for t, n in ((start, c.find_frames), (other, 1)))
        if c.steady:
            more = rng.integers(0, self.videos.shape[0] // 2, 2)
            another = torch.cat([another, *(torch.from_numpy(self.videos.read(clips, int(t), int(t) + 1)) for t in more)], 1)
        still = None if self.still is None else self.still[clips]
        straighten = c.straighten * float(np.clip(3 * (share - c.straighten_from), 0, 1))  # first find, then straighten
        light = None if light is None else torch.from_numpy(light[mine])
        directions = torch.Generator().manual_seed(int(rng.integers(2**31)))
        off = None
        if c.noise:  # drawn for all ranks, as the light is
            drawn = rng.standard_normal((c.find_clips, c.find_frames, 2 * self.model.config.points), np.float32)
            off = c.noise * torch.from_numpy(drawn[mine])
        warp = torch.from_numpy(rng.uniform(-1, 1, (c.find_clips, 3))[mine]) if c.landmarks else None
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            led = (torch.from_numpy(values[clips, start : start + c.find_frames]) for values in self.paid)
            given = Stretch(frames, another, still, light, off, warp, *led)
            if self.model.config.jepa:
                return jepa_loss(self.model, given, directions), clips
            return find_loss(self.model, given, straighten, c.steady, c.stir, c.landmarks, self.weight), clips

    def predict_step(self, step, share):
        c, rng = self.config, generator(self.config.seed, 1, step)
        clips, frames = rng.integers(0, len(self.videos), c.predict_clips), self.videos.shape[0]
        starts = rng.integers(FIRST, frames - c.horizon, (c.predict_clips, c.starts))
        ends = np.where(rng.random(starts.shape) < 0.5, rng.integers(c.horizon, frames, starts.shape), starts)
        clips, starts, ends = (drawn[self.rank :: self.ranks] for drawn in (clips, starts, ends))
        batch = {name: values[clips] for name, values in self.clips.items()}
        torch.manual_seed(int(generator(c.seed, 2, step, self.rank).integers(2**31)))  # for dynamics that draw
        starts, ends = torch.from_numpy(starts).to(self.device), torch.from_numpy(ends).to(self.device)
        return predict_loss(self.model, batch, starts, ends, c.horizon), clips


@torch.no_grad()
def encode_all(model: WorldModel, videos: Videos, batch: int = 32) -> dict[str, torch.Tensor]:
    """Every clip as latents, with its log: what `predict_loss` takes, on the model's device."""
    rank, ranks = rank_and_ranks()
    mine = np.arange(rank, rank + -(-len(videos) // ranks) * ranks, ranks) % len(videos)  # all ranks get as many
    parts = [model.encode(videos.read(mine[i : i + batch])) for i in range(0, len(mine), batch)]
    clips = {"points": torch.cat([p for p, _ in parts]), "appearance": torch.cat([a for _, a in parts])}
    for name, values in clips.items():  # of ranks in turn -> in the order of the clips
        clips[name] = whole(values).unflatten(0, (ranks, -1)).transpose(0, 1).flatten(0, 1)[: len(videos)]
    bad = ~torch.stack([torch.isfinite(value).flatten(1).all(1) for value in clips.values()]).all(0)
    if bad.any():
        raise TrainingDiverged(f"the encoder's latents are not finite; clips {bad.nonzero()[:8, 0].tolist()} ...")
    if videos.action_size:
        clips["actions"] = torch.from_numpy(videos.actions)
    if videos.rewards is not None:
        clips["rewards"], clips["ends"] = torch.from_numpy(videos.rewards), torch.from_numpy(videos.ends).float()
        clips["valid"] = torch.from_numpy(still_going(videos)).float()
    return {name: value.to(model.device) for name, value in clips.items()}


def still_going(videos: Videos) -> np.ndarray:
    """Which frames (N, T) come no later than their episode's end."""
    return np.cumsum(videos.ends, 1) - videos.ends == 0


def standard_rewards(videos: Videos) -> np.ndarray:
    """The log's rewards (N, T) in units of their spread, less their mean; NaN where none came."""
    came = still_going(videos)
    came[:, 0] = False
    paid = videos.rewards[came]
    return np.where(came, (videos.rewards - paid.mean()) / (paid.std() + 1e-3), np.nan).astype(np.float32)


def still_pictures(videos: Videos, batch: int = 64) -> torch.Tensor:
    """The still picture of every clip, uint8 (N, H, W, C)."""
    starts = range(0, len(videos), batch)
    return torch.cat([still_picture(videos.read(np.arange(i, min(i + batch, len(videos))))) for i in starts])


def mean_picture(videos: Videos, batch: int = 64) -> torch.Tensor:
    """The mean (1, C, H, W) of the first and the middle frame of all clips, in 0 to 1."""
    starts, times = range(0, len(videos), batch), (0, videos.shape[0] // 2)
    parts = [videos.read(np.arange(i, min(i + batch, len(videos))), t, t + 1) for i in starts for t in times]
    total = sum(part.sum((0, 1), dtype=np.float64) for part in parts)
    return torch.from_numpy(total / (255 * len(times) * len(videos))).float().permute(2, 0, 1)[None]


def leveled(videos: Videos, level: float, clips: int = 100) -> torch.Tensor:
    """What an error of each pixel is to count, (C, H, W): the less, the more the pixel varies over a sample of the videos.

    One over its variance and ``1/level - 1`` times the greatest of all; scaled so that painting nothing costs as much as ever.
    """
    every = max(1, len(videos) // clips)
    pixels = to_pixels(videos.read(np.arange(0, len(videos), every))[:, :: max(1, videos.shape[0] // 16)], "cpu")
    variance = pixels.flatten(0, 1).var(0)
    weight = 1 / (variance + (1 / level - 1) * variance.max() + 1e-6)
    return weight * variance.sum() / (weight * variance).sum().clamp(min=1e-12)


def has_bf16(device: str) -> bool:
    """Whether bfloat16 is worth it: on a GPU that has it, and on a CPU whose vector unit multiplies it."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported()
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


@contextlib.contextmanager
def _stop_between_updates(run: _Run):
    """Ctrl-C and SIGTERM end the run, after an update where one is under way: half of one would be saved as a whole."""

    def stop(*_):
        run.asked_to_stop = True
        if not run.updating:
            raise KeyboardInterrupt

    watched = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    try:
        before = {number: signal.signal(number, stop) for number in watched}
    except ValueError:  # not in the main thread: no signal arrives here
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
