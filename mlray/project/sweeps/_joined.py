"""The Ray that a sweep without a project runs on: the one that is joined, the one that is named, or one of its own."""

import atexit
import os
import sys
from pathlib import Path

from mlray.project.sweeps._asked import FOLDER

__all__ = ["address", "join", "joined"]


def joined() -> bool:
    """Return whether this process is joined to a Ray, whoever did it."""
    from mlray.coordinator.cluster.on_ray import joined

    return joined()


def address() -> str:
    """Return the Ray that the environment names; empty where it names none."""
    named = os.environ.get("RAY_ADDRESS", "")
    # Ray's own tools use that variable for a dashboard's URL as well.
    return os.environ.get("MLRAY_RAY") or ("" if named.startswith("http") else named)


def join(folder: Path) -> None:
    """Join a Ray, or start one that ends with this process: until then its lanes stay warm for further sweeps.

    Raises:
        UnavailableError: none could be started or reached.
    """
    if joined():
        return
    if not address() and "ray" in sys.modules:
        from mlray.project.sweeps.on_ray import start

        start()
        return
    from mlray.coordinator.cluster.on_ray import connect

    root = folder.parent if folder == FOLDER else folder
    connection = connect(address() or "local", root / "keys", root, None, kept=False)
    if connection.ours:
        atexit.register(connection.leave)
