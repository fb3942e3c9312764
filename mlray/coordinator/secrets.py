"""Keys that mlray itself holds: files that only their owner can read, never in a journal, a log or an environment."""

import os
from pathlib import Path

from mlray.errors import NotFoundError
from mlray.security import KeyRing

__all__ = ["read_secret", "secret"]


def secret(ring: KeyRing, folder: Path, name: str, tenant: str, scopes: tuple[str, ...]) -> str:
    """Return the key kept as `name` in `folder`, issued where it is missing."""
    path = folder / f"{name}.key"
    if not path.exists():
        issued = ring.issue(tenant, scopes)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(issued)
    return path.read_text(encoding="utf-8")


def read_secret(folder: Path, name: str) -> str:
    """Return the key kept as `name`; NotFoundError when it was never issued."""
    path = folder / f"{name}.key"
    if not path.exists():
        raise NotFoundError(f"there is no key '{name}' in {folder}.", remedy="`mlray deploy` makes it.")
    return path.read_text(encoding="utf-8")
