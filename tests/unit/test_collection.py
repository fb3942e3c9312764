"""Every test file is run by `make test`: a pattern that leaves modules out must not leave out tests."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_test_file_is_left_out():
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", str(TESTS)],
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
        check=False,
    ).stdout
    files = {str(path.relative_to(TESTS.parent)) for path in TESTS.rglob("test_*.py")}
    assert files - {line.partition(":")[0] for line in listed.splitlines()} == set()
