"""The sample story for all tests of the console."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from mlray.console import Story
from mlray.records import Experiment

_SAMPLE = runpy.run_path(str(Path(__file__).with_name("sample_story.py")))
_SWEEP = runpy.run_path(str(Path(__file__).with_name("sample_sweep.py")))


@pytest.fixture
def sample_story() -> Callable[..., Story]:
    """Return the factory: the whole story, with any field of `Story` given instead."""
    return _SAMPLE["sample_story"]


@pytest.fixture
def sample_sweep() -> Callable[..., Experiment]:
    """Return the factory of sweeps of any length."""
    return _SWEEP["sample_sweep"]


@pytest.fixture
def empty_story() -> Story:
    """Return a story in which nothing has happened yet."""
    return Story(project="flights", start=_SAMPLE["FIRST"], end=_SAMPLE["LAST"])
