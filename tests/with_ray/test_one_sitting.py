"""One process, as a notebook is: stages by hand, an endpoint that is kept, and a whole run, one after the other."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.projects import small_project

SITTING = """
import sys
from datetime import UTC, datetime

import mlray

with mlray.open(sys.argv[1]) as project:
    project.feasibility()
    version = project.train(trials=1)
    assert [e.kind for e in project.journal() if e.kind in ("promise", "spend")] == ["promise", "spend"]
    endpoint = project.deploy()
    assert endpoint.live == version.number == 1, endpoint
    assert project.status()["ray"], "what was deployed ends with this process"
    assert project.stop()
    assert project.status()["ray"] is None

    project.feasibility()
    result = project.run(until=datetime(2024, 1, 22, tzinfo=UTC))
    assert result.endpoint.live == 1
    assert (project.space.root / "run-1" / "journal.db").exists()
    assert project.space.journal.verify() == len(project.journal())
"""


@pytest.mark.ray
@pytest.mark.slow
def test_whatever_was_done_before_a_kept_endpoint_and_a_run_can_follow(tmp_path):
    folder = small_project(tmp_path / "orders")
    temporary = Path(tempfile.mkdtemp(prefix="mls-", dir="/tmp"))
    try:
        sat = subprocess.run(
            [sys.executable, "-c", SITTING, str(folder)],
            capture_output=True,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
            timeout=280,
            check=False,
        )
        assert sat.returncode == 0, sat.stderr
        words = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
        assert [line for line in words if str(temporary) in line] == []
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
