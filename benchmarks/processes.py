"""What a command costs: CPU seconds and memory of all the processes that it starts, the orphaned ones included."""

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "Sample",
    "Usage",
    "cpu_seconds",
    "descendants",
    "inherit_orphans",
    "memory_of",
    "run_sampled",
    "started",
    "used",
    "within",
]

_TICK = os.sysconf("SC_CLK_TCK")
_SET_CHILD_SUBREAPER = 36


def cpu_seconds(command: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """Return the CPU seconds, user and system, that `command` and the children it waited for have used."""
    child = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return usage.ru_utime + usage.ru_stime


@dataclass(frozen=True)
class Sample:
    """The process tree at one moment."""

    at: float
    """Seconds since the command was started."""
    cpu: float
    """CPU seconds that the tree had used by then, its ended processes included."""
    memory: float
    """Proportional set size of all its processes, in MB: shared pages count once."""


@dataclass
class Usage:
    """What one run of a command used."""

    wall: float = 0.0
    output: str = ""
    samples: list[Sample] = field(default_factory=list)
    left_running: int = 0
    """Processes of the tree that were still there when the command had ended."""


def run_sampled(command: Sequence[str], *, every: float = 2.0, env: Mapping[str, str] | None = None) -> Usage:
    """Run `command`, look at its process tree every so many seconds, and return what it used; raises when it fails."""
    # Ray's daemons leave their parents; as subreaper this process inherits them, and they stay in sight.
    inherit_orphans(True)
    usage, seen, over = Usage(), {}, threading.Event()
    before = set(descendants(os.getpid()))
    start = time.monotonic()
    child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def watch() -> None:
        while not over.wait(every):
            usage.samples.append(_look(before, seen, time.monotonic() - start))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    usage.output, _ = child.communicate()
    usage.wall = time.monotonic() - start
    over.set()
    watcher.join()
    usage.samples.append(_look(before, seen, usage.wall))
    usage.left_running = len(_ours(before))
    inherit_orphans(False)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command, usage.output)
    return usage


def inherit_orphans(wanted: bool) -> None:  # noqa: FBT001
    """Become the parent of what this process's children leave behind, or no longer."""
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


def _ours(before: set[int]) -> list[int]:
    return [pid for pid in descendants(os.getpid()) if pid not in before]


def _look(before: set[int], seen: dict[tuple[int, int], float], at: float) -> Sample:
    """Take one sample. What a process had used when it was last seen counts on after it has ended."""
    memory = 0.0
    for pid in _ours(before):
        if found := used(pid):
            seen[found[0]] = found[1]
            memory += memory_of(pid)
    return Sample(at, sum(seen.values()), memory)


def descendants(root: int) -> list[int]:
    """Return the processes below `root` that have not ended, as /proc shows them now."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        fields = _stat(pid)
        if fields and fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(pid)
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _pids() -> Iterable[int]:
    return (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal())


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; the name before may hold blanks. Empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def used(pid: int) -> tuple[tuple[int, int], float] | None:
    """Return ((pid, start time), CPU seconds so far); both name a process, since pids are used again."""
    fields = _stat(pid)
    if not fields:
        return None
    return (pid, int(fields[19])), (int(fields[11]) + int(fields[12])) / _TICK


def started(pid: int) -> int:
    """Return when a process began, in ticks since the machine did, 0 when it is gone: pids are used again."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def memory_of(pid: int) -> float:
    """Return the proportional set size of a process in MB, 0 when it is gone: what it shares counts by its share."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    except OSError:
        pass  # it ended meanwhile
    return 0.0


def within(samples: Sequence[Sample], begin: float, end: float) -> tuple[float, float]:
    """Return the CPU seconds used between two moments, and the largest memory seen between them, in MB."""
    inside = [sample for sample in samples if begin <= sample.at <= end]
    used = _at(samples, end, lambda sample: sample.cpu) - _at(samples, begin, lambda sample: sample.cpu)
    peak = max((sample.memory for sample in inside), default=_at(samples, end, lambda sample: sample.memory))
    return used, peak


def _at(samples: Sequence[Sample], moment: float, read: Callable[[Sample], float]) -> float:
    """Return the value at `moment`, on the straight line between the samples around it; 0 before the first."""
    before = Sample(0.0, 0.0, 0.0)
    for sample in samples:
        if sample.at >= moment:
            share = (moment - before.at) / (sample.at - before.at) if sample.at > before.at else 1.0
            return read(before) + share * (read(sample) - read(before))
        before = sample
    return read(before)
