"""Jobs on a real Ray with its dashboard. The fixture `ray_with_dashboard` has `dashboard`, its address, and `token`."""

import socket
from pathlib import Path

import pytest

from mlray.errors import AccessDenied, InputError, NotFoundError, UnavailableError
from mlray.jobs import JobState
from mlray.jobs.on_ray import status, stop, submit
from mlray.records import JobRequest

# Ray's client asks aiohttp in a way that it now frowns on.
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")]

HELLO = """
import os, sys
import greeting
print(greeting.WORD, sys.argv[1], os.environ["MLRAY_RAY"], os.path.exists("secret.key"), flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    """A project as it would be sent: a module, a script one folder down, and state that must stay behind."""
    (tmp_path / "greeting.py").write_text("WORD = 'good day'\n")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "hello.py").write_text(HELLO)
    (tmp_path / "jobs" / "wait.py").write_text(
        "import threading; print('waiting', flush=True); threading.Event().wait()\n"
    )
    (tmp_path / ".mlray").mkdir()
    (tmp_path / ".mlray" / "secret.key").write_text("never sent")
    return tmp_path


def request(entrypoint, name=""):
    return JobRequest(name="hello", entrypoint=entrypoint, tenant="ana", project="flights", id=name)


def test_a_job_runs_with_the_folder_as_its_path_and_its_log_is_followed(ray_with_dashboard, folder):
    log = []
    job = submit(
        request("python jobs/hello.py there", "hello-1"),
        address=ray_with_dashboard.dashboard,
        working_dir=folder,
        token=ray_with_dashboard.token,
        follow=log.append,
    )
    assert job == "hello-1"
    assert "good day there auto False" in "".join(log)
    ended = status(job, address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token)
    assert (ended.state, ended.exit_code) == (JobState.SUCCEEDED, 0)
    assert ended.started_at < ended.ended_at

    again = []
    assert (
        submit(
            request("python jobs/hello.py twice", "hello-1"),
            address=ray_with_dashboard.dashboard,
            working_dir=folder,
            token=ray_with_dashboard.token,
            follow=again.append,
        )
        == "hello-1"
    )
    assert "there" in "".join(again), "the same id attaches to the first job"
    assert "twice" not in "".join(again)


def test_a_job_that_fails_says_so_with_its_exit_code(ray_with_dashboard, folder):
    job = submit(
        request("python jobs/hello.py"),
        address=ray_with_dashboard.dashboard,
        working_dir=folder,
        token=ray_with_dashboard.token,
        follow=lambda piece: None,
    )
    assert job.startswith("hello-")
    ended = status(job, address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token)
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 1)
    assert "IndexError" in ended.message


def test_a_job_can_be_stopped_once(ray_with_dashboard, folder):
    log = []

    def stop_when_it_waits(piece):
        log.append(piece)
        if "waiting" in piece:
            assert stop("wait-1", address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token)

    submit(
        request("python jobs/wait.py", "wait-1"),
        address=ray_with_dashboard.dashboard,
        working_dir=folder,
        token=ray_with_dashboard.token,
        follow=stop_when_it_waits,
    )
    assert (
        status("wait-1", address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token).state is JobState.STOPPED
    )
    assert not stop("wait-1", address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token)


def test_an_unknown_job_is_answered_with_the_latest_ones(ray_with_dashboard):
    with pytest.raises(NotFoundError, match="no job 'gone'") as caught:
        status("gone", address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token)
    assert "The latest:" in caught.value.remedy
    with pytest.raises(NotFoundError, match="no job 'gone'"):
        stop("gone", address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token)


def test_a_wrong_token_is_a_refusal(ray_with_dashboard, folder):
    with pytest.raises(AccessDenied, match="refused the token"):
        submit(request("true"), address=ray_with_dashboard.dashboard, working_dir=folder, token="0" * 64)


def test_the_environment_cannot_send_a_job_elsewhere(ray_with_dashboard, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:9")
    with pytest.raises(NotFoundError):
        status("gone", address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token)


def test_nothing_at_the_address_is_said_before_anything_is_sent(folder):
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="Nothing answers at") as caught:
            submit(request("true"), address=f"http://127.0.0.1:{taken.getsockname()[1]}", working_dir=folder)
    assert "8265" in caught.value.remedy


def test_the_address_of_another_protocol_is_refused(folder):
    with pytest.raises(InputError, match="not the address of a Ray dashboard"):
        submit(request("true"), address="ray://127.0.0.1:10001", working_dir=folder)


def test_a_script_of_this_clone_runs_as_a_job_with_the_clones_own_mlray(ray_with_dashboard):
    log = []
    where = 'python -c "import mlray; print(mlray.__file__)" && python jobs/crawl.py jobs/flights'
    job = submit(
        request(where),
        address=ray_with_dashboard.dashboard,
        working_dir=Path(__file__).parents[2],
        token=ray_with_dashboard.token,
        follow=log.append,
    )
    said = "".join(log)
    assert (
        status(job, address=ray_with_dashboard.dashboard, token=ray_with_dashboard.token).state is JobState.SUCCEEDED
    ), said
    assert "working_dir_files" in said
    assert "new: first seen: 12 files" in said, "the state of this machine's workspace is not sent along"
