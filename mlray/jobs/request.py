"""What a job asks of a cluster, checked before anything is sent. Pure: the same request gives the same bytes."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from mlray.errors import InputError
from mlray.ids import Json
from mlray.records import JobRequest, Record

__all__ = [
    "JobState",
    "JobStatus",
    "check_request",
    "dashboard_address",
    "job_request",
    "metadata",
    "runtime_env",
]

# Ray puts the id into addresses and log file names without quoting it.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

# State, environments and histories of this machine; the cluster has its own, and they may hold keys.
_EXCLUDES = (
    ".git/",
    ".venv/",
    ".mlray/",
    ".bench/",
    "__pycache__/",
    ".mypy_cache/",
    ".ruff_cache/",
    ".pytest_cache/",
    ".hypothesis/",
)


class JobState(StrEnum):
    """How far a job has come. The last three are final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED)


@dataclass(frozen=True, slots=True)
class JobStatus(Record):
    """What the cluster says about one job."""

    id: str
    state: JobState
    entrypoint: str
    message: str = ""
    """Why it is in this state, in the cluster's words."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.id} {self.state}: {self.message or self.entrypoint}"


def job_request(
    project: str | Path,
    verb: str = "run",
    *,
    arguments: Sequence[str] = (),
    tenant: str = "default",
    id: str = "",  # noqa: A002 (the record's word)
) -> JobRequest:
    """Return the request that runs `mlray <verb> <project> <arguments>` on a cluster.

    `project` is relative to the working directory that is sent along. The `id` makes a repeated request harmless: the
    same id never starts a second job.

    >>> job_request("jobs/flights", arguments=["--inject-fault"]).entrypoint
    'python -m mlray.cli run jobs/flights --inject-fault'
    """
    path = Path(project)
    words = ["python", "-m", "mlray.cli", verb, path.as_posix(), *arguments]
    return check_request(
        JobRequest(name=f"{verb}-{path.name}", entrypoint=shlex.join(words), tenant=tenant, project=path.name, id=id)
    )


def check_request(request: JobRequest) -> JobRequest:
    """Return `request` as it is sent: the entrypoint without blanks around it.

    Raises:
        InputError: no entrypoint, an id that cannot stand in an address, or negative resources or hours.
    """
    if not request.entrypoint.strip():
        raise InputError(
            f"The job '{request.name}' has nothing to run.",
            remedy="Give an entrypoint such as 'python jobs/retrain.py jobs/flights'.",
        )
    if request.id and not _ID.fullmatch(request.id):
        raise InputError(
            f"The job id '{request.id}' cannot be used.",
            remedy="Use up to 100 letters, digits, dots, dashes and underscores, a letter or digit first.",
        )
    for resource, amount in {**request.resources, "hours": request.hours}.items():
        if not amount >= 0:
            raise InputError(f"The job '{request.name}' asks for {amount} {resource}.", remedy="Ask for 0 or more.")
    return replace(request, entrypoint=request.entrypoint.strip())


def metadata(request: JobRequest) -> dict[str, str]:
    """Return what the cluster keeps beside the job, readable by everyone who may list its jobs: never a secret.

    The resources stand here, for whoever admits jobs, and are not reserved for the entrypoint: that process only
    steers, and CPUs that it held could not be given to the tasks it waits for.
    """
    facts: Mapping[str, Json] = {
        "name": request.name,
        "tenant": request.tenant,
        "project": request.project,
        "priority": request.priority,
        "hours": request.hours,
        **{f"resources.{name}": amount for name, amount in sorted(request.resources.items())},
    }
    return {f"mlray.{key}": str(value) for key, value in facts.items()}


def runtime_env(working_dir: Path, tools: Path | None = None) -> dict[str, Json]:
    """Return the environment that a job runs in: the files of `working_dir`, which Ray also puts on PYTHONPATH.

    Where the cluster has a folder `tools`, its commands come first: a Ray that was started by a virtual environment's
    own program, without activating it, would take another Python for `python`. On any other machine it changes nothing.

    Raises:
        InputError: there is no such folder.
    """
    if not working_dir.is_dir():
        raise InputError(
            f"'{working_dir}' is not a folder.", remedy="Name the folder that holds the project and its code."
        )
    return {
        "working_dir": str(working_dir.resolve()),
        "excludes": list(_EXCLUDES),
        "env_vars": {
            **({"PATH": f"{tools}:${{PATH}}"} if tools else {}),
            # Inside a job there is a cluster already: the project must join it, not start its own.
            "MLRAY_RAY": "auto",
            # Otherwise Ray replays `uv run` in every worker, which is slow and may pick another Python.
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        },
    }


def dashboard_address(address: str) -> str:
    """Return `address` as the Ray Jobs API wants it: scheme, host and port, no slash at the end.

    Raises:
        InputError: not an http or https address; the remedy shows the one that was probably meant.

    >>> dashboard_address("http://10.0.0.5:8265/")
    'http://10.0.0.5:8265'
    """
    parts = urlsplit(address)
    try:
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        good = False
    if not good:
        host = address.partition("://")[2] or address
        meant = host.partition("/")[0].partition(":")[0] or "HOST"
        raise InputError(
            f"'{address}' is not the address of a Ray dashboard.",
            remedy=f"Jobs go to the dashboard's HTTP port: write http://{meant}:8265",
        )
    return f"{parts.scheme}://{parts.netloc}"
