"""Sweeps without a project: over arrays, a frame, a problem or a training function; and a look at their journals."""

from mlray.project.sweeps._call import sweep
from mlray.project.sweeps._look import Sight, find, ranked, sight, sights, writing

__all__ = ["Sight", "find", "ranked", "sight", "sights", "sweep", "writing"]
