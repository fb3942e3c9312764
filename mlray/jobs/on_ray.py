"""Jobs on a running cluster, through Ray's Jobs API. Everything sent was made and checked in `request.py`."""

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from mlray.clock import SystemClock
from mlray.errors import AccessDenied, InputError, MlrayError, NotFoundError, UnavailableError
from mlray.ids import new_id
from mlray.jobs.request import JobState, JobStatus, check_request, dashboard_address, metadata, runtime_env
from mlray.records import JobRequest

__all__ = ["status", "stop", "submit"]

_CONNECT_SECONDS = 10.0
_READY_SECONDS = 90.0
# Ray tells at length how a folder is packed and a log is read; `follow` is what a person wants to hear.
for _module in ("dashboard_sdk", "job.sdk"):
    logging.getLogger(f"ray.dashboard.modules.{_module}").setLevel(logging.WARNING)
_OVERRIDES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


def submit(
    request: JobRequest,
    *,
    address: str,
    working_dir: Path,
    follow: Callable[[str], None] | None = None,
    token: str | None = None,
) -> str:
    """Send `request` with the files of `working_dir` to the cluster at `address`, and return the job's id.

    The same `request.id` again starts nothing: the call attaches to the job that has it. With `follow` the call returns
    when the job has ended, and has handed over its log piece by piece; ask `status` how it ended.

    Raises:
        InputError: the request, the address or the folder is wrong, or the folder is too large to send.
        AccessDenied: the cluster wants a token, or another one.
        UnavailableError: nothing answers at `address`, or no node of the cluster takes jobs.
    """
    job = check_request(request)
    environment = runtime_env(working_dir, _tools())
    name = job.id or new_id(job.name)
    with _client(address, token) as client:
        _send(client, name, job, environment)
        if follow is not None:
            asyncio.run(_follow(client, name, follow))
    return name


def status(job_id: str, *, address: str, token: str | None = None) -> JobStatus:
    """Return what the cluster says about the job; raises as `submit` does, and NotFoundError where there is none."""
    with _client(address, token) as client:
        details = _known(client, job_id, lambda: client.get_job_info(job_id))
    return JobStatus(
        id=job_id,
        state=JobState(details.status.value),
        entrypoint=details.entrypoint,
        message=details.message or "",
        started_at=_moment(details.start_time),
        ended_at=_moment(details.end_time),
        exit_code=details.driver_exit_code,
    )


def stop(job_id: str, *, address: str, token: str | None = None) -> bool:
    """End the job; False when it had ended before. Raises as `status` does."""
    with _client(address, token) as client:
        return bool(_known(client, job_id, lambda: client.stop_job(job_id)))


@contextmanager
def _client(address: str, token: str | None) -> Iterator[JobSubmissionClient]:
    """Yield a client of the cluster, and turn whatever Ray raises meanwhile into an error of ours."""
    url = dashboard_address(address)
    _answers(url)
    headers = {"Authorization": f"Bearer {token}"} if token else None
    # Ray lets these two variables override the address that it is given, which would send the job elsewhere.
    saved = {name: os.environ.pop(name) for name in _OVERRIDES if name in os.environ}
    try:
        client = JobSubmissionClient(url, headers=headers)
    except (AuthenticationError, ConnectionError, RuntimeError, OSError, ValueError) as error:
        raise _ours(error, url) from error
    finally:
        os.environ.update(saved)
    try:
        yield client
    except MlrayError:
        raise
    except (AuthenticationError, RuntimeError, OSError) as error:
        raise _ours(error, url) from error


def _tools() -> Path | None:
    """Return where this virtual environment's programs lie; None outside of one, since that folder is anybody's."""
    return Path(sys.prefix) / "bin" if sys.prefix != sys.base_prefix else None


def _answers(url: str) -> None:
    """Connect once: Ray's client has no time limit of its own and would wait for a silent address for minutes."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise UnavailableError(
            f"Nothing answers at {url} ({error}).",
            remedy="Is it the dashboard's address, usually port 8265? `ray dashboard CLUSTER.yaml` or"
            " `kubectl port-forward svc/mlray-head-svc 8265` brings a cluster's to this machine.",
        ) from error


def _send(client: JobSubmissionClient, name: str, job: JobRequest, environment: dict[str, Any]) -> None:
    """Submit until a node takes the job: a young cluster answers 500 for some seconds, since no agent is up yet."""
    clock = SystemClock()
    give_up = clock.ticks() + _READY_SECONDS
    while True:
        try:
            client.submit_job(
                entrypoint=job.entrypoint, submission_id=name, runtime_env=environment, metadata=metadata(job)
            )
        except ValueError as error:
            raise InputError(
                f"'{environment['working_dir']}' cannot be sent: {error}",
                remedy="Keep large files out by a .rayignore.",
            ) from error
        except RuntimeError as error:
            if "already exists" in str(error):
                return
            if "No available agent" not in str(error):
                raise
            if clock.ticks() > give_up:
                raise UnavailableError(
                    f"No node of the cluster took the job within {_READY_SECONDS:.0f} s.",
                    remedy="See its nodes with `ray status`; with the same id the command can be repeated safely.",
                ) from error
            time.sleep(1)
        else:
            return


async def _follow(client: JobSubmissionClient, name: str, say: Callable[[str], None]) -> None:
    """Hand over the log as it grows. A lost connection starts again from the top, so what was said is left out."""
    said = 0
    while True:
        seen = 0
        try:
            async for piece in client.tail_job_logs(name):
                fresh = piece[max(said - seen, 0) :]
                seen += len(piece)
                said = max(said, seen)
                if fresh:
                    say(fresh)
        except RuntimeError:
            pass  # the connection ended early; the state tells whether there is more to come
        if JobState(client.get_job_status(name).value).final:
            return
        await asyncio.sleep(1)


def _known(client: JobSubmissionClient, job_id: str, ask: Callable[[], Any]) -> Any:
    """Return the answer to `ask`; a job that is not there becomes a NotFoundError that names the ones that are."""
    try:
        return ask()
    except RuntimeError as error:
        if "does not exist" not in str(error) and "404" not in str(error):
            raise
        known = [job.submission_id for job in client.list_jobs() if job.submission_id][-5:]
        listed = ", ".join(known) or "none"
        raise NotFoundError(f"There is no job '{job_id}' on this cluster.", remedy=f"The latest: {listed}.") from error


def _ours(error: Exception, url: str) -> MlrayError:
    if isinstance(error, AuthenticationError):
        return AccessDenied(
            f"{url} refused the token.",
            remedy="Give the cluster's own: on its head node `ray get-auth-token` prints it.",
        )
    reason = str(error).strip().splitlines()
    return UnavailableError(
        f"The cluster at {url} could not do it: {reason[-1] if reason else type(error).__name__}",
        remedy="Its dashboard's log tells more; the same command may succeed later.",
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
