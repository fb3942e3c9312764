"""Mergeable profiles: the one vectorised pass over rows that data, serving and monitoring share."""

from mlray.sketches._profile import Bins, Numbers, Profile, Summary, Words, profile
from mlray.sketches._reference import NumberColumn, Reference, TextColumn

__all__ = [
    "Bins",
    "NumberColumn",
    "Numbers",
    "Profile",
    "Reference",
    "Summary",
    "TextColumn",
    "Words",
    "profile",
]
