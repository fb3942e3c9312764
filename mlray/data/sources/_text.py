"""CSV and JSON lines: every value as it is written, so that 007 stays 007 until the contract has seen it."""

import gzip
import io
import json
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json

from mlray.data.sources._place import BROKEN, RAGGED, SourceFile, unreadable, whole
from mlray.data.sources._sniff import GZIP, HEAD, mistaken
from mlray.errors import DataError

__all__ = ["columns_of_text", "parse_json", "read_text"]

_BETWEEN = (";", "\t", "|")
"""What stands between values where it is no comma."""
_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"]


def columns_of_text(file: SourceFile) -> tuple[str, ...]:
    """Return the names of the columns; of JSON lines all that any line has."""
    if file.format == "json":
        return tuple(_read_json(file).column_names)
    return tuple(_csv_names(file))


def read_text(file: SourceFile, columns: Collection[str]) -> pa.Table:
    """Return the rows of a CSV or JSON-lines file, those of `columns` that it has.

    Raises:
        DataError: the file is missing, cut, ragged, in another character set, or not what its name says.
    """
    table = _read_json(file) if file.format == "json" else _read_csv(file, columns)
    return table.select([name for name in table.column_names if name in columns])


def _read_csv(file: SourceFile, columns: Collection[str]) -> pa.Table:
    names = _csv_names(file)
    # Everything as text: guessing types from the first block makes 007 a number, or fails on the second block.
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=[name for name in names if name in columns],
        null_values=_MISSING,
        strings_can_be_null=True,
    )
    try:
        with _bytes(file) as content:
            return pyarrow.csv.read_csv(
                content, convert_options=options, parse_options=_parsing(file), read_options=_reading(file)
            )
    except BROKEN as error:
        raise unreadable(file, "CSV", _counted(file, error)) from error


def _csv_names(file: SourceFile) -> list[str]:
    try:
        with (
            _bytes(file) as content,
            pyarrow.csv.open_csv(content, parse_options=_parsing(file), read_options=_reading(file)) as reader,
        ):
            names: list[str] = reader.schema.names
    except BROKEN as error:
        raise unreadable(file, "CSV", _counted(file, error)) from error
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{file.shown} has the column '{repeated}' twice.", remedy="Rename or remove one in the file.")
    between = next((mark for mark in _BETWEEN if mark in names[0]), None) if len(names) == 1 else None
    if between is not None:
        shown = "\\t" if between == "\t" else between
        raise DataError(
            f"{file.shown} has one column, '{names[0][:60]}': it looks as if '{shown}' stood between its values.",
            remedy=f'Say so: `source: {{files: …, delimiter: "{shown}"}}`; nothing was committed.',
        )
    return names


def _parsing(file: SourceFile) -> pyarrow.csv.ParseOptions:
    name = (file.path.name if file.path else file.name).lower()
    tabbed = file.spec.delimiter == "," and name.endswith((".tsv", ".tsv.gz"))
    # A quoted value may span lines; without this, it would be cut where a block of the file happens to end.
    return pyarrow.csv.ParseOptions(newlines_in_values=True, delimiter="\t" if tabbed else file.spec.delimiter)


def _reading(file: SourceFile, *, threads: bool = True) -> pyarrow.csv.ReadOptions:
    return pyarrow.csv.ReadOptions(encoding=file.spec.encoding, use_threads=threads)


def _counted(file: SourceFile, error: Exception) -> Exception:
    """Return the error for a ragged row with the row's number: threads side by side do not know it, one does."""
    if RAGGED not in str(error) or "error: Row #" in str(error):
        return error
    # No value is converted: of a file too large for memory as well, only the rows' ends are looked for.
    nothing = pyarrow.csv.ConvertOptions(
        include_columns=[""], include_missing_columns=True, column_types={"": pa.string()}, check_utf8=False
    )
    reading = _reading(file, threads=False)
    try:
        with (
            _bytes(file) as content,
            pyarrow.csv.open_csv(
                content, convert_options=nothing, parse_options=_parsing(file), read_options=reading
            ) as reader,
        ):
            for _ in reader:
                pass
    except BROKEN as counted:
        return counted if RAGGED in str(counted) else error
    return error


def _read_json(file: SourceFile) -> pa.Table:
    # Across blocks a new field would be an error; a block as large as the file has them all.
    try:
        with _bytes(file) as opened:
            content = opened.read()
        if file.spec.encoding.lower().replace("-", "") not in ("utf8", "ascii"):
            content = content.decode(file.spec.encoding).encode()
        table = whole(_parse_lines(file, content))
        # A name as well may be no text at all.
        return table.rename_columns(table.column_names)
    except BROKEN as error:
        raise unreadable(file, "JSON lines", error) from error


def _parse_lines(file: SourceFile, content: bytes) -> pa.Table:
    """Return JSON lines as a table; a column whose values are of several types is text, for the contract to judge."""
    try:
        return parse_json(content)
    except pa.ArrowInvalid:
        rows = list(_objects(file, content))
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name, set()).update([] if value is None else [_kind(value)])
    mixed = {name for name, found in kinds.items() if len(found) > 1 or "nested" in found}
    texts = [{name: _as_text(value) if name in mixed else value for name, value in row.items()} for row in rows]
    return parse_json("\n".join(map(json.dumps, texts)).encode())


def _objects(file: SourceFile, content: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise DataError(
                f"{file.shown}, line {number:,} is no JSON object: {line[:80].decode(errors='replace')}",
                remedy="Correct or remove the line; nothing was committed.",
            )
        yield row


def _kind(value: object) -> str:
    # Whole and broken numbers are one type: JSON knows no other.
    return {bool: "bool", str: "text", int: "number", float: "number"}.get(type(value), "nested")


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def parse_json(content: bytes) -> pa.Table:
    """Return JSON lines as a table, times as the text that they are; pyarrow's errors where it is none."""
    if not content.strip():
        return pa.table({})
    guessed = _parse(content, None)
    # Guessing takes text that looks like a time for one, in whichever zone; as text it is read by the contract.
    times = [field.name for field in guessed.schema if pa.types.is_temporal(field.type)]
    return _parse(content, pa.schema([pa.field(name, pa.string()) for name in times])) if times else guessed


def _parse(content: bytes, schema: pa.Schema | None) -> pa.Table:
    return pyarrow.json.read_json(
        io.BytesIO(content),
        read_options=pyarrow.json.ReadOptions(block_size=max(len(content) + 1, 1024)),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, newlines_in_values=False),
    )


@contextmanager
def _bytes(file: SourceFile) -> Iterator[Any]:
    """Lend the text, unpacked; a file that is something else in truth is refused by name."""
    with closing(file.open()) as opened:
        head = bytes(opened.read(HEAD))
        opened.seek(0)
        if not head.startswith(GZIP):
            yield _as_named(file, head, opened)
            return
        with gzip.open(opened) as unpacked:
            yield _as_named(file, unpacked.peek(HEAD)[:HEAD], unpacked)


def _as_named(file: SourceFile, head: bytes, opened: Any) -> Any:  # noqa: ANN401 (a file in all but its class)
    error = mistaken(file, head)
    if error is not None:
        raise error
    return opened
