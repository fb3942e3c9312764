"""Training functions that a user wrote: one configuration per Tune trial, under a lease, within a budget."""

from mlray.experiments.functions._needs import Needs, fewest, needs_of, slots
from mlray.experiments.functions._reports import Reports, direction

__all__ = ["Needs", "Reports", "direction", "fewest", "needs_of", "slots"]
