"""Steps between two files: each takes a batch of rows and returns one, and says which columns it needs."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._frames import table_of
from mlray.data.plan._expr import Expr, evaluate, no_column, plain
from mlray.errors import DataError, MlrayError

__all__ = ["Derive", "Filter", "Lookup", "Map", "Select", "Step", "apply", "needed", "refuse_replaced"]

Columns = frozenset[str] | None
"""Names of columns, or None for all there are."""

TableFunction = Callable[[pa.Table], Any]


class Step(Protocol):
    """One step of a plan."""

    def needs(self, wanted: Columns) -> Columns:
        """Return the columns that the step must get so that `wanted` come out."""
        ...

    def apply(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return what becomes of `rows`."""
        ...


def needed(steps: Sequence[Step], wanted: Columns) -> Columns:
    """Return the columns to read so that `wanted` come out of `steps`."""
    for step in reversed(steps):
        wanted = step.needs(wanted)
    return wanted


def apply(steps: Sequence[Step], rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return what `steps` make of `rows`, one after the other."""
    for step in steps:
        rows = step.apply(rows)
    return rows


def refuse_replaced(steps: Sequence[Step], names: Sequence[str]) -> None:
    """Refuse a lookup that would replace a column of rows that have `names`, as far as the names can be told.

    Raises:
        DataError: there is one.
    """
    known = set(names)
    for step in steps:
        match step:
            case Lookup():
                step.refuse(known)
                known |= set(step.table.column_names)
            case Derive():
                known.add(step.name)
            case Select():
                known = set(step.names)
            case Map():  # which columns it makes, only its rows tell
                return
            case _:  # a filter, or a step of somebody else's
                pass


@dataclass(frozen=True)
class Filter:
    """Keep the rows for which the condition is true; neither false nor missing."""

    condition: Expr

    def needs(self, wanted: Columns) -> Columns:
        """Add the columns of the condition."""
        return None if wanted is None else wanted | self.condition.columns

    def apply(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows that are kept."""
        return rows.filter(evaluate(self.condition, rows))


@dataclass(frozen=True)
class Derive:
    """Add a column, or replace the one of that name."""

    name: str
    value: Expr | TableFunction

    def needs(self, wanted: Columns) -> Columns:
        """Replace the column by what it is made from; all columns for a function of the table."""
        if wanted is None or not isinstance(self.value, Expr):
            return None
        return (wanted - {self.name}) | self.value.columns

    def apply(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with the column."""
        made = evaluate(self.value, rows) if isinstance(self.value, Expr) else _called(self.value, _table(rows))
        if isinstance(made, pa.Scalar):
            made = pa.repeat(made, rows.num_rows)
        made = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else pa.array(made)
        if len(made) != rows.num_rows:
            raise DataError(
                f"The column '{self.name}' has {len(made)} values for {rows.num_rows} rows.",
                remedy="Return one value per row, in the same order.",
            )
        return _with(rows, self.name, made)


@dataclass(frozen=True)
class Select:
    """Keep these columns, in this order."""

    names: tuple[str, ...]

    def needs(self, wanted: Columns) -> Columns:  # noqa: ARG002 (the same for all)
        """Return the columns that are kept."""
        return frozenset(self.names)

    def apply(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with these columns."""
        missing = [name for name in self.names if name not in rows.schema.names]
        if missing:
            raise no_column(missing[0], rows.schema.names)
        return rows.select(list(self.names))


@dataclass(frozen=True)
class Map:
    """Hand batches to the user's function, which returns any rows with the same columns each time."""

    function: TableFunction
    columns: tuple[str, ...] | None = None

    def needs(self, wanted: Columns) -> Columns:  # noqa: ARG002 (the function may use anything)
        """Return the columns that the function is said to use; else all."""
        return None if self.columns is None else frozenset(self.columns)

    def apply(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return what the function made of the rows."""
        made = _called(self.function, _table(rows if self.columns is None else rows.select(list(self.columns))))
        if not isinstance(made, pa.Table | pa.RecordBatch):
            made = table_of(made)
        if isinstance(made, pa.RecordBatch):
            return made
        whole = made.combine_chunks().to_batches()
        return whole[0] if whole else pa.RecordBatch.from_pylist([], schema=made.schema)


@dataclass(frozen=True)
class Lookup:
    """Add the columns of a small table by its key, as a left join does, without moving any row."""

    table: pa.Table
    on: tuple[str, ...]
    inner: bool = False
    """Drop the rows without a match, instead of giving them nulls."""

    def needs(self, wanted: Columns) -> Columns:
        """Replace the looked-up columns by the key."""
        return None if wanted is None else (wanted - set(self._values)) | set(self.on)

    def apply(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with the columns of the small table; a missing key matches nothing."""
        self.refuse(rows.schema.names)
        places = self._places(rows)
        if self.inner:
            matched = pc.is_valid(places)
            rows, places = rows.filter(matched), places.filter(matched)
        for name, values in self._values.items():
            if isinstance(values, pa.DictionaryArray):
                taken = pa.DictionaryArray.from_arrays(values.indices.take(places), values.dictionary)
            else:
                taken = values.take(places)
            rows = _with(rows, name, taken)
        return rows

    def refuse(self, names: Collection[str]) -> None:
        """Raise DataError where rows with the columns `names` would lose one of them to the lookup's."""
        taken = [name for name in self.table.column_names if name in names and name not in self.on]
        if taken:
            raise DataError(
                f"The rows have a column '{taken[0]}' already, which the lookup's would replace.",
                remedy=f"Rename it in the lookup (`rename_columns`), or leave it out: it has {', '.join(taken)} too.",
            )

    def check(self) -> None:
        """Raise DataError where the key is not there, or is there twice."""
        missing = [name for name in self.on if name not in self.table.column_names]
        if missing:
            raise no_column(missing[0], self.table.column_names, "The lookup has")
        keys = self.table.select(list(self.on)).drop_null()
        distinct = keys.group_by(list(self.on), use_threads=False).aggregate([([], "count_all")])
        twice = distinct.filter(pc.greater(distinct["count_all"], 1)).slice(0, 1).to_pylist()
        if twice:
            key = {name: twice[0][name] for name in self.on}
            raise DataError(f"The lookup has {key} {twice[0]['count_all']} times.", remedy="Keep one row for each key.")

    @cached_property
    def _values(self) -> dict[str, pa.Array]:
        found = {name: _flat(self.table[name]) for name in self.table.column_names if name not in self.on}
        # Text that is handed to many rows stays a dictionary, which the writer takes as it is.
        return {
            name: each.dictionary_encode() if pa.types.is_string(each.type) else each for name, each in found.items()
        }

    @cached_property
    def _words(self) -> list[pa.Array]:
        return [pc.unique(_flat(self.table[name])).drop_null() for name in self.on]

    @cached_property
    def _codes(self) -> pa.Array:
        return self._combined([plain(_flat(self.table[name])) for name in self.on])

    def _places(self, rows: pa.RecordBatch) -> pa.Array:
        keys = []
        for name in self.on:
            if name not in rows.schema.names:
                raise DataError(
                    f"The rows have no column '{name}' to look up.", remedy=f"They have {', '.join(rows.schema.names)}."
                )
            keys.append(rows.column(name))
        return pc.index_in(self._combined(keys), self._codes, skip_nulls=True)

    def _combined(self, keys: Sequence[pa.Array]) -> pa.Array:
        """Return one whole number for each row's key: the places of its parts, as digits of a mixed base."""
        total: pa.Array = None
        for key, words in zip(keys, self._words, strict=True):
            code = _code(key, words).cast(pa.int64())
            total = code if total is None else pc.add(pc.multiply(total, pa.scalar(max(len(words), 1))), code)
        return total


def _code(key: pa.Array, words: pa.Array) -> pa.Array:
    if isinstance(key, pa.DictionaryArray):
        return _code(key.dictionary, words).take(key.indices)
    if key.type != words.type:
        words = words.cast(key.type)
    return pc.index_in(key, words, skip_nulls=True)


def _with(rows: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    place = rows.schema.get_field_index(name)
    if place >= 0:
        return rows.set_column(place, name, values)
    return rows.append_column(name, values)


def _flat(values: pa.ChunkedArray) -> pa.Array:
    whole = plain(values.combine_chunks())
    return whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole


def _table(rows: pa.RecordBatch) -> pa.Table:
    return pa.table([plain(column) for column in rows.columns], names=rows.schema.names)


def _called(function: TableFunction, rows: pa.Table) -> Any:  # noqa: ANN401 (whatever the user returns)
    try:
        return function(rows)
    except MlrayError:
        raise
    except Exception as error:
        name = getattr(function, "__name__", "The function")
        said = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{name} failed: {said}", remedy=f"It got a pyarrow.Table with {', '.join(rows.column_names)}."
        ) from error
