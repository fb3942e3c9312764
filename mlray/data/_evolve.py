"""A contract that takes up what its source brings: unknown columns, and types that turn out to be wider."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from mlray.data import sources
from mlray.data._compile import Ways
from mlray.data._convert import flat
from mlray.data._infer import ROWS, guess
from mlray.data.contract import Contract
from mlray.records import DatasetVersion
from mlray.spec import ColumnSpec, Data

__all__ = ["evolved", "evolved_from", "schema_after"]

_WIDER = {"integer": ("number", "string"), "number": ("string",), "boolean": ("string",), "timestamp": ("string",)}
"""Type → what it may become, the narrowest first."""


def evolved(data: Data, folder: Path) -> Data:
    """Return the contract with what the files of its source have and it does not know, as its modes allow.

    The same files give the same contract, whatever was read before: the first rows of each are looked at.

    Raises:
        DataError: a file is missing or unreadable.
    """
    if "evolve" not in (data.modes.columns, data.modes.types) or data.origin.kind != "files":
        return data
    tables, ways = {}, Ways(data)
    for found in sources.find(data.origin, folder):
        mapping = ways.mapping(found.name)
        file = found.written_in(mapping.encoding, mapping.delimiter)
        tables[file.name] = sources.read(file, sources.columns_of(file)).table.slice(0, ROWS)
    return evolved_from(data, tables)


def evolved_from(data: Data, tables: Mapping[str, pa.Table]) -> Data:
    """Return the contract with what the raw rows `tables`, by file, have and it does not know, as its modes allow.

    A new column may be missing, and is known later: no request brings it. A column whose values are of a wider type
    becomes of that type; an event time, a key, a target and a column with a unit or codes stay as they are.
    """
    columns = dict(data.columns)
    ways = Ways(data)
    for source, table in tables.items():
        rename = ways.mapping(source).rename
        for theirs in table.column_names:
            name = rename.get(theirs, theirs)
            found = guess(name, flat(table[theirs]))
            if not found.type or found.nulls == found.rows:
                continue
            if name not in columns and name not in data.all_columns and data.modes.columns == "evolve":
                columns[name] = ColumnSpec.model_validate({"type": found.type, "nullable": True, "known": "later"})
            elif name in columns and data.modes.types == "evolve" and _free(data, name):
                columns[name] = _widened(columns[name], found.type)
    return data if columns == data.columns else data.model_copy(update={"columns": columns})


def schema_after(contract: Contract, base: DatasetVersion | None) -> dict[str, str]:
    """Return column → type of what follows `base`: the contract's, and those that edits by hand added to it."""
    own = {field.name: str(field.type) for field in contract.schema}
    if base is None:
        return own
    there = {column.name: own.get(column.name, column.type) for column in base.columns}
    return there | own


def _free(data: Data, name: str) -> bool:
    column = data.columns[name]
    bound = {data.time, data.target.column, *data.key, *(key for lookup in data.lookups.values() for key in lookup.on)}
    return name not in bound and column.unit is None and column.allowed is None


def _widened(column: ColumnSpec, found: str) -> ColumnSpec:
    if found == column.type or found not in _WIDER.get(column.type, ()):
        return column
    limits = {} if found in ("integer", "number") else {"min": None, "max": None}
    return column.model_copy(update={"type": found, **limits})
