"""Keys that mlray itself holds: files that only their owner can read, never in a journal, a log or an environment."""

from pathlib import Path

from mlray.errors import NotFoundError
from mlray.security import KeyRing, create_private, read_private

__all__ = ["read_secret", "secret"]


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
