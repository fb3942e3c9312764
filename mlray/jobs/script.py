"""What the scripts under `jobs/` share: a person or a scheduler reads their last line and their exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mlray.errors import MlrayError

__all__ = ["plain_errors"]


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the process on an error that mlray raised on purpose: its message on stderr, its exit code, no traceback."""
    try:
        yield
    except MlrayError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a script's voice)
        raise SystemExit(error.exit_code) from error
