"""Leases: several sweeps and teams on one cluster, each pack of work under a lease, fairly and within its terms."""

from mlray.leases._fair import Decisions, Fair
from mlray.leases._party import Request
from mlray.leases._rules import Rules
from mlray.leases._shares import read_terms
from mlray.leases._standing import Standing
from mlray.leases._terms import Resources, Terms, at_most

__all__ = ["Decisions", "Fair", "Request", "Resources", "Rules", "Standing", "Terms", "at_most", "read_terms"]
