"""What training minimises: see the frame again, move smoothly, and foretell the latents many frames on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .belief import PRIOR_WEIGHT, SPEED_SCALE, Belief
from .ranks import whole
from .sigreg import sigreg
from .world_model import LatentState, WorldModel, still_picture, to_pixels

PIXEL_ERROR = 0.1  # px; open-loop errors count linearly above it, so that rare misses at contacts do not drown flight
SIGREG = 10.0  # weight of `sigreg`; the test statistic of a batch of 100 would have 0.1
PLACE_SPREAD = 2.0  # points lie within -1 and 1: brings them to the spread that `sigreg` asks for
STIRRED = 0.05  # of a picture's half
TURN, SHIFT = 0.3, 0.25  # rad, and of a picture's half: how far it is turned and shifted at most, to see whether points follow
CROWD = 0.25  # of a picture's half: landmarks that are nearer to each other crowd
ALIKE = 0.1  # of a picture's half: an anchor that varies less over clips and times is held to be nearly the same in all
FLAT = 0.01  # a latent that varies less, over clips and times, tells nothing: the share of them is logged as ``flat``
PAID = 1.0  # weight of what rewards are misjudged by, squared, in units of their spread
SPARE = 0.1  # weight of what the networks add to a body that is accelerated evenly, in 1/SPEED_SCALE of a picture's half


@dataclass(frozen=True)
class Stretch:
    """What a step of the search sees: a stretch of each of B clips, and what was drawn to make it harder.

    Attributes:
        frames: uint8 (B, L, H, W, C).
        another: uint8 (B, 1, H, W, C), from any time of the same clips; (B, 3, ...) of three times for anchors to be steady.
        still: the clips' still pictures, uint8 (B, H, W, C), for a model that paints over them.
        light: shares (B, L, h, w) of the contrast (to a still picture) that the encoder gets to see in parts of each frame.
            The frames to be painted keep theirs, and a path is to be straight through the flicker.
        off: px by which points are off when they are painted, (B, L, D): what they tell in hundredths of a pixel alone is lost,
            as it would be in a dream, and so comes to be told by more.
        actions, rewards: that led to each frame (B, L, A) and came with it (B, L), in units of their spread; NaN where none did.
        warp: how the first frames are turned and shifted to find landmarks, (B, 3) in -1 to 1.
    """

    frames: torch.Tensor
    another: torch.Tensor
    still: torch.Tensor | None = None
    light: torch.Tensor | None = None
    off: torch.Tensor | None = None
    warp: torch.Tensor | None = None
    actions: torch.Tensor | None = None
    rewards: torch.Tensor | None = None


def find_loss(
    model: WorldModel,
    given: Stretch,
    straighten: float = 0.0,
    steady: float = 0.0,
    stir: float = 0.0,
    landmarks: float = 0.0,
    weight=None,
) -> dict[str, torch.Tensor]:
    """Reconstruction of two frames of each stretch, and straightness of the points' paths.

    They are painted with the appearance of another frame of their clips: so what moves must go through the points.

    Args:
        straighten: weight of the third difference of the points, as a share of their spread (label-free smoothness:
            a body in flight has none; a relative penalty cannot be escaped by shrinking). 0 until the body is found.
        steady: weight of what anchors move within clips, as a share of their variance over all: an anchor that follows a
            body says nothing of another time, is painted nowhere, and would never come to learn better.
        stir: weight of what the coordinate that varies most, over clips and times, lacks of `STIRRED` (a hinge on the spread,
            as in VICReg, Bardes et al. 2022): where one thing stands out in every frame, all points may settle on it.
        landmarks: weight of what points lack of being landmarks; see `wandering_off` and `crowded`.
        weight: what an error of each pixel counts, (C, H, W); None: all alike.
    """
    points, seen = model.encode(given.frames, given.light, given.still)
    _, appearance = model.encode(given.another[:, :1])
    wandering = 0.0
    if steady:
        anchors = 2 * model.config.anchors
        _, calm = model.encode(still_picture(given.another).unsqueeze(1))
        calm = calm[..., :anchors]
        appearance = torch.cat([calm, appearance[..., anchors:]], -1)
        wandering = unsteadiness(whole(seen[..., :anchors].mean(1)), whole(calm[:, 0].detach()))
    shown = points if given.off is None else points + given.off.to(points) * 2 / model.config.size
    reconstruction = _reconstruction(model, given, shown, appearance, weight)
    astray = 0.0
    if landmarks:
        astray = wandering_off(model, given.frames[:, :1], points[:, 0], given.warp.to(points)) + crowded(points[:, 0])
    misjudged = 0.0 if given.rewards is None else misjudging(model, given, points, seen)
    points = whole(points)
    spread = points.std((0, 1))
    third = points[:, 3:] - 3 * points[:, 2:-1] + 3 * points[:, 1:-2] - points[:, :-3]
    straightness = (torch.sqrt(third**2 + 1e-8) / (spread + 1e-2)).mean()
    unstirred = F.relu(1 - spread.max() / STIRRED)
    loss = reconstruction + straighten * straightness + steady * wandering + stir * unstirred + landmarks * astray
    return {
        "loss": loss + PAID * misjudged,
        "reconstruction": reconstruction,
        "straightness": straightness,
        "flat": (spread < FLAT).float().mean(),
    }


def unsteadiness(now: torch.Tensor, then: torch.Tensor) -> torch.Tensor:
    """Share of the variance of values (B, K) at two times that lies within the clips: 0 for what stays, 1 for what forgets.

    Where next to nothing varies, as in the height of a spot on level ground, a share alone would be as great however little is
    left, and nothing would draw it to 0: there it falls with the variance itself.
    """
    within = (now - then).square().mean(0) / 2
    return (within / (torch.cat([now, then]).var(0) + ALIKE**2)).mean()


def misjudging(model: WorldModel, given: Stretch, points: torch.Tensor, appearance: torch.Tensor) -> torch.Tensor:
    """Squared error of the rewards of all frames but the first, foretold from what is seen in them."""
    rewards = given.rewards[:, 1:].to(points)
    there = ~rewards.isnan()
    error = (model.worth(points, appearance, given.actions.to(points)) - rewards.nan_to_num()).square() * there
    return whole(error).sum() / whole(there.float()).sum().clamp(min=1)


def wandering_off(model: WorldModel, frames, points: torch.Tensor, warp: torch.Tensor) -> torch.Tensor:
    """Mean px between the points of a turned and shifted picture and its points (B, D), turned and shifted alike.

    Nothing to a landmark, which is tied to a place on a body (Thewlis et al. 2017). Without it points may tell a place by any
    path that a decoder can follow, folded ones too, and no law in such points is simple.

    Args:
        frames: uint8 (B, 1, H, W, C). warp: (B, 3) in -1 to 1, of `TURN` and, right and up, of `SHIFT`.
    """
    angle, shift = TURN * warp[:, 0], SHIFT * warp[:, 1:]
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)  # (B, 2, 2)
    picture = model.visible(to_pixels(frames, points.device))[:, 0]  # where it is centred, the mean picture is not turned
    down = warp.new_tensor([1.0, -1.0])  # rows of a picture go down
    # The warped picture shows at `turn.T @ (place - shift)` what this one shows at `place`.
    where = F.affine_grid(torch.cat([turn, (down * shift).unsqueeze(-1)], -1), picture.shape, align_corners=False)
    edge = "zeros" if model.config.centred else "border"
    seen, _ = model.encoder(F.grid_sample(picture, where, padding_mode=edge, align_corners=False))
    due = down * torch.einsum("bji,bkj->bki", turn, down * (points.unflatten(1, (-1, 2)) - shift.unsqueeze(1)))
    error = (seen - due.flatten(1)) * (model.config.size / 2)
    return whole(torch.sqrt(error**2 + PIXEL_ERROR**2) - PIXEL_ERROR).mean()


def crowded(points: torch.Tensor) -> torch.Tensor:
    """How near the points of (B, D) are to each other, 1 where all are in one place: a separation as in Zhang et al. 2018.

    Theirs falls off as a Gaussian does, flat at its top, and lets points rest that have come to be in one place. This has a
    peak there, which drives them apart.
    """
    places = points.unflatten(1, (-1, 2))
    first, second = torch.triu_indices(places.shape[1], places.shape[1], 1)
    apart = torch.sqrt((places[:, first] - places[:, second]).square().sum(-1) + 1e-8)
    return whole(torch.exp(-apart / CROWD)).mean()


def _reconstruction(model: WorldModel, given: Stretch, points, appearance, weight=None) -> torch.Tensor:
    """Squared error of the first and the middle frame of each stretch, painted with an appearance (B, 1, A)."""
    shown = [0, points.shape[1] // 2]
    target = to_pixels(given.frames[:, shown], points.device)
    still = None if given.still is None else given.still[:, None].expand(-1, 2, -1, -1, -1)
    painted = model.paint(points[:, shown], appearance.expand(-1, 2, -1), still)
    error = (painted - target).square()
    return whole((error if weight is None else weight * error).sum((2, 3, 4))).mean() / 100


def jepa_loss(model: WorldModel, given: Stretch, generator: torch.Generator | None = None) -> dict[str, torch.Tensor]:
    """Embeddings of frames foretold from those before them and kept from collapse by `sigreg` (LeWorldModel, Maes et al. 2026).

    Paths are not straightened and anchors not steadied besides. The decoder paints from detached latents: to be looked at,
    nothing learns from it.
    """
    points, appearance = model.encode(given.frames, given.light, given.still)
    z = torch.cat([points * PLACE_SPREAD, appearance], -1)
    foretold = whole((model.predictor(z) - z[:, 3:]).square().mean((1, 2))).mean()
    even = sigreg(z, generator)
    reconstruction = _reconstruction(model, given, points.detach(), model.encode(given.another[:, :1])[1].detach())
    loss, flat = foretold + SIGREG * even + reconstruction, (whole(z).std((0, 1)) < FLAT).float().mean()
    return {"loss": loss, "foretold": foretold, "sigreg": even, "reconstruction": reconstruction, "flat": flat}


def predict_loss(model: WorldModel, clips: dict[str, torch.Tensor], starts: torch.Tensor, ends: torch.Tensor, horizon: int):
    """Error of ``horizon`` imagined frames from several starts in each clip, in px; and of reward and end where logged.

    A belief gathered up to the start must serve, and for half of the starts one gathered up to another frame, before it or
    after (leaving out the imagined stretch). A constant is a constant: so frames in which nothing shows it, such as a ball
    at rest, learn to keep silent, and the dynamics learn not to guess from the start what the belief should tell.

    Args:
        clips: ``points`` (B, T, D), ``appearance`` (B, T, A), and for logged videos ``actions`` (B, T, A), ``rewards``,
            ``ends``, ``valid`` (B, T); ``valid`` is 0 after an episode's end.
        starts: (B, S) frames to imagine from.
        ends: (B, S) frames up to which each belief is gathered.
    """
    points, actions = clips["points"], clips.get("actions")
    learns_by_imagining = model.config.dynamics != "rssm"  # which learns by what it sees next, and never by what it imagines
    if not learns_by_imagining and model.outcome is None:
        return model.dynamics.losses(points, actions, model.config.size / 2)
    with torch.set_grad_enabled(learns_by_imagining):
        state = model.track(points, clips["appearance"], actions)
    rows = torch.arange(len(points), device=points.device)[:, None]
    steps = starts[..., None] + torch.arange(1, horizon + 1, device=points.device)  # (B, S, horizon)

    def ahead(name):
        return clips[name][rows[..., None], steps].flatten(0, 1)

    begin = state[rows, starts].apply(lambda value: value.flatten(0, 1).unsqueeze(1))
    belief = None if model.evidence is None else belief_elsewhere(state, starts, ends, horizon, model.config.window)
    with torch.set_grad_enabled(learns_by_imagining):
        path = model.imagine(begin, horizon if actions is None else ahead("actions"), belief)
    error = (path.points - ahead("points")) * (model.config.size / 2)
    error = torch.sqrt(error**2 + PIXEL_ERROR**2) - PIXEL_ERROR
    valid, valid_ahead = (clips["valid"], ahead("valid")) if "valid" in clips else (None, None)
    open_loop = _mean(error, valid_ahead)
    losses = {"loss": open_loop, "open_loop": open_loop}
    if not learns_by_imagining:
        losses = model.dynamics.losses(points, actions, model.config.size / 2) | {"open_loop": open_loop}
    elif belief is not None:
        losses["added"] = additions(model, state, begin, path, belief, valid, valid_ahead)
        losses["loss"] = open_loop + SPARE * losses["added"]
    if model.outcome is not None:
        log = [clips[name][:, 1:] for name in ("rewards", "ends", "valid")]  # nothing led to the first frame
        seen = outcome_loss(model, state[:, :-1], state[:, 1:], *log)
        losses["outcome"] = seen + outcome_loss(model, begin.then(path), path, ahead("rewards"), ahead("ends"), valid_ahead)
        losses["loss"] = losses["loss"] + losses["outcome"]
    return losses


def belief_elsewhere(state: LatentState, starts, ends, horizon: int, window: int) -> Belief:
    """What was gathered up to frames ``ends`` (B, S), but for the stretches imagined from ``starts``: (B * S, K)."""
    rows = torch.arange(len(starts), device=starts.device)[:, None]
    mass = state.belief.weight - PRIOR_WEIGHT
    total = state.belief.mean * state.belief.weight
    # Windows that reach back into the imagined stretch are left out: the first clear of it is `window` frames on.
    clear = (starts + horizon + window - 1).clamp(max=total.shape[1] - 1)
    later = torch.maximum(ends, clear)
    early = torch.minimum(starts, ends)
    total = total[rows, early] + total[rows, later] - total[rows, clear]
    mass = mass[rows, early] + mass[rows, later] - mass[rows, clear] + PRIOR_WEIGHT
    return Belief((total / mass).flatten(0, 1), mass.flatten(0, 1))


def additions(model: WorldModel, seen: LatentState, begin: LatentState, path: LatentState, belief: Belief, valid, valid_ahead):
    """How far speeds ``seen`` are from the last move, and imagined moves from those of even acceleration, on average.

    Without a price on it, a speed may be off by anything that the dynamics then take back; and where bodies are rare they
    would not know to.
    """
    points, speed = (torch.cat([getattr(begin, name), getattr(path, name)], 1) for name in ("points", "speed"))
    pull = model.dynamics.pull(belief.mean.unsqueeze(1).expand(-1, path.points.shape[1], -1), path.action)
    jumps, kicks = points.diff(dim=1) - path.speed, speed.diff(dim=1) - pull
    observed = seen.speed[:, 1:] - seen.points.diff(dim=1)
    observed = _mean(observed, None if valid is None else valid[:, 1:])
    return SPEED_SCALE * (observed + (_mean(jumps, valid_ahead) + _mean(kicks, valid_ahead)) / 2)


def _mean(error: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
    """The mean size of errors (B, T, D) over the moments (B, T) that are ``valid``, or over all."""
    size = whole(error.abs().mean(-1))
    return size.mean() if valid is None else (size * whole(valid)).sum() / whole(valid).sum().clamp(min=1)


def outcome_loss(model: WorldModel, before: LatentState, after: LatentState, rewards, ends, valid) -> torch.Tensor:
    """Squared error of the reward, in units of its spread, and cross-entropy of the end, over ``valid`` moments (B, T).

    Rewards at ends are averaged by themselves, for there are few, and over those who foretell them.
    """
    last = valid * ends > 0
    running, final, end = model.outcome(before, after, last)
    (unit, unit_of_ends), over = model.outcome.logged[1], whole(valid * ends)
    on_the_way = (1 - ends) * ((running - rewards) / unit) ** 2
    each = whole(on_the_way + F.binary_cross_entropy_with_logits(end, ends, reduction="none"))
    paid = torch.zeros_like(rewards).masked_scatter(last, (((final - rewards[last]) / unit_of_ends) ** 2).mean(0))
    valid = whole(valid)
    return (each * valid).sum() / valid.sum().clamp(min=1) + whole(paid).sum() / over.sum().clamp(min=1)
