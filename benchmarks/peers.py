"""The peers, each in an environment of its own under `.bench/`, made on demand from `requirements/<peer>.txt`."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.frame import HERE

__all__ = ["PLACE", "environment", "install", "installed_size", "pinned", "uv"]

ROOT = HERE.parent
BENCH = ROOT / ".bench"
PLACE = Path(os.environ.get("BENCH_PLACE") or BENCH / "data")
"""Where made rows are kept and contenders work; another disk may be named in BENCH_PLACE."""


def pinned(peer: str, among: str = "") -> str:
    """Return the version of the peer that its requirements pin, or those of an environment that it shares."""
    requirements = f"{among or peer}.txt"
    for line in (HERE / "requirements" / requirements).read_text().splitlines():
        name, _, version = line.split(" ")[0].partition("==")
        if name == peer:
            return version
    message = f"requirements/{requirements} does not pin {peer}"
    raise LookupError(message)


def uv() -> str:
    """Return the path of the uv that installs; `.ci/find-uv` fetches one where there is none."""
    return subprocess.check_output([ROOT / ".ci" / "find-uv", sys.prefix], text=True).strip()


def environment(peer: str) -> Path:
    """Return the folder of the peer's environment; made now where it is missing or its requirements have changed."""
    requirements = HERE / "requirements" / f"{peer}.txt"
    folder, digest = BENCH / peer, hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = folder / ".ready"
    if not stamp.exists() or stamp.read_text() != digest:
        install(folder, ["--requirements", str(requirements)])
        stamp.write_text(digest)
    return folder


def install(folder: Path, what: list[str]) -> None:
    """Make `folder` an environment that holds `what`, from a cache of our own: a second time needs no network."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    settings = {**os.environ, "UV_CACHE_DIR": str(BENCH / "cache"), "UV_PYTHON_DOWNLOADS": "never"}
    tool = uv()
    for command in (
        [tool, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [tool, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *what],
    ):
        subprocess.run(command, check=True, env=settings, stdin=subprocess.DEVNULL)


def installed_size(folder: Path) -> float:
    """Return the size of what is installed, in MB (10⁶ bytes); compiled files, which come and go, are left out."""
    files = (
        Path(place, name) for place, _, names in os.walk(folder / "lib") for name in names if not name.endswith(".pyc")
    )
    return sum(file.lstat().st_size for file in files) / 1e6
