"""The endpoint called by Java's own HTTP client: HTTP/2 upgrade headers, chunking and all that Python's clients do not do."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mlray.records import Endpoint
from mlray.serving.on_uvicorn import run
from tests.contract.endpoint_sample import build, request

SOURCE = Path(__file__).parent / "java" / "EndpointClient.java"


def java() -> str:
    """Return a Java that can run a source file (11 or later), or skip the test and say so."""
    found = shutil.which("java")
    if found is None:
        pytest.skip("no java on this machine: the Java client is not tested")
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=True).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < 11:
        pytest.skip(f"java is too old to run a source file: {told.splitlines()[0]}")
    return found


@pytest.mark.slow
def test_java_gets_answers_and_sees_what_is_wrong(tmp_path: Path) -> None:
    program = java()
    app = build(str(tmp_path))
    app.start()
    app.change(Endpoint("flights", "", live=1, generation=1))
    good, bad = request(2, "from-java", distance=[1000.0, 2000.0]), request(2, distance=[1000.0, "far"])
    with run(app) as server:
        url = f"{server.url}/v2/models/flights/infer"
        done = subprocess.run(
            [program, str(SOURCE), url, "caller", json.dumps(good), json.dumps(bad), json.dumps(good)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    app.stop()
    assert done.returncode == 0, done.stderr
    answers = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert [(status, version) for status, version, _ in answers] == [("200", "1"), ("422", "-"), ("200", "1")]
    told = json.loads(answers[0][2])
    assert told["id"] == "from-java"
    assert told["outputs"][1] == {"name": "late", "shape": [2], "datatype": "BOOL", "data": [True, True]}
    error = json.loads(answers[1][2])["error"]
    assert (error["column"], error["row"]) == ("distance", 1)
