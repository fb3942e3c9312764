"""Keys that mlray itself holds: files that only their owner can read, never in a journal, a log or an environment."""

import secrets
from pathlib import Path

from mlray.errors import AccessDenied, NotFoundError
from mlray.security import KeyRing, create_private, read_private

__all__ = ["digest_secret", "read_secret", "secret"]

_LENGTH = 64
"""Hexadecimal digits."""


def secret(ring: KeyRing, folder: Path, name: str, tenant: str, scopes: tuple[str, ...]) -> str:
    """Return the key kept as `name` in `folder`, issued where it is missing; two who ask at once get the same key."""
    path = folder / f"{name}.key"
    if not path.exists():
        issued = ring.issue(tenant, scopes)
        if not create_private(path, issued.encode()):  # another was faster: his key is the one that counts
            ring.revoke(ring.check(f"Bearer {issued}", scopes[0]).key)
    return read_secret(folder, name)


def read_secret(folder: Path, name: str) -> str:
    """Return the key kept as `name`.

    Raises:
        NotFoundError: it was never issued.
        AccessDenied: others may read the file.
    """
    path = folder / f"{name}.key"
    try:
        return read_private(path).decode()
    except FileNotFoundError:
        raise NotFoundError(f"there is no key '{name}' in {folder}.", remedy="`mlray deploy` makes it.") from None


def digest_secret(folder: Path) -> bytes:
    """Return the secret by which a workspace's views hash values, made on first use: equal values have equal digests.

    Raises:
        AccessDenied: others may read the file, or it does not hold what was written.
    """
    path = folder / "digests.secret"
    if not path.exists():
        create_private(path, secrets.token_hex(_LENGTH // 2).encode())
    found = read_private(path)
    if len(found) < _LENGTH:
        raise AccessDenied(
            f"{path} holds {len(found)} bytes, which are no secret.",
            remedy="Remove it; the next reader makes one, and digests are others from then on.",
        )
    return found
