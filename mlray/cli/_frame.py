"""What every verb has in common: exit codes, errors without a traceback, and that nothing is left running."""

import errno
import functools
import inspect
import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from mlray.clock import SystemClock
from mlray.errors import InputError, MlrayError, UnavailableError

if TYPE_CHECKING:
    from mlray.project import Project

__all__ = ["Here", "Json", "Stopped", "guarded", "moment", "opened", "verb"]

Here = Annotated[Path, typer.Argument(metavar="PROJECT", help="A folder or its mlray.yaml.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")]
PATIENCE = 20.0
"""Seconds after a Ctrl-C in which another one does not interrupt the cleaning up."""

_Debug = Annotated[bool, typer.Option("--debug", help="Show where an error arose.")]


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where there is no room, or none for this user."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the process to end; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def verb(app: typer.Typer, function: Callable[..., None], name: str = "") -> None:
    """Make `function` a verb of `app`, called `name` or as it is: errors become exit codes, and it takes `--debug`."""

    @functools.wraps(function)
    def command(*args: object, debug: bool = False, **kwargs: object) -> None:
        with guarded(debug=debug, as_json=bool(kwargs.get("json"))):
            function(*args, **kwargs)

    signature = inspect.signature(function)
    option = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Debug)
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    command.__annotations__ = {**function.__annotations__, "debug": _Debug}
    app.command(name or function.__name__)(command)


@contextmanager
def guarded(*, debug: bool, as_json: bool) -> Iterator[None]:
    """Turn what is raised inside into a message and typer.Exit with the right code."""
    try:
        with _signals():
            yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as stop:
        number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
        typer.echo(f"\nStopped by {signal.Signals(number).name}; what was started has been ended.", err=True)
        raise typer.Exit(128 + number) from stop
    except MlrayError as error:
        if debug:
            raise
        _tell(error, as_json=as_json)
        raise typer.Exit(error.exit_code) from error
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `mlray journal | head` has.
        raise
    except Exception as error:
        if debug:
            raise
        told = _unknown(error)
        _tell(told, as_json=as_json)
        raise typer.Exit(told.exit_code) from error


def _unknown(error: Exception) -> MlrayError:
    if isinstance(error, OSError) and error.errno in _FULL:
        where = f"{error.filename} cannot be written" if error.filename else "A file cannot be written"
        return UnavailableError(
            f"{where}: {os.strerror(error.errno)}.",
            remedy="Free space on the disk (`df -h`), or raise this user's quota or file-size limit (`ulimit -f`); then"
            " run the same command again.",
        )
    return MlrayError(
        f"mlray met an error that it does not know: {type(error).__name__}: {error}",
        remedy="The same command with --debug shows where.",
    )


def _tell(error: MlrayError, *, as_json: bool) -> None:
    if as_json:
        from json import dumps

        problems = list(getattr(error, "problems", [error.problem]))
        told = {"error": type(error).__name__, "problems": problems, "remedy": error.remedy, "exit": error.exit_code}
        typer.echo(dumps(told, ensure_ascii=False))
        return
    typer.secho(error.problem, err=True, fg="red" if error.exit_code != 4 else "yellow")  # 4: a refusal is no failure
    if error.remedy:
        typer.echo(error.remedy, err=True)


class _Stop:
    """What happens on Ctrl-C, SIGTERM and a closed terminal: the first ends the verb, an impatient second waits."""

    def __init__(self) -> None:
        self.closing = False
        self.last = -math.inf

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        now = SystemClock().ticks()
        if self.closing or now - self.last < PATIENCE:
            # Cleaning up by halves would leave processes behind. Not by print: a handler may interrupt a print.
            os.write(2, b"\nEnding what was started; a moment ...\n")
            return
        self.last = now
        raise Stopped(number)


_stop = _Stop()


@contextmanager
def _signals() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal as Ctrl-C, so that they too end what was started."""
    _stop.last = -math.inf
    # A shell lets a background job ignore SIGINT; whoever sends it all the same wants us to end. But what ignores a
    # closed terminal, as `nohup mlray run` does, goes on without it.
    hung_up = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []
    try:
        before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM, *hung_up)}
    except ValueError:  # not the main thread: signals are somebody else's
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def opened(path: Path, *, sources: bool = False) -> Iterator["Project"]:
    """Open the project at `path`, and end whatever it started, however the verb ends.

    That files of its sources are missing is a fault only with `sources=True`, of a verb that reads them: what was kept
    of a source that went away can be looked at and brought back all the same.
    """
    import mlray

    project = mlray.open(path, sources=sources)
    try:
        yield project
    finally:
        _stop.closing = True
        try:
            project.close()
        finally:
            _stop.closing = False


def moment(text: str) -> datetime:
    """Return the moment that an option names, in UTC: a day, or a day and a time.

    >>> moment("2013-06-01").isoformat()
    '2013-06-01T00:00:00+00:00'
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"'{text}' is not a date.", remedy="Write a day, such as 2013-06-01.") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
