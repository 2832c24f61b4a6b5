"""Floor 1: the laws and the camera. Batched NumPy, no torch."""

from .ball import Ball
from .camera import CLEAN, CLUTTER, SCENES, Camera, Disc, Rod
from .lander import Lander
from .orbit import Orbit
from .pendulum import DoublePendulum, Pendulum
from .spring import Spring
from .two_balls import TwoBalls
from .worlds import BANDS, FRAMES_PER_SECOND, WORLDS, World, bodies, draw_gravity, world

__all__ = [
    "BANDS", "CLEAN", "CLUTTER", "FRAMES_PER_SECOND", "SCENES", "WORLDS",
    "Ball", "Camera", "Disc", "DoublePendulum", "Lander", "Orbit", "Pendulum", "Rod", "Spring", "TwoBalls",
    "World", "bodies", "draw_gravity", "world",
]  # fmt: skip
