"""Help is there at once, for every verb, and says what the exit codes mean."""

import subprocess
import sys

import pytest

from mlray.cli._app import app

VERBS = [command.callback.__name__ for command in app.registered_commands if command.callback]
HEAVY = "ray mlflow pandas sklearn xgboost sqlalchemy fastapi numpy pyarrow pydantic rich yaml optuna httpx psutil"


def test_help_loads_nothing_heavy():
    code = """
import sys
sys.argv = ["mlray", "--help"]
from mlray.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Commands:" in done.stdout
    assert not set(done.stderr.split()) & set(HEAVY.split())


def test_help_lists_the_verbs_in_the_order_of_a_life_and_the_exit_codes(mlray):
    text = mlray("--help").stdout

    places = [text.index(f"\n  {verb} ") for verb in VERBS]
    assert places == sorted(places)
    assert len(VERBS) >= 12
    for code in ("0    done", "2    the input", "3    something", "4    refused", "130  stopped"):
        assert code in text
    assert "..." not in text.partition("Commands:")[2], "a verb's first sentence must fit in 80 columns"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(mlray, verb):
    result = mlray(verb, "--help")

    assert result.exit_code == 0
    assert "--debug" in result.stdout
    assert verb == "init" or "--json" in result.stdout


def test_the_module_can_be_run_where_the_command_is_not_on_the_path():
    done = subprocess.run([sys.executable, "-m", "mlray.cli", "--version"], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("mlray 0.")


@pytest.mark.parametrize("wrong", [["chekc"], ["check", "--jsno"], ["run", "--until"], ["promote", "one"]])
def test_a_wrong_command_line_ends_with_2(mlray, wrong):
    assert mlray(*wrong).exit_code == 2
