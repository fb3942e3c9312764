"""What can be wrong with the machine, whatever the project."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlray.cli._ailment import Ailment, Look, fine, ill, poor

__all__ = ["CHECKS"]

GIB = 2**30
# A Unix socket's path is at most 107 bytes, and Ray puts this below its folder.
SOCKET_PATH = 107
_SESSION = "/mlray-12345678/session_2026-01-31_23-59-59_123456_1234567/sockets/plasma_store"


def python() -> Ailment:
    """Say which interpreter runs this; an older one than 3.11 could not."""
    return fine("python", f"{'.'.join(map(str, sys.version_info[:3]))} at {sys.executable}")


def packages() -> Iterator[Ailment]:
    """Compare what is installed with what mlray requires."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in requires("mlray") or []]
    needed = [need for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
    wrong = 0
    for need in needed:
        remedy = f'pip install "{need.name}{need.specifier}"'
        try:
            found = version(need.name)
        except PackageNotFoundError:
            wrong += 1
            yield ill("packages", f"{need.name} is not installed", remedy)
            continue
        if not need.specifier.contains(found, prereleases=True):
            wrong += 1
            yield ill("packages", f"{need.name} is {found}, mlray needs {need.specifier}", remedy)
    if not wrong:
        yield fine("packages", f"all {len(needed)} are there in versions that fit")


def cores() -> Ailment:
    """Count the processors that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup("cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        count = min(count, max(1, int(quota[0]) // int(quota[1])))
    if count < 2:
        return poor(
            "cores", f"{count}", "Two are enough for the example; with one, the endpoint waits for the training."
        )
    return fine("cores", f"{count}")


def memory() -> Ailment:
    """Compare free memory with what a local Ray, a sweep and an endpoint take."""
    import psutil

    free = psutil.virtual_memory().available
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if limit.isdigit() and used.isdigit():
        free = min(free, int(limit) - int(used))
    found = f"{free / GIB:.1f} GiB free"
    if free < 2 * GIB:
        return ill("memory", found, "Ray, a sweep and an endpoint need 2 GiB; end something, or use a cluster.")
    if free < 4 * GIB:
        return poor("memory", found, "4 GiB are comfortable for the example.")
    return fine("memory", found)


def shared_memory() -> Ailment | None:
    """Compare /dev/shm with Ray's object store, which lies there."""
    place = Path("/dev/shm")  # noqa: S108 (it is what is looked at)
    if not place.is_dir():
        return None
    free = shutil.disk_usage(place).free
    found = f"{free / GIB:.1f} GiB free at {place}"
    if free < GIB // 4:
        remedy = "Ray's object store moves to the disk: start the container with --shm-size=1g."
        return poor("shared memory", found, remedy)
    return fine("shared memory", found)


def open_files() -> Ailment:
    """Compare the limit on open files with what Ray's processes open."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    remedy = f"ulimit -n {min(hard, 65536) if hard > 0 else 65536}"
    if soft < 1024:
        return ill("open files", f"at most {soft}", remedy)
    if soft < 4096:
        return poor("open files", f"at most {soft}", remedy)
    return fine("open files", f"at most {soft:,}")


def temporary_folder() -> Ailment:
    """Look whether Ray's sockets fit below the temporary folder, and whether it can be written."""
    folder = tempfile.gettempdir()
    length = len(os.fsencode(folder + _SESSION))
    remedy = "Set TMPDIR to a short path, such as /tmp."
    if length > SOCKET_PATH:
        over = length - SOCKET_PATH
        return ill("temporary folder", f"{folder} is {over} bytes too long for Ray's sockets", remedy)
    if not os.access(folder, os.W_OK):
        return ill("temporary folder", f"{folder} cannot be written", remedy)
    free = shutil.disk_usage(folder).free
    if free < GIB:
        return poor("temporary folder", f"{folder}: {free / GIB:.1f} GiB free", "Ray writes its logs there: free some.")
    return fine("temporary folder", f"{folder}: {free / GIB:.0f} GiB free")


def stale_ray() -> Ailment:
    """Look for a Ray that an earlier run of ours left behind: its processes, or only its folder."""
    import psutil

    folders = {str(folder) for folder in Path(tempfile.gettempdir()).glob("mlray-????????") if _is_mine(folder)}
    running: dict[str, list[int]] = {}
    keepers = 0
    for process in psutil.process_iter(["pid", "cmdline", "name"]):
        words = " ".join(process.info["cmdline"] or [])
        keepers += "mlray.coordinator.cluster.on_ray" in words
        if process.info["name"] in ("raylet", "gcs_server"):
            for folder in folders:
                if folder in words:
                    running.setdefault(folder, []).append(process.info["pid"])
    found = sum(map(len, running.values()))
    if running and not keepers and not _mlray_runs():
        listed = " ".join(str(pid) for pids in running.values() for pid in pids)
        return poor("earlier Ray", f"{found} processes of a run that is gone", f"kill {listed}")
    dead = sorted(folders - set(running))
    if dead and not _mlray_runs():
        return poor("earlier Ray", f"left by runs that are gone: {len(dead)} folders", f"rm -r {' '.join(dead[:5])}")
    return fine("earlier Ray", f"{found} processes, in use" if found else "none")


def _is_mine(folder: Path) -> bool:
    try:
        return folder.is_dir() and folder.lstat().st_uid == os.getuid()
    except OSError:
        return False


def _mlray_runs() -> bool:
    """Return whether another mlray is at work, whose Ray is none of our business."""
    import psutil

    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        ours = any(word.endswith("/mlray") or word == "mlray.cli" for word in words[:4])
        if ours and process.info["pid"] not in own:
            return True
    return False


def extras() -> Iterator[Ailment]:
    """Look for what only some need: Java for its client's test, PostgreSQL for a shared journal."""
    for name, program, use in (
        ("java (optional)", "java", "only the Java client needs it"),
        ("postgres (optional)", "postgres", "only a shared journal needs it; SQLite is the default"),
    ):
        found = shutil.which(program) or _debian(program)
        yield fine(name, found or f"not here; {use}")


def _debian(program: str) -> str | None:
    # Debian keeps PostgreSQL's programs off the path.
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(places[-1]) if places else None


def _cgroup(name: str) -> str:
    try:
        return Path("/sys/fs/cgroup", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


CHECKS: dict[str, Look] = {
    "python": python,
    "packages": packages,
    "cores": cores,
    "memory": memory,
    "shared memory": shared_memory,
    "open files": open_files,
    "temporary folder": temporary_folder,
    "earlier Ray": stale_ray,
    "extras": extras,
}
