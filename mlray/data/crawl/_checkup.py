"""Old data: some of the store's files are hashed again at each look, to find bit rot while a copy may still exist."""

from datetime import datetime
from math import ceil
from random import Random

from mlray.data.store import Store
from mlray.errors import StoreError
from mlray.records import Checkup

__all__ = ["checkup"]


def checkup(store: Store, table: str, share: float, seed: str, now: datetime) -> Checkup:
    """Hash a random `share` of the files that the versions of `table` need, and return which are damaged.

    At least one file is looked at wherever there is one and the share is not 0. The same seed chooses the same files.
    """
    try:
        versions = [version for version in store.versions(table) if not version.squashed]
    except StoreError as error:  # a manifest itself
        return Checkup(now, 1, 1, (error.problem.rstrip("."),))
    needed: dict[str, list[str]] = {}
    for version in versions:
        for blob in version.blobs:
            needed.setdefault(blob, []).append(version.name)
    chosen = sorted(Random(seed).sample(sorted(needed), ceil(share * len(needed))))  # noqa: S311 (no secret)
    damaged = tuple(f"{what}, needed by {_spread(needed[blob])}" for blob in chosen if (what := _wrong(store, blob)))
    return Checkup(now, len(chosen), len(needed), damaged)


def _wrong(store: Store, blob: str) -> str:
    """Return what is wrong with a file; nothing where its content is what its name says."""
    try:
        found = store.blobs.digest(blob)
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return f"{blob[:12]} is missing"
        return f"{blob[:12]} cannot be read ({error.__cause__})"
    return "" if found == blob else f"{blob[:12]} is damaged"


def _spread(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"
