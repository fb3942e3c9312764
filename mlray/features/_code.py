"""The user's feature file: run as a module from its text, so that a model can carry it; its errors named by line."""

import difflib
import inspect
import linecache
import traceback
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from mlray.errors import DataError, SpecError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Feature", "load", "run", "takes_arrow"]

Feature = Callable[[Any], Any]
"""From a pandas DataFrame, or a pyarrow Table where its parameter says so, to one of either."""
NAME = "features"


@lru_cache(maxsize=64)
def load(source: str, file: str) -> Feature:
    """Return the function `features` that `source` defines; `file` is the name that messages show.

    Raises:
        SpecError: the text is not Python, fails when it is run, or defines no function `features`.
    """
    module = ModuleType(f"mlray_features_{abs(hash(source))}")
    # Without an entry here, a traceback through the user's function could not show the line that failed.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    try:
        exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102 (running the user's own file is the point)
    except SyntaxError as error:
        raise SpecError([f"{file}:{error.lineno}: {error.msg}."], remedy="The file must be valid Python.") from error
    except Exception as error:
        raise SpecError(
            [f"{_place(error, file)}: {_said(error)}"], remedy="Importing the file must not fail."
        ) from error
    found = getattr(module, NAME, None)
    if callable(found):
        return cast("Feature", found)
    close = difflib.get_close_matches(NAME, vars(module), n=1)
    meant = f"Is '{close[0]}' meant? " if close else ""
    raise SpecError(
        [f"{file}: there is no function '{NAME}'."],
        remedy=f"{meant}Define `def {NAME}(rows: pd.DataFrame) -> pd.DataFrame`, one row of features per row.",
    )


@lru_cache(maxsize=64)
def takes_arrow(source: str, file: str) -> bool:
    """Return whether the function of `load` asks for Arrow: its first parameter is annotated as `pa.Table`."""
    try:
        first = next(iter(inspect.signature(load(source, file)).parameters.values()), None)
    except (TypeError, ValueError):
        return False
    said = "" if first is None else first.annotation
    return (said if isinstance(said, str) else getattr(said, "__name__", "")).rpartition(".")[2] == "Table"


def run(feature: Feature, file: str, rows: "pd.DataFrame | pa.Table", offered: Sequence[str]) -> "pd.DataFrame":
    """Return what the user's function makes of `rows`, as a frame.

    Raises:
        DataError: the function failed (file and line named), or did not return one row per row.
    """
    import pandas as pd

    try:
        made = feature(rows)
    except Exception as error:
        missing = isinstance(error, KeyError) and _is_no_column(error, offered)
        columns = f"A request brings {', '.join(offered)}; nothing else is known before the event." if missing else ""
        problem = f"{_place(error, file)}: {_said(error)}"
        raise DataError(
            problem, remedy=columns or "The function must work on any rows, a single one as well."
        ) from error
    if isinstance(made, pa.Table):
        made = made.to_pandas()
    if not isinstance(made, pd.DataFrame):
        raise DataError(
            f"{file}: `{NAME}` returned {type(made).__name__}.", remedy="Return a pandas DataFrame or a pyarrow Table."
        )
    if len(made) != len(rows):
        raise DataError(
            f"{file}: `{NAME}` returned {len(made)} rows for {len(rows)}.",
            remedy="Return one row of features per row, in the same order; do not filter here.",
        )
    return made


def _is_no_column(error: KeyError, offered: Sequence[str]) -> bool:
    # pandas says the name alone, pyarrow a sentence with it.
    said = str(error.args[0]) if error.args else ""
    return bool(said) and not any(said == name or f'"{name}"' in said for name in offered)


def _place(error: Exception, file: str) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{frames[-1].lineno}" if frames else file


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
