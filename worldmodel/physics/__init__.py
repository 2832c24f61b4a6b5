"""Floor 1: the laws and the camera. Batched NumPy, no torch."""

from .ball import Ball
from .camera import CLEAN, CLUTTER, SCENES, Camera, Disc, Rod
from .catcher import Catcher
from .lander import Lander
from .orbit import Orbit
from .pendulum import DoublePendulum, Pendulum
from .phyworld import HeadOn, Throw
from .ranges import choose
from .spring import Spring
from .two_balls import TwoBalls
from .worlds import ALL, BANDS, FRAMES_PER_SECOND, WORLDS, World, bodies, draw_gravity, world

__all__ = [
    "ALL", "BANDS", "CLEAN", "CLUTTER", "FRAMES_PER_SECOND", "SCENES", "WORLDS",
    "Ball", "Camera", "Catcher", "Disc", "DoublePendulum", "HeadOn", "Lander", "Orbit", "Pendulum", "Rod", "Spring", "Throw",
    "TwoBalls", "World", "bodies", "choose", "draw_gravity", "world",
]  # fmt: skip
