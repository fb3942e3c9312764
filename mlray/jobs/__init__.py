"""Work sent to a running Ray cluster: what a job asks for, and, in `mlray.jobs.on_ray`, how it gets there."""

from mlray.jobs.request import (
    JobState,
    JobStatus,
    check_request,
    dashboard_address,
    job_request,
    metadata,
    runtime_env,
)
from mlray.jobs.script import plain_errors

__all__ = [
    "JobState",
    "JobStatus",
    "check_request",
    "dashboard_address",
    "job_request",
    "metadata",
    "plain_errors",
    "runtime_env",
]
