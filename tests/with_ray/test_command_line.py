"""The command line as real processes: a run that is kept up, asked and stopped, and runs that are cut off at once."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.projects import small_project

pytestmark = [pytest.mark.ray, pytest.mark.slow]

Output = subprocess.CompletedProcess[str]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short temporary folder of its own: whatever is started names it, so that one sees what is left."""
    folder = Path(tempfile.mkdtemp(prefix="mlc-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mlray.cli", *map(str, arguments)]


def environment(temporary: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary)}


def left_behind(temporary: Path) -> list[str]:
    words = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return [line for line in words if str(temporary) in line]


def asked(*arguments: object, env: dict[str, str]) -> Output:
    return subprocess.run(command(*arguments), capture_output=True, text=True, env=env, timeout=280, check=False)


def test_a_run_that_is_kept_can_be_asked_called_and_stopped(tmp_path, temporary):
    folder, env = small_project(tmp_path / "orders"), environment(temporary)
    try:
        ran = asked("run", folder, "--keep", "--until", "2024-01-25", "--json", env=env)
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout)
        assert told["kept"]
        assert [decision["act"] for decision in told["decisions"]][:2] == ["retrain", "promote"]
        assert re.search(r"^\[ *\d+:\d\d\] live \d+%.* left; the whole run \d+%", ran.stderr, re.MULTILINE)
        check_the_call(ran.stderr)
        check_looking(folder, env)
        check_acting(folder, env)
    finally:
        stopped = asked("stop", folder, env=env)
    assert stopped.stdout == "Stopped.\n"
    assert json.loads(asked("stop", folder, "--json", env=env).stdout) == {"stopped": False}
    assert left_behind(temporary) == []
    assert list(temporary.iterdir()) == []


def check_the_call(told: str) -> None:
    (curl,) = re.findall(r"curl .*", told)
    called = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True, timeout=60)
    assert "outputs" in json.loads(called.stdout)


def check_looking(folder: Path, env: dict[str, str]) -> None:
    status = json.loads(asked("status", folder, "--json", env=env).stdout)
    assert (status["live"], bool(status["ray"])) == (1, True)

    decisions = json.loads(asked("journal", folder, "--json", env=env).stdout)
    assert {entry["kind"] for entry in decisions} == {"decision", "outcome"}
    assert len(json.loads(asked("journal", folder, "--all", "--last", "3", "--json", env=env).stdout)) == 3
    table = asked("journal", folder, "--verify", env=env)
    assert "The chain is whole" in table.stderr
    assert "Decision" in table.stdout

    assert json.loads(asked("cost", folder, "--json", env=env).stdout)["budget"]["limit"] == "100"
    assert "a retraining costs" in asked("cost", folder, env=env).stdout


def check_acting(folder: Path, env: dict[str, str]) -> None:
    assert isinstance(json.loads(asked("watch", folder, "--at", "2024-01-26", "--json", env=env).stdout), list)
    assert json.loads(asked("deploy", folder, "--version", "1", "--json", env=env).stdout)["live"] == 1
    assert asked("promote", "1", folder, env=env).returncode == 0
    assert asked("promote", "99", folder, env=env).returncode == 2
    refused = asked("rollback", folder, env=env)
    assert (refused.returncode, "no earlier live version" in refused.stderr) == (4, True)
    again = asked("run", folder, env=env)
    assert (again.returncode, "mlray stop" in again.stderr) == (3, True)


def test_the_same_run_on_a_cluster_is_followed_to_its_end(tmp_path, ray_with_dashboard):
    folder = small_project(tmp_path / "orders")
    env = {**os.environ, "RAY_AUTH_TOKEN": ray_with_dashboard.token}

    sent = asked("submit", folder, "--address", ray_with_dashboard.dashboard, "--id", "cli-run", env=env)

    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert re.search(r"\[ *\d+:\d\d\] live …", sent.stdout)
    assert "Decision" in sent.stdout
    assert sent.stdout.splitlines()[-1].startswith("cli-run SUCCEEDED")


def test_a_job_that_is_refused_brings_its_exit_code_back(tmp_path, ray_with_dashboard):
    folder = small_project(tmp_path / "poor", name="poor", limit=1)
    env = {**os.environ, "RAY_AUTH_TOKEN": ray_with_dashboard.token}

    sent = asked("submit", folder, "--address", ray_with_dashboard.dashboard, "--json", env=env)

    assert (sent.returncode, json.loads(sent.stdout)["state"]) == (4, "FAILED")
    assert "no first model" in sent.stderr


@pytest.mark.parametrize(("marker", "impatient"), [("start …", False), ("train …", True)])
def test_ctrl_c_at_any_moment_leaves_nothing_running(tmp_path, temporary, marker, impatient):
    folder = small_project(tmp_path / "orders")
    run = subprocess.Popen(
        command("run", folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(temporary)
    )
    assert run.stderr is not None
    for line in run.stderr:
        if marker in line:
            break
    run.send_signal(signal.SIGINT)
    if impatient:
        run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=120)

    assert run.returncode == 130, told
    assert "Traceback" not in told
    assert left_behind(temporary) == []
    assert list(temporary.iterdir()) == []


def test_the_verbs_work_one_by_one_from_a_plain_shell(tmp_path, temporary):
    folder = small_project(tmp_path / "orders")
    # Nothing that this test run set for its own Ray: a newcomer's shell has none of it either.
    env = {key: value for key, value in environment(temporary).items() if not key.startswith(("RAY_", "MLRAY_"))}
    try:
        for verb in (
            ("ingest",),
            ("train", "--trials", "1"),
            ("deploy",),
            ("watch", "--at", "2024-01-22"),
            ("status",),
        ):
            done = asked(verb[0], folder, *verb[1:], env=env)
            assert done.returncode == 0, (verb, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
        assert "InvalidAuthToken" not in done.stderr
    finally:
        stopped = asked("stop", folder, env=env)
    assert stopped.returncode == 0, stopped.stderr
    assert left_behind(temporary) == []
