"""When a process started, told so that a clock that is set, or a machine that slept, changes nothing."""

import os
from pathlib import Path

__all__ = ["birth"]


def birth(pid: int) -> float:
    """Return when process `pid` started: seconds after boot where Linux tells, else after 1970.

    Linux counts from boot; the date of the boot, by which psutil turns that into a date, moves when the clock is set,
    and a process that runs would then be taken for another one.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    import psutil

    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return float(psutil.Process(pid).create_time())
    # The name, in brackets, may hold spaces and brackets; the start is field 22 of all.
    return int(told.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
