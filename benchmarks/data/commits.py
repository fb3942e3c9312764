"""Commits under stress: writers side by side, and writers killed in the middle; what is lost, double or broken."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data.contenders.committer import expected
from benchmarks.data.scale import Scale
from benchmarks.frame import Aim, Row, known
from benchmarks.peers import ROOT

WRITERS, EACH, KILLS = 4, 50, 50
LIFE = (0.01, 0.3)
"""Seconds that a killed writer may commit."""


@dataclass(frozen=True)
class Damage:
    """What is not as it was acknowledged."""

    lost: int
    """Rows that were acknowledged and are not there, or have an older value."""
    double: int
    """Rows that are there twice."""
    foreign: int
    """Rows that nobody acknowledged."""
    broken: int
    """Versions that cannot be read, or whose files are not what their names say."""
    versions: int
    extra: int
    """Versions beyond one for each acknowledged commit."""


def rows(scale: Scale) -> Iterator[Row]:
    """Yield the damage of four writers with fifty commits each, and of one that is killed fifty times."""
    commits, kills = (EACH, KILLS) if scale.rows >= 1_000_000 else (10, 8)
    with scale.place() as place:
        start = time.monotonic()
        writers = [_writer(place, writer, commits) for writer in range(WRITERS)]
        for process in writers:
            process.communicate()
        if any(process.returncode for process in writers):
            message = "a writer failed; its message is above"
            raise RuntimeError(message)
        seconds = time.monotonic() - start
        scale.say(f"{WRITERS} writers × {commits} commits: {seconds:.1f} s")
        yield from _damage(f"{WRITERS} writers × {commits}", damage(place, range(WRITERS)))
        yield known(f"{WRITERS} writers × {commits}, commits a second", "1/s", [WRITERS * commits / seconds])
    with scale.place() as place:
        killed = _kill(place, kills, scale)
        yield from _damage(f"{kills} × kill -9", damage(place, [0]))
        yield known(f"{kills} × kill -9, commits acknowledged", "", [killed])


def _writer(place: Path, writer: int, count: int) -> subprocess.Popen[str]:
    module = "benchmarks.data.contenders.committer"
    command = [sys.executable, "-m", module, str(place / "store"), str(place / f"acknowledged-{writer}")]
    return subprocess.Popen([*command, str(writer), str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _kill(place: Path, times: int, scale: Scale) -> int:
    """Kill a writer so many times while it commits, let the next one go on, and return how many it acknowledged."""
    lives = np.random.default_rng(11).uniform(*LIFE, times)
    for number, life in enumerate(lives):
        with _writer(place, 0, 10**6) as process:
            process.stdout.readline()
            time.sleep(life)
            process.send_signal(signal.SIGKILL)
        if number % 10 == 9:
            scale.say(f"killed {number + 1} times")
    done = len(_acknowledged(place, 0))
    # A last one repeats what was under way when the last was killed.
    with _writer(place, 0, done + 1) as process:
        process.communicate()
    return len(_acknowledged(place, 0))


def _acknowledged(place: Path, writer: int) -> list[int]:
    return [int(line) for line in (place / f"acknowledged-{writer}").read_text().splitlines()]


def damage(place: Path, writers: Sequence[int]) -> Damage:
    """Compare the store with what its writers were told."""
    from mlray.data import Store
    from mlray.errors import MlrayError

    store, wanted, told = Store(place / "store"), {}, 0
    for writer in writers:
        done = len(_acknowledged(place, writer))
        told += done
        wanted |= expected(writer, done)
    broken = 0
    versions = store.versions("rows")
    for version in versions:
        try:
            # Files are shared by versions: hashing them once, for the last, is enough.
            store.verify(version) if version is versions[-1] else store.version("rows", version.number)
        except MlrayError:
            broken += 1
    table = store.read(versions[-1])
    counts = Counter(table["id"].to_pylist())
    found = dict(zip(table["id"].to_pylist(), table["value"].to_pylist(), strict=True))
    return Damage(
        lost=sum(1 for key, value in wanted.items() if found.get(key) != value),
        double=sum(count - 1 for count in counts.values()),
        foreign=sum(1 for key in found if key not in wanted),
        broken=broken,
        versions=len(versions),
        extra=len(versions) - told,
    )


def _damage(what: str, found: Damage) -> Iterator[Row]:
    none = Aim(ours=0)
    yield known(f"{what}: rows lost", "", [found.lost], aim=none)
    yield known(f"{what}: rows twice or foreign", "", [found.double + found.foreign], aim=none)
    yield known(f"{what}: versions broken", "", [found.broken], aim=none)
    yield known(f"{what}: versions too many", "", [max(0, found.extra)], aim=none)
