"""The camera: antialiased bodies on a plain or a cluttered background, many clips at a time.

Only the box of pixels around a body is drawn. A pixel's share of a disc falls from 1 to 0 across a band of EDGE pixels
around its rim, as the smooth step 3u^2 - 2u^3. That is as sharp as the exact share of the pixel's area (its variance is
EDGE^2 / 20, theirs 1 / 12) and keeps the centroid of a disc of 4 px to 0.01 px, where a straight ramp errs by 0.03 px.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..settings import ConfigError, check_config

CHUNK = 512  # frames drawn at once: what they need fits in a core's cache
EDGE = 1.5  # px, width of a disc's soft rim


# Brightness by role: the body that the law moves, a second one or a goal, and what only holds or marks.
BODY, SECOND, HOLDER = 0.9, 0.6, 0.35


@dataclass(frozen=True)
class Disc:
    """One filled disc per clip: ``centre`` (N, T, 2) in m, y up; ``radius`` (N,) in m; ``colour`` (N, C) in 0 to 1."""

    centre: np.ndarray
    radius: np.ndarray
    colour: np.ndarray

    @property
    def ends(self) -> tuple[np.ndarray, ...]:
        return (self.centre,)


@dataclass(frozen=True)
class Rod:
    """One straight rod with round ends per clip, ``start`` to ``stop`` (N, T, 2) in m; ``radius`` (N,) is half its width."""

    start: np.ndarray
    stop: np.ndarray
    radius: np.ndarray
    colour: np.ndarray

    @property
    def ends(self) -> tuple[np.ndarray, ...]:
        return (self.start, self.stop)


@dataclass(frozen=True)
class Camera:
    """How a clip looks. Appearance is drawn from its own generator, so it tells nothing of a constant."""

    size: int = 64  # pixels, height and width
    metres: float = 4.0  # m across the picture
    channels: int = 1  # 1 grey, 3 RGB
    background: float = 0.1  # brightness of a plain background, 0 to 1
    texture: float = 0.0  # contrast of a smooth random texture, one per clip
    noise: float = 0.0  # standard deviation of fresh noise in every pixel
    distractors: int = 0  # discs that move in circles and obey no law of the world
    vary: float = 0.0  # spread of brightness (and of colour) from clip to clip, of the background and of each body
    shake: float = 0.0  # px, standard deviation of the camera's jitter on each axis, drawn anew in each frame

    def __post_init__(self):
        check_config(self, size=(8, 4096), metres=(1e-6, 1e9), background=(0, 1), texture=(0, 1), noise=(0, 1))
        check_config(self, distractors=(0, 64), vary=(0, 0.5), shake=(0, 8))
        if self.channels not in (1, 3):
            raise ConfigError(f"Camera.channels is {self.channels}; it must be 1 (grey) or 3 (RGB)")

    @property
    def pixels_per_metre(self) -> float:
        return self.size / self.metres

    def film(self, bodies: list[Disc | Rod], rng: np.random.Generator) -> np.ndarray:
        """Draw the bodies in order, the last on top.

        Returns:
            uint8 (N, T, H, W, C).
        """
        n, frames = bodies[0].ends[0].shape[:2]
        shape = (n, frames, self.size, self.size, self.channels)
        plain = not (self.texture or self.vary)
        shift = rng.normal(0, self.shake, (n, frames, 2)) if self.shake else None  # px, of the picture: right and up
        if plain:
            picture = np.full(shape, round(255 * self.background), np.uint8)
        elif self.shake:
            picture = _shifted(self._backgrounds(n, rng), shift)
        else:
            picture = np.broadcast_to(self._backgrounds(n, rng)[:, None], shape).copy()
        distractors = self._distractors(n, frames, rng)
        if self.vary:
            bodies = [self._varied(body, rng) for body in bodies]
        for body in distractors + bodies:
            self._draw(picture, body, plain and len(bodies) == 1 and not self.distractors, shift)
        if self.noise:
            for clip in picture:  # a clip at a time: the noise of all of them would not fit in memory
                noisy = clip + np.float32(255 * self.noise) * rng.standard_normal(clip.shape, np.float32)
                clip[...] = np.clip(np.rint(noisy), 0, 255)
        return picture

    def _draw(self, picture, body, on_plain, shift):
        scale = np.float32(self.pixels_per_metre)
        n, frames = picture.shape[:2]
        flat = picture.reshape(n * frames, self.size, self.size, self.channels)
        ends = [end.reshape(-1, 2).astype(np.float32) * scale for end in body.ends]
        if shift is not None:
            ends = [end + shift.reshape(-1, 2).astype(np.float32) for end in ends]
        radius = np.repeat(body.radius.astype(np.float32) * scale, frames)
        colour = np.repeat(255 * body.colour.astype(np.float32), frames, axis=0)
        for begin in range(0, len(flat), CHUNK):
            rows = slice(begin, begin + CHUNK)
            self._draw_chunk(flat[rows], [end[rows] for end in ends], radius[rows], colour[rows], on_plain)

    def _draw_chunk(self, frames, ends, radius, colour, on_plain):
        centre, along = (ends[0] + ends[-1]) / 2, (ends[-1] - ends[0]) / 2  # a disc is a rod without length
        patch = min(self.size, 2 * int(np.ceil(radius.max() + np.abs(along).max() + (EDGE - 1) / 2)) + 1)
        column, row = centre[:, 0] - 0.5, self.size - centre[:, 1] - 0.5  # pixel (0, 0) has its middle at 0
        left = np.clip(np.rint(column).astype(int) - patch // 2, 0, self.size - patch)
        top = np.clip(np.rint(row).astype(int) - patch // 2, 0, self.size - patch)
        steps = np.arange(patch, dtype=np.float32)
        dx = ((left[:, None] + steps - column[:, None]) / EDGE).astype(np.float32)[:, None, :]
        dy = ((top[:, None] + steps - row[:, None]) / EDGE).astype(np.float32)[:, :, None]
        if len(ends) == 1:
            share = dy**2 + dx**2
            # A soft rim adds its variance to the area; a rim that much smaller makes up for it.
            rim = np.sqrt(np.maximum(radius**2 - np.float32(EDGE**2 / 20), 0))
        else:  # the distance to the nearest point of the rod's middle line
            ux, uy = (along / np.float32(EDGE)).T[:, :, None, None] * np.float32([[[[1]]], [[[-1]]]])  # rows go down
            at = np.clip((dx * ux + dy * uy) / np.maximum(ux**2 + uy**2, np.float32(1e-12)), -1, 1)
            share, rim = (dx - at * ux) ** 2 + (dy - at * uy) ** 2, radius
        np.sqrt(share, out=share)
        np.subtract((rim / np.float32(EDGE) + np.float32(0.5))[:, None, None], share, out=share)
        np.clip(share, 0, 1, out=share)
        share *= share * (3 - 2 * share)
        # One view with every patch of every frame, so that a single indexed assignment writes them all.
        patches = np.lib.stride_tricks.sliding_window_view(frames, (patch, patch), axis=(1, 2), writeable=True)
        index = np.arange(len(frames))
        for channel in range(self.channels):
            under = np.float32(round(255 * self.background))
            if not on_plain:
                under = patches[index, top, left, channel].astype(np.float32)
            paint = share * (colour[:, channel, None, None] - under)
            paint += under + np.float32(0.5)
            patches[index, top, left, channel] = paint.astype(np.uint8)

    def _backgrounds(self, n, rng):
        """One smooth random picture per clip (N, H, W, C): a few coarse grids of noise, enlarged and added."""
        picture = np.full((n, self.size, self.size, self.channels), self.background, np.float32)
        picture += self.vary * rng.uniform(0, 1, (n, 1, 1, self.channels)).astype(np.float32)
        for cells in (4, 8, 16):
            coarse = rng.uniform(0, 1, (n, cells, cells, self.channels)).astype(np.float32)
            repeat = -(-self.size // cells)
            fine = coarse.repeat(repeat, 1).repeat(repeat, 2)[:, : self.size, : self.size]
            picture += self.texture / 3 * fine
        return np.clip(255 * picture, 0, 255).astype(np.uint8)

    def _varied(self, body, rng):
        """A body in a brightness of its own, or in a colour of its own, clip by clip."""
        spread = self.vary * rng.uniform(-0.5, 0.5, body.colour.shape)
        return replace(body, colour=np.clip(body.colour + spread, 0, 1))

    def _distractors(self, n, frames, rng):
        """Discs on circles of random middle, size, pace and phase: motion that no constant of the world drives."""
        discs = []
        for _ in range(self.distractors):
            middle = rng.uniform(0.2, 0.8, (n, 1, 2)) * self.metres
            reach, pace = rng.uniform(0.05, 0.25, (n, 1)), rng.uniform(-0.3, 0.3, (n, 1))
            angle = rng.uniform(0, 2 * np.pi, (n, 1)) + pace * np.arange(frames)
            centre = middle + reach[..., None] * self.metres * np.stack([np.cos(angle), np.sin(angle)], -1)
            colour = rng.uniform(0.3, 0.6, (n, self.channels))
            discs.append(Disc(centre, rng.uniform(0.02, 0.05, n) * self.metres, colour))
        return discs


def _shifted(pictures, shift):
    """Still pictures uint8 (N, H, W, C) seen by a camera that shifts them by (N, T, 2) px, right and up; edges repeat."""
    n, frames, size = *shift.shape[:2], pictures.shape[1]
    out = np.empty((n, frames, *pictures.shape[1:]), np.uint8)
    ticks = np.arange(size)
    for clip, still in enumerate(pictures.astype(np.float32)):
        for frame, (right, up) in enumerate(shift[clip]):
            seen = still
            for axis, by in ((0, up), (1, -right)):  # rows go down
                whole = int(np.floor(by))
                part = np.float32(by - whole)
                near, far = (seen.take(np.clip(ticks + whole + step, 0, size - 1), axis) for step in (0, 1))
                seen = near + part * (far - near)
            out[clip, frame] = seen + np.float32(0.5)
    return out


CLEAN = Camera()
CLUTTER = Camera(texture=0.3, noise=0.03, distractors=2, vary=0.2)
NOISY = Camera(noise=0.05)
COLOUR = replace(CLUTTER, channels=3, shake=0.5)
SCENES = {"clean": CLEAN, "clutter": CLUTTER, "noisy": NOISY, "colour": COLOUR}
