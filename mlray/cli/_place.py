"""What can be wrong with one project's place: its file, folder, keys, journal, port and cluster."""

import json
import shutil
import socket
import stat
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

from mlray.cli._ailment import Ailment, Look, fine, ill, poor
from mlray.errors import SpecError
from mlray.spec import ProjectSpec, read_spec

__all__ = ["checks"]

GIB = 2**30
SECONDS = 2.0
"""How long an address may take to answer."""


def checks(project: Path) -> dict[str, Look]:
    """Return what to look at for the project at `project`; only that there is none, where its file cannot be read."""
    try:
        spec = read_spec(project)
    except SpecError as error:
        first, more = error.problems[0], len(error.problems) - 1
        told = f"{first}{f' (and {more} more)' if more else ''}"
        found = ill("project", told, error.remedy or f"mlray check {project}")
        return {"project": lambda: found}
    return {
        "project": lambda: fine("project", f"{spec.project} in {spec.folder}"),
        "disk": partial(disk, spec),
        "keys": partial(keys, spec),
        "journal": partial(journal, spec),
        "port": partial(port, spec),
        "ray": partial(ray, spec),
    }


def disk(spec: ProjectSpec) -> Ailment:
    """Look at the space that is left for data versions and models."""
    place = next(folder for folder in (spec.root, *spec.root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / GIB:.1f} GiB free at {spec.root}"
    if free < GIB:
        return ill("disk", found, "Free some, or point workspace.root elsewhere.")
    return fine("disk", found) if free >= 5 * GIB else poor("disk", found, "5 GiB are comfortable.")


def keys(spec: ProjectSpec) -> Ailment:
    """Look whether anybody but the owner could read the workspace's keys."""
    folder = spec.root / "keys"
    if not folder.is_dir():
        return fine("keys", "none yet")
    found = [folder, *sorted(folder.rglob("*"))]
    open_ = [path for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    if open_:
        named = ", ".join(str(path) for path in open_[:3])
        return ill("keys", f"others may read {named}", f"chmod -R go= {folder}")
    return fine("keys", f"{len(found) - 1} files that only their owner reads")


def journal(spec: ProjectSpec) -> Ailment:
    """Check the chain of digests from the first entry to the last."""
    from mlray.journal import open_journal

    file = spec.root / "journal.db"
    url = spec.workspace.journal or f"sqlite:///{file}"
    if spec.workspace.journal is None and not file.exists():
        return fine("journal", "none yet")
    kept = open_journal(url)
    try:
        return fine("journal", f"{kept.verify():,} entries, the chain is whole")
    finally:
        kept.close()


def port(spec: ProjectSpec) -> Ailment:
    """Look whether the endpoint's port is free, or held by our own endpoint."""
    host, number = spec.serving.host, spec.serving.port
    if number == 0:
        return fine("port", "any free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the endpoint itself does: without it, connections that have just ended would hold the port for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            if _is_ours(host, number):
                return fine("port", f"{host}:{number}: our endpoint answers; `mlray stop` ends it")
            remedy = "End what holds it, or set serving.port (0 takes a free one)."
            return ill("port", f"{host}:{number} cannot be had: {error.strerror}", remedy)
    return fine("port", f"{host}:{number} is free")


def _is_ours(host: str, number: int) -> bool:
    where = f"http://{f'[{host}]' if ':' in host else host}:{number}/v2"
    try:
        # No proxy: the address is this machine's own.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(where, timeout=SECONDS) as answer:
            return str(json.load(answer).get("name", "")).startswith("mlray")
    except (OSError, ValueError, AttributeError, urllib.error.URLError):
        return False


def ray(spec: ProjectSpec) -> Ailment:
    """Look whether the Ray that the project names can be reached; nothing is sent to it."""
    address = spec.workspace.ray
    if address == "local":
        return fine("ray", "mlray starts its own")
    if address == "auto":
        named = Path("/tmp/ray/ray_current_cluster")  # noqa: S108 (Ray's own place)
        if not named.is_file():
            return ill("ray", "workspace.ray is auto, but no Ray runs on this machine", "Write local, or its address.")
        address = named.read_text(encoding="utf-8").strip()
    host, _, number = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(number)), timeout=SECONDS).close()
    except (OSError, ValueError) as error:
        remedy = "Is the cluster up, and is the port open from here? `workspace.ray: local` starts one on this machine."
        return ill("ray", f"nothing answers at {address}: {error}", remedy)
    return fine("ray", f"{address} answers")
