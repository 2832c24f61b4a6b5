"""Floor 2: clips on disk. Record them, open them, ingest other people's, write them out as mp4 or gif."""

from .film import Film, film, record_motion
from .store import Videos
from .truth import Truth, truth

__all__ = ["Film", "Truth", "Videos", "film", "record_motion", "truth"]
