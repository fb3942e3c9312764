"""Exit codes, messages without a traceback, and signals."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from functools import partial

import pytest
import typer
from typer.testing import CliRunner

from mlray.cli import _frame
from mlray.cli._frame import Stopped, guarded, moment, verb
from mlray.errors import (
    AccessDenied,
    DataError,
    GateRefusal,
    InputError,
    JournalError,
    MlrayError,
    OverBudget,
    SpecError,
    StoreError,
)


def failing(error: BaseException) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

    def fail(*, json: bool = False) -> None:
        """Fail."""
        raise error

    verb(app, fail)
    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MlrayError("p", remedy="r"), 1),
        (InputError("p", remedy="r"), 2),
        (SpecError(["p"], remedy="r"), 2),
        (DataError("p", remedy="r"), 2),
        (JournalError("p", remedy="r"), 3),
        (StoreError("p", remedy="r"), 3),
        (OverBudget("p", remedy="r"), 4),
        (GateRefusal("p", remedy="r"), 4),
        (AccessDenied("p", remedy="r"), 4),
    ],
)
def test_an_error_is_its_problem_its_remedy_and_its_exit_code(error, code):
    result = CliRunner().invoke(failing(error), [])

    assert (result.exit_code, result.stderr, result.stdout) == (code, "p\nr\n", "")


def test_with_json_an_error_is_json_on_standard_output():
    result = CliRunner().invoke(failing(SpecError(["a:1: x", "a:2: y"], remedy="mend")), ["--json"])

    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "error": "SpecError",
        "problems": ["a:1: x", "a:2: y"],
        "remedy": "mend",
        "exit": 2,
    }


def test_an_unknown_error_ends_with_1_and_says_how_to_see_where():
    result = CliRunner().invoke(failing(ZeroDivisionError("division by zero")), [])

    assert result.exit_code == 1
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "--debug" in result.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize(("name", "said"), [("/srv/page.html", "/srv/page.html cannot"), (None, "A file cannot")])
def test_where_there_is_no_room_the_disk_and_the_quota_are_named(number, name, said):
    result = CliRunner().invoke(failing(OSError(number, os.strerror(number), name)), [])

    assert result.exit_code == 3
    assert result.stderr.startswith(f"{said} be written: {os.strerror(number)}.\nFree space on the disk")
    assert "quota" in result.stderr


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), InputError("x")])
def test_debug_lets_the_error_through(error):
    result = CliRunner().invoke(failing(error), ["--debug"])

    assert result.exception is error


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (KeyboardInterrupt(), 130),
        (Stopped(signal.SIGINT), 130),
        (Stopped(signal.SIGTERM), 143),
        (Stopped(signal.SIGHUP), 129),
    ],
)
def test_being_stopped_ends_with_the_signal_s_code(stop, code):
    result = CliRunner().invoke(failing(stop), [])

    assert result.exit_code == code
    assert "what was started has been ended" in result.stderr


def test_an_end_that_was_asked_for_stays_as_it_is():
    assert CliRunner().invoke(failing(typer.Exit(7)), []).exit_code == 7


def test_a_reader_that_has_seen_enough_is_no_error():
    with pytest.raises(BrokenPipeError), guarded(debug=False, as_json=False):
        raise BrokenPipeError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_verb_and_the_handlers_are_put_back(number, request):
    # Started under nohup, SIGHUP is ignored, and stays so: here it has to arrive.
    before = signal.default_int_handler
    request.addfinalizer(partial(signal.signal, number, signal.signal(number, before)))

    with pytest.raises(typer.Exit) as ended, guarded(debug=False, as_json=False):
        os.kill(os.getpid(), number)

    assert ended.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


def test_an_impatient_second_signal_does_not_cut_the_cleaning_up_short(capfd):
    cleaned = []

    def stopped_twice() -> None:
        with guarded(debug=False, as_json=False):
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGTERM)
                cleaned.append(True)

    with pytest.raises(typer.Exit):
        stopped_twice()

    assert cleaned
    assert capfd.readouterr().err.count("Ending what was started") == 2


def test_a_signal_while_closing_waits(monkeypatch, capfd):
    monkeypatch.setattr(_frame._stop, "closing", True)

    with guarded(debug=False, as_json=False):
        os.kill(os.getpid(), signal.SIGINT)

    assert "Ending what was started" in capfd.readouterr().err


def test_a_verb_works_where_signals_belong_to_somebody_else():
    from threading import Thread

    codes = []
    thread = Thread(target=lambda: codes.append(CliRunner().invoke(failing(InputError("p")), []).exit_code))
    thread.start()
    thread.join()

    assert codes == [2]


def test_a_real_process_ends_with_130_and_cleans_up(tmp_path):
    code = """
        from threading import Event
        from mlray.cli._frame import guarded
        try:
            with guarded(debug=False, as_json=False):
                try:
                    print("ready", flush=True)
                    Event().wait()
                finally:
                    print("cleaned", flush=True)
        except BaseException as end:
            raise SystemExit(end.exit_code)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, "cleaned\n")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2013-06-01", "2013-06-01T00:00:00+00:00"),
        ("2013-06-01 12:30", "2013-06-01T12:30:00+00:00"),
        ("2013-06-01T12:30+02:00", "2013-06-01T10:30:00+00:00"),
    ],
)
def test_an_option_names_a_moment_in_utc(text, iso):
    assert moment(text).isoformat() == iso


def test_a_date_that_is_none_is_refused():
    with pytest.raises(InputError, match="'June' is not a date") as caught:
        moment("June")
    assert "2013-06-01" in caught.value.remedy


def test_opening_a_project_that_is_not_there_ends_with_2(mlray, tmp_path):
    result = mlray("status", tmp_path / "gone")

    assert result.exit_code == 2
    assert "there is no such project file" in result.stderr
    assert "mlray init" in result.stderr
