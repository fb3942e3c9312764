"""What a table looks like: enough of it to write a first project file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlray.errors import DataError, InputError
from mlray.spec import did_you_mean

__all__ = ["Look", "Seen", "look"]

KNOWN = (".parquet", ".pq", ".csv", ".csv.gz")

# Names that a person gives to the answer; the first that fits is taken when none is named.
_ANSWERS = ("target", "label", "y", "outcome", "churned", "returned", "default", "fraud", "clicked", "converted")


@dataclass(frozen=True, slots=True)
class Seen:
    """One column as it was found."""

    name: str
    type: str
    """In the contract's words; empty where the contract has none, as for a list."""
    nulls: int
    distinct: int
    middle: float | None = None
    """The median of numbers."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in the files."""

    files: tuple[Path, ...]
    pattern: str
    """How they are named from anywhere: absolute."""
    rows: int
    columns: tuple[Seen, ...]
    time: Seen
    target: Seen
    first: datetime
    last: datetime


def look(data: str, target: str | None, time: str | None) -> Look:
    """Look at the files that `data` names (a file, or a pattern), and choose target and time where they are not named.

    Raises:
        InputError: no such file or column, or no column that could be the target or the time.
    """
    pattern, files = _files(data)
    table = _read(files)
    columns = tuple(_seen(name, table.column(name)) for name in table.column_names)
    when = _time(columns, time)
    answer = _target(columns, target)
    import pyarrow.compute as pc

    ends = pc.min_max(table.column(when.name)).as_py()
    return Look(files, pattern, table.num_rows, columns, when, answer, _utc(ends["min"]), _utc(ends["max"]))


def _files(data: str) -> tuple[str, tuple[Path, ...]]:
    from mlray.data.sources import files

    try:
        found = files(Path.cwd(), data)
    except DataError as error:
        raise InputError(error.problem, remedy=error.remedy) from error
    odd = [file.name for file in found if not file.name.lower().endswith(KNOWN)]
    if odd:
        raise InputError(f"'{odd[0]}' is neither Parquet nor CSV by its name.", remedy=f"Known: {', '.join(KNOWN)}.")
    return os.path.abspath(data), tuple(found)  # noqa: PTH100 (resolve() would follow the links of a pattern)


def _read(files: Sequence[Path]) -> Any:  # noqa: ANN401 (a pyarrow.Table)
    import pyarrow as pa
    from pyarrow import csv, parquet

    empty = csv.ConvertOptions(strings_can_be_null=True)
    tables = []
    for file in files:
        try:
            is_csv = file.name.lower().endswith((".csv", ".csv.gz"))
            tables.append(csv.read_csv(file, convert_options=empty) if is_csv else parquet.read_table(file))
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}.") from error
    table = pa.concat_tables(tables, promote_options="permissive")
    if not table.num_rows:
        raise InputError(f"{files[0]} has no rows.")
    return table


def _seen(name: str, column: Any) -> Seen:  # noqa: ANN401 (a pyarrow.ChunkedArray)
    import pyarrow.compute as pc

    kind = _kind(column.type)
    if not kind:
        return Seen(name, "", column.null_count, 0)
    distinct = len(pc.unique(column.drop_null()))
    middle = None
    if kind in ("integer", "number") and distinct:
        middle = float(pc.approximate_median(column).as_py())
    return Seen(name, kind, column.null_count, distinct, middle)


def _kind(kind: Any) -> str:  # noqa: ANN401 (a pyarrow.DataType)
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    for test, word in (
        (types.is_boolean, "boolean"),
        (types.is_integer, "integer"),
        (types.is_floating, "number"),
        (types.is_decimal, "number"),
        (types.is_timestamp, "timestamp"),
        (types.is_date, "timestamp"),
        (types.is_string, "string"),
        (types.is_large_string, "string"),
    ):
        if test(kind):
            return word
    return ""


def _time(columns: Sequence[Seen], named: str | None) -> Seen:
    times = [column for column in columns if column.type == "timestamp" and not column.nulls]
    if named is None:
        if times:
            return times[0]
        listed = ", ".join(f"{column.name} ({column.type or 'other'})" for column in columns)
        raise InputError(
            "No column holds a time for every row, so nothing could be later than anything else.",
            remedy=f"Name one with --time, or add one such as 2024-05-01 12:00:00. Found: {listed}.",
        )
    found = _named(columns, named, "--time")
    if found not in times:
        why = f"{found.nulls} of its values are missing" if found.nulls else f"it is a {found.type or 'nested column'}"
        raise InputError(f"'{named}' cannot be the event time: {why}.", remedy="It must be a date or a timestamp.")
    return found


def _target(columns: Sequence[Seen], named: str | None) -> Seen:
    able = [column for column in columns if column.type in ("boolean", "integer", "number") and column.distinct > 1]
    if named is not None:
        found = _named(columns, named, "--target")
        if found not in able:
            why = "it has only one value" if found.distinct == 1 else f"it is a {found.type or 'nested column'}"
            raise InputError(f"'{named}' cannot be predicted: {why}.", remedy="A target is true or false, or a number.")
        return found
    by_name = {column.name.lower(): column for column in able}
    known = [by_name[name] for name in _ANSWERS if name in by_name]
    yes_or_no = [column for column in able if column.type == "boolean"]
    if known or yes_or_no:
        return (known or yes_or_no)[0]
    listed = ", ".join(column.name for column in able) or "none is a number or true/false"
    raise InputError("Which column is to be predicted?", remedy=f"Name it with --target. Possible: {listed}.")


def _named(columns: Sequence[Seen], name: str, option: str) -> Seen:
    for column in columns:
        if column.name == name:
            return column
    hint = did_you_mean(name, [column.name for column in columns])
    raise InputError(f"{option}: there is no column '{name}'.", remedy=f"{hint[0].upper()}{hint[1:]}")


def _utc(value: Any) -> datetime:  # noqa: ANN401 (a date, a datetime, or pandas' own)
    found = datetime.fromisoformat(value.isoformat()[:19])
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
