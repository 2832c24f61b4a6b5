"""Floor 2: clips on disk. Record them, open them, ingest other people's, write them out as mp4 or gif."""

from .export import save_video
from .film import Film, film, record_motion
from .ingest import Ingest, ingest
from .store import Videos
from .truth import Truth, truth

__all__ = [
    "Film", "Ingest", "Truth", "Videos", "film", "ingest", "record_motion", "save_video", "truth",
]  # fmt: skip
