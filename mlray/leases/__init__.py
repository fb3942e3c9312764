"""Leases: several sweeps and teams on one cluster, each pack of work under a lease, fairly and within its terms."""

from mlray.leases._terms import Resources, Terms

__all__ = ["Resources", "Terms"]
