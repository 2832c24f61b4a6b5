"""worldmodel: learn a world from unlabelled video, ask what it knows of gravity, act in its dream.

    from worldmodel import Film, film, fit, imagine_frames
    videos = film(Film("ball", clips=2000))            # or: videos = ingest("my_videos/")
    model = fit(videos)                                # frames only: no labels, no truth
    state = model.observe(videos.read([0], 0, 20))     # what is believed after each of 20 frames
    dream = model.decode(model.imagine(state, 20))     # the 20 frames that follow, imagined

Names are imported when first used, so that `import worldmodel` does not wait for torch.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "videos": ["Film", "Ingest", "Videos", "film", "ingest", "save_video"],
    "model": ["Belief", "LatentState", "WorldModel", "WorldModelConfig", "at_rest"],
    "training": ["FitConfig", "QUICK", "FULL", "fit", "load", "save"],
    "evaluation": ["imagine_frames", "open_sets"],
    "control": ["DreamEnv", "Observed", "PhysicsEnv", "compare", "learn_to_act", "load_policy"],
    "workbook": ["claim"],
}
_ROOM = {name: room for room, names in _HOME.items() for name in names}
__all__ = sorted(_ROOM)


def __getattr__(name: str):
    if name not in _ROOM:
        raise AttributeError(f"module 'worldmodel' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_ROOM[name]}", __name__), name)


def __dir__():
    return __all__
