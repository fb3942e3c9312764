"""What Ray says of its nodes, as the scheduler wants to hear it."""

import math
from collections.abc import Mapping

from mlray.leases._terms import Resources

__all__ = ["leasable", "size"]

_SLACK = 0.25
"""Cores of a node that others may hold without a lease the less: lanes and endpoints claim small shares of Ray."""


def leasable(available: Mapping[str, float]) -> Resources:
    """Return what may be leased of what Ray has `available` on a node: whole cores, but fractions of GPUs.

    >>> leasable({"CPU": 3.8, "GPU": 0.5})
    Resources(cpu=4.0, gpu=0.5, memory=0.0)
    """
    cores = float(math.floor(available.get("CPU", 0.0) + _SLACK))
    return Resources(cores, round(available.get("GPU", 0.0), 4), float(available.get("memory", 0.0)))


def size(total: Mapping[str, float]) -> Resources:
    """Return how large a node is."""
    return Resources(total.get("CPU", 0.0), total.get("GPU", 0.0), total.get("memory", 0.0))
