"""Who a commit is by, where nobody says so."""

import os
import socket
from getpass import getuser

__all__ = ["AUTHOR", "usual_author"]

AUTHOR = "MLRAY_AUTHOR"
"""The environment variable that names the author of all commits of a process."""


def usual_author() -> str:
    """Return the author of what this process commits: what `MLRAY_AUTHOR` says, else user and machine, `ann@north`."""
    return os.environ.get(AUTHOR, "").strip() or f"{_user()}@{socket.gethostname() or 'localhost'}"


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError, ImportError):
        # In a container the number of a user is often all there is of him.
        return str(os.getuid())
