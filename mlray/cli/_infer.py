"""What a table looks like: enough of it to write a first project file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlray.cli._dialect import Dialect, dialect_of, once
from mlray.errors import DataError, InputError
from mlray.spec import did_you_mean

__all__ = ["Look", "Seen", "look"]

KNOWN = (".parquet", ".pq", ".csv", ".csv.gz")

# Words for yes and no in the languages of those who keep tables by hand.
_WORDS = (
    ("yes", "no"), ("y", "n"), ("t", "f"), ("ja", "nein"), ("oui", "non"), ("si", "no"), ("sí", "no"), ("sim", "não"),
    ("on", "off"), ("wahr", "falsch"),
)  # fmt: skip
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
    form: str = ""
    """How it writes times, where not in ISO 8601."""
    comma: bool = False
    """Whether its numbers have a decimal comma."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What stands for true and false, where they are other words."""


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
    dialect: Dialect = field(default_factory=Dialect)
    """How CSV files are written."""

    @property
    def mapping(self) -> dict[str, Any]:
        """What has to be mapped for the rows to be read: forms of times, words for true and false, decimal commas."""
        forms = {column.name: column.form for column in self.columns if column.form}
        words = {self.target.name: dict(self.target.words)} if self.target.words else {}
        told: dict[str, Any] = {"values": words} if words else {}
        told |= {"formats": forms} if forms else {}
        return told | ({"decimal": ","} if any(column.comma for column in self.columns) else {})


def look(data: str, target: str | None, time: str | None) -> Look:
    """Look at the files that `data` names (a file, or a pattern), and choose target and time where they are not named.

    Raises:
        InputError: no such file or column, or no column that could be the target or the time.
    """
    pattern, files = _files(data)
    dialect = dialect_of(files[0]) if _is_csv(files[0]) else Dialect()
    table = _read(files, dialect)
    columns = tuple(_seen(name, table.column(name)) for name in table.column_names)
    when = _time(columns, time)
    answer = _target(columns, target)
    columns = tuple(answer if column.name == answer.name else column for column in columns)
    first, last = _ends(table.column(when.name), when)
    return Look(files, pattern, table.num_rows, columns, when, answer, first, last, dialect)


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


def _is_csv(file: Path) -> bool:
    return file.name.lower().endswith((".csv", ".csv.gz"))


def _read(files: Sequence[Path], dialect: Dialect) -> Any:  # noqa: ANN401 (a pyarrow.Table)
    import pyarrow as pa
    from pyarrow import parquet

    tables = []
    for file in files:
        try:
            if not _is_csv(file):
                once(file, parquet.read_schema(file).names)
            tables.append(dialect.read(file) if _is_csv(file) else parquet.read_table(file))
        except (pa.ArrowException, OSError, UnicodeError) as error:
            told = str(error).splitlines()[0]
            remedy = "A value with a comma needs quotes, and every line the same number of values."
            raise InputError(
                f"{file} cannot be read: {told}.", remedy=remedy if "columns, got" in told else ""
            ) from error
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise InputError(
            f"The files do not have the same columns: {str(error).splitlines()[0]}.",
            remedy="Name files of one kind, and each column once.",
        ) from error
    if not table.num_rows:
        raise InputError(
            f"{files[0]} has no rows.", remedy="A model learns from rows of the past; a header is not enough."
        )
    return table


def _seen(name: str, column: Any) -> Seen:  # noqa: ANN401 (a pyarrow.ChunkedArray)
    import pyarrow.compute as pc

    kind = _kind(column.type)
    if not kind:
        return Seen(name, "", column.null_count, 0)
    form, comma = "", False
    if kind == "string":
        from mlray.data._infer import guess, read_as

        found = guess(name, column.combine_chunks())
        if found.type in ("timestamp", "number"):
            kind, form, comma = found.type, found.form, found.comma
            column = read_as(column.combine_chunks(), found)
    distinct = len(pc.unique(column.drop_null()))
    middle = None
    if kind in ("integer", "number") and distinct:
        middle = float(pc.approximate_median(column).as_py())
    words = _yes_or_no(pc.unique(column.drop_null()).to_pylist()) if kind == "string" and distinct == 2 else {}
    return Seen(name, kind, column.null_count, distinct, middle, form, comma, words)


def _yes_or_no(values: Sequence[str]) -> dict[str, str]:
    """Return which of two words is true and which false; nothing where they are other words."""
    for yes, no in _WORDS:
        by_word = {value.strip().lower(): value for value in values}
        if by_word.keys() == {yes, no}:
            return {by_word[yes]: "true", by_word[no]: "false"}
    return {}


def _ends(column: Any, when: Seen) -> tuple[datetime, datetime]:  # noqa: ANN401 (a pyarrow.ChunkedArray)
    import pyarrow.compute as pc

    if _kind(column.type) == "string":
        from mlray.data._infer import guess, read_as

        column = read_as(column.combine_chunks(), guess(when.name, column.combine_chunks()))
    ends = pc.min_max(column).as_py()
    return _utc(ends["min"]), _utc(ends["max"])


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
        raise InputError(
            f"'{named}' cannot be the event time: {why}.",
            remedy="It must be a date or a timestamp, written alike in every row: 2024-05-01 12:00, 01.05.2024.",
        )
    return found


def _target(columns: Sequence[Seen], named: str | None) -> Seen:
    able = [column for column in columns if column.type in ("boolean", "integer", "number") and column.distinct > 1]
    if named is not None:
        found = _named(columns, named, "--target")
        if found.words:
            return replace(found, type="boolean")
        if found not in able:
            why = "it has only one value" if found.distinct == 1 else f"it is a {found.type or 'nested column'}"
            raise InputError(
                f"'{named}' cannot be predicted: {why}.",
                remedy="A target is true or false (or yes and no, or two such words), or a number.",
            )
        return found
    able += [replace(column, type="boolean") for column in columns if column.words]
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
