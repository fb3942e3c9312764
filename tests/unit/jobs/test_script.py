import ast
from pathlib import Path

import pytest

from mlray.errors import OverBudget
from mlray.jobs import plain_errors
from mlray.project import Project

JOBS = Path(__file__).parents[3] / "jobs"
SCRIPTS = ["crawl", "ingest", "retrain", "serve", "train", "tune"]


def test_an_error_on_purpose_ends_a_script_with_its_message_and_exit_code(capsys):
    with pytest.raises(SystemExit) as ended, plain_errors():
        raise OverBudget("a retraining costs 40.00 USD, 10.00 are left", remedy="Wait until May.")
    assert ended.value.code == 4
    assert capsys.readouterr().err == "a retraining costs 40.00 USD, 10.00 are left Wait until May.\n"


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), plain_errors():
        assert 1 // 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short_and_calls_only_what_a_project_offers(name):
    text = (JOBS / f"{name}.py").read_text()
    assert len(text.splitlines()) <= 35
    called = {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "project"
    }
    assert called
    assert [method for method in called - {"space"} if not hasattr(Project, method)] == []


def test_every_script_is_here():
    assert sorted(path.stem for path in JOBS.glob("*.py")) == SCRIPTS
