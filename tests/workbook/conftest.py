"""What makes a recorded run short enough for a test, beside the tiny scale."""

from functools import partial
from importlib import import_module

import pytest

from worldmodel import control


@pytest.fixture(scope="module")
def brief():
    """Plans of a few samples, and intervals of a few draws; whatever else a module patches goes into the same context."""
    with pytest.MonkeyPatch.context() as patch:
        few = {"samples": 16, "elites": 4, "kept": 1, "iterations": 1, "horizon": 4}
        patch.setattr(control, "PlanConfig", partial(control.PlanConfig, **few))
        patch.setattr(import_module("worldmodel.evaluation.reports"), "DRAWS", 20)
        yield patch
