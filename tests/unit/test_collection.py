"""Every test file is run by `make test`: a pattern that leaves modules out must not leave out tests."""

import ast
import re
from pathlib import Path

import pytest

from tests.quick import QUICK

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests").rglob("test_*.py"))


def ignored(config: pytest.Config, path: Path) -> bool:
    """Whether pytest leaves out a file, or a folder that it lies in."""
    below = [path, *path.parents][: len(path.relative_to(ROOT).parts)]
    return any(config.hook.pytest_ignore_collect(collection_path=one, config=config) for one in below)


def has_a_test(path: Path) -> bool:
    whole = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in whole)


def test_no_test_file_is_left_out(pytestconfig):
    assert [path for path in FILES if ignored(pytestconfig, path)] == []
    assert [path for path in FILES if not has_a_test(path)] == []
    assert FILES


def test_ci_leaves_out_what_check_has_run_and_nothing_else():
    said = dict(re.findall(r"^(\w+) := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    checked = {ROOT / folder for folder in (*said["UNIT"].split(), *said["LAWS"].split())}
    assert checked == {ROOT / folder for folder in QUICK}
    assert (ROOT / said["DATA"]).is_relative_to(ROOT / said["UNIT"])
    assert "make test ARGS=--checked" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_a_module_that_talks_to_an_outside_system_is_left_out(pytestconfig):
    # Its examples would need that system; this also shows that the test above would notice a file that is left out.
    assert ignored(pytestconfig, ROOT / "mlray" / "data" / "on_sql.py")
