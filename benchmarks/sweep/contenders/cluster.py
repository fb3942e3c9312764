"""A Ray of two slots, ours and the peer's alike."""

import shutil
import tempfile

import ray

from benchmarks.sweep.job import SLOTS

__all__ = ["begin", "end", "place"]

TRIES = 3
"""Ray gives itself half a minute to start, which a busy machine may exceed."""
started: list[str] = []


def begin() -> str:
    """Start a Ray and return its address."""
    for tries_left in reversed(range(TRIES)):
        started.append(tempfile.mkdtemp(prefix="mlr-"))
        try:
            found = ray.init(
                num_cpus=SLOTS,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                _temp_dir=started[-1],
            )
        except Exception:
            ray.shutdown()
            if not tries_left:
                raise
        else:
            return str(found.address_info["gcs_address"])
    raise AssertionError


def place() -> str:
    """Return the folder in which Ray works."""
    return started[-1]


def end() -> None:
    """Leave Ray, and remove what it wrote about itself."""
    ray.shutdown()
    for folder in started:
        shutil.rmtree(folder, ignore_errors=True)
