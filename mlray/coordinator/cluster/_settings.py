"""How a local Ray is started: small, on loopback, with a token, quiet, and with nothing left behind."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlray.coordinator.cluster._leftovers import PREFIX, clear_leftovers, mark
from mlray.security import ray_token

__all__ = ["Local", "environment", "local_settings"]

NAMESPACE = "mlray"

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # one `uv run` per worker is a hundred times slower
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_PARQUET_FOOTER_NUM_ACTORS": "1",  # the default starts 32 processes to read one small file
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_SERVE_ENABLE_SCALING_LOGS": "0",
    "RAY_raylet_start_wait_time_s": "180",
    # gRPC's own handlers wait at each fork for its threads, one time in three for ever: a second Ray in a process that
    # had called an endpoint did not start. Ray forks only to run programs, which need none of it.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait take the cores that others could work on
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_MAX_PENDING_TRIALS_PG": "2",
    "TUNE_GLOBAL_CHECKPOINT_S": "30",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_WARN_THRESHOLD_S": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Local:
    """What a Ray of our own is started with."""

    token_file: Path
    folder: Path
    """Short, below the system's temporary folder: Ray's sockets lie in it, and their paths may not exceed 107 bytes."""
    cpus: int

    def remove(self) -> None:
        """Remove the folder that Ray wrote to."""
        shutil.rmtree(self.folder, ignore_errors=True)


def local_settings(keys: Path, cpus: int | None) -> Local:
    """Return settings for a new local Ray that keeps its token in the folder `keys`."""
    clear_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    mark(folder)
    return Local(ray_token(keys), folder, cpus or os.cpu_count() or 1)


def environment(token_file: Path | None) -> dict[str, str]:
    """Return the variables that must be set before Ray is imported: later they have no effect.

    With `token_file` they are those of a Ray of our own, reachable from this machine alone; without, those of a program
    that joins a cluster.
    """
    settings = dict(_QUIET)
    if token_file is not None:
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file)}
        # Named after the systems where it is the default. Without it every port but the dashboard's, the metrics of job
        # names and addresses among them, listens on all interfaces, whatever node address is asked for.
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    return settings
