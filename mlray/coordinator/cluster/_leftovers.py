"""What a killed run left behind is cleared away by the next one: its folder, and the processes that still hold it."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from mlray.coordinator.cluster._birth import birth

__all__ = ["clear_leftovers", "mark"]

PREFIX = "mlray-"
_OWNER = "owner.json"


def mark(folder: Path) -> None:
    """Write down in `folder` which process it belongs to."""
    own = os.getpid()
    (folder / _OWNER).write_text(json.dumps({"pid": own, "started": birth(own)}), encoding="utf-8")


def clear_leftovers(parent: Path | None = None) -> int:
    """Remove the folders below `parent` whose owner no longer runs, and end what still runs in them; return how many.

    Only folders of this user with an owner written down are looked at.
    """
    cleared = 0
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _abandoned(folder):
            _end_processes_in(folder)
            shutil.rmtree(folder, ignore_errors=True)
            cleared += 1
    return cleared


def _abandoned(folder: Path) -> bool:
    import psutil

    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        owner = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
        return bool(abs(birth(owner["pid"]) - owner["started"]) > 1.0)
    except psutil.NoSuchProcess:
        return True
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return False


def _end_processes_in(folder: Path) -> None:
    import psutil

    inside = f"{folder}/"
    for process in psutil.process_iter(["cmdline", "uids"]):
        command = process.info["cmdline"] or []
        uids = process.info["uids"]
        # Ray renames some of its processes; these keep their log files in the folder open.
        if uids is None or uids.real != os.getuid() or process.pid == os.getpid():
            continue
        try:
            if any(inside in part for part in command) or any(
                file.path.startswith(inside) for file in process.open_files()
            ):
                process.kill()
        except psutil.Error:
            continue
