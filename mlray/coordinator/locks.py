"""One process at a time: a lock that the system takes back when its holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

from mlray.clock import SystemClock
from mlray.errors import UnavailableError

__all__ = ["hold", "let_go"]


def hold(file: Path, *, patience: float = 0.0, remedy: str = "") -> int:
    """Lock `file`, made where it is missing, until this process ends or `let_go` is called with what is returned.

    Raises:
        UnavailableError: another has held it for `patience` seconds.
    """
    clock = SystemClock()
    end = clock.ticks() + patience
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.ticks() >= end:
                os.close(handle)
                raise UnavailableError(f"{file} is held by another process.", remedy=remedy) from None
            time.sleep(0.1)
        else:
            return handle


def let_go(handle: int) -> None:
    """Give back what `hold` returned."""
    os.close(handle)
