"""The contract: what every row must look like, compiled once, and applied alike to files, batches and requests."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from functools import cached_property
from pathlib import PurePath
from typing import Self, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data import _request
from mlray.data._convert import NOUNS, convert, flat
from mlray.data._mapping import Mapped, map_values
from mlray.data._meaning import digest_of_rows
from mlray.data._quarantine import Faults
from mlray.data._rules import Rule
from mlray.data._units import Conversion, conversion
from mlray.errors import DataError, RequestError
from mlray.ids import Json
from mlray.spec import Data, MappingSpec

__all__ = ["Before", "Checked", "Contract"]

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Rows that keep the contract, and the others with reasons."""

    table: pa.Table
    set_aside: pa.Table
    """Columns `source`, `position` (row of the source, from 0), `reason` and `row` (as JSON)."""
    reasons: Mapping[str, int]
    """Rows set aside, by reason; a row counts once, for the first rule that it breaks."""
    mapped: Mapping[str, int]
    """Kept rows that a mapping changed, by what it did."""


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """What was read before: a row with one of these keys is repeated."""

    taken: pa.Table | None
    """The key columns of rows that are kept already; with `edge` the event time as well."""
    edge: datetime | None = None
    """The event time at which reading goes on: rows of that very moment may come twice, which is no fault."""
    own: pa.Table | None = None
    """The key columns of rows that were read from this very source before: they come again, which is no fault."""


@dataclass(frozen=True)
class Contract:
    """A compiled contract. It is a value: equal project files give equal contracts."""

    data: Data

    @classmethod
    def compile(cls, data: Data) -> Self:
        """Return the contract of the section `data`, with every unit and mapping checked.

        Raises:
            DataError: a unit is unknown or cannot be converted; the closest one is named.
        """
        contract = cls(data)
        for mapping in data.mappings:
            for name, unit in mapping.units.items():
                contract._conversion(name, unit)
        return contract

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that makes a row what it is: columns, lookups, mappings, key, time and target.

        Where rows come from is no part of it; how a source's words are read is, so that a corrected mapping is
        noticed and the rows are read again.
        """
        return digest_of_rows(self.data)

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the finished table: the source's, then each lookup's, which are null where nothing matched."""
        return pa.schema([rule.field for rule in self._joined.values()])

    @cached_property
    def request_columns(self) -> tuple[str, ...]:
        """The columns that a request brings, in order: all that are known before the event."""
        return tuple(self.data.request_columns)

    @cached_property
    def request_schema(self) -> pa.Schema:
        """The columns of a table that `check_request` returns."""
        return pa.schema([self._joined[name].field for name in self.request_columns])

    def expected(self, name: str) -> str:
        """Return in words what column `name` may hold."""
        return self._joined[name].expected

    def apply(
        self,
        table: pa.Table,
        source: str,
        *,
        lookup: str | None = None,
        positions: Positions | None = None,
        before: "Before | None" = None,
    ) -> Checked:
        """Return the rows of `table` in the contract's words, those that break it set aside with the first reason.

        Columns are renamed, mapped, converted in unit and type, and checked, whole columns at a time. `source` names
        the file, which chooses the mappings; `lookup` picks that lookup's columns; `positions` (shape [n]) are the
        rows' places in the file where `table` is not all of it; `before` tells what other files took already.

        Raises:
            DataError: a column is missing or of a type that can never fit.
        """
        rules = self._rules(lookup)
        mapped = Mapped(self._mapping(source), table.num_rows)
        faults = Faults(table.num_rows, f"{lookup}: " if lookup else "")
        columns = [self._column(table, source, rule, mapped, faults) for rule in rules.values()]
        made = pa.Table.from_arrays(columns, schema=pa.schema([rule.field for rule in rules.values()]))
        key = self.data.lookups[lookup].on if lookup else self.data.key
        if key:
            self._repetition(made, key, before, faults)
        set_aside, reasons = faults.quarantine(table, source, positions)
        good = faults.good
        return Checked(made.filter(good) if faults.any else made, set_aside, reasons, mapped.counts(good))

    def their_name(self, source: str, name: str, columns: Sequence[str]) -> str:
        """Return what column `name` is called among the `columns` of the file `source`; empty if it is not there."""
        rename = self._mapping(source).rename
        theirs = [theirs for theirs, ours in rename.items() if ours == name and theirs in columns]
        if theirs:
            return theirs[-1]
        # A column that was renamed away is not there any more under its old name.
        return name if name in columns and name not in rename else ""

    def times(self, table: pa.Table, source: str) -> pa.Array:
        """Return the event times of a source's raw rows, shape [n]; null where one is missing or cannot be read."""
        time = self.data.time
        words = self._mapping(source).values.get(time, {})
        column = map_values(self._find(table, source, time), words, "timestamp")
        return convert(column, "timestamp", where=f"{source}: column '{time}'")[0]

    def footer_time(self, source: str, columns: Sequence[str]) -> str:
        """Return the name of the column whose footer statistics are event times; empty where values are mapped."""
        mapped = self.data.time in self._mapping(source).values
        return "" if mapped else self.their_name(source, self.data.time, columns)

    def source_columns(self, source: str, *, lookup: str | None = None) -> frozenset[str]:
        """Return the names that the contract's columns may have in the file `source`."""
        theirs = self._mapping(source).rename
        return frozenset(self._rules(lookup)) | frozenset(theirs)

    def check_request(self, columns: Mapping[str, Sequence[Json]]) -> pa.Table:
        """Return a request's rows as a table, exactly those that `apply` would keep.

        Types are taken strictly: no number as text, no true for 1, no infinity; a whole number may be written 3.0, and
        a time is text in ISO 8601 (UTC where it has no zone).

        Raises:
            RequestError: a column is missing or unknown, lists differ in length, there are no rows, or a value does
                not fit; row and column are named.
        """
        if columns.keys() != self._asked:
            raise self._misnamed(columns)
        _request.read_lengths(columns)
        arrays = [_request.read_column(self._joined[name], columns[name]) for name in self.request_columns]
        return pa.Table.from_arrays(arrays, schema=self.request_schema)

    def target(self, table: pa.Table) -> pa.ChunkedArray:
        """Return whether each row of `table` is a positive: booleans without nulls, shape [n]."""
        target = self.data.target
        truth = table[target.column].cast(pa.float64())
        return pc.fill_null(pc.greater(truth, target.above), target.or_missing)

    def to_json(self) -> dict[str, Json]:
        """Return the contract as JSON values, for a model's artifact."""
        return cast("dict[str, Json]", self.data.model_dump(mode="json"))

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Return the contract that `to_json` wrote."""
        return cls.compile(Data.model_validate(data))

    @cached_property
    def _asked(self) -> frozenset[str]:
        return frozenset(self.request_columns)

    @cached_property
    def _joined(self) -> dict[str, Rule]:
        rules = {name: Rule.of(name, column) for name, column in self.data.columns.items()}
        for lookup in self.data.lookups.values():
            # A row without a match has nulls, in a file as in a request.
            rules |= {name: Rule.of(name, column, nullable=True) for name, column in lookup.columns.items()}
        return rules

    def _rules(self, lookup: str | None) -> dict[str, Rule]:
        if lookup is None:
            return {name: self._joined[name] for name in self.data.columns}
        spec = self.data.lookups[lookup]
        keys = {name: Rule.of(name, self.data.columns[name]) for name in spec.on}
        return keys | {name: Rule.of(name, column) for name, column in spec.columns.items()}

    def _mapping(self, source: str) -> MappingSpec:
        """Return everything that the mappings say about one file; a later one overrides."""
        rename: dict[str, str] = {}
        units: dict[str, str] = {}
        values: dict[str, dict[str, str]] = {}
        name = PurePath(source).name
        for mapping in self.data.mappings:
            if fnmatch(name, mapping.files) or fnmatch(source, mapping.files):
                rename |= mapping.rename
                units |= mapping.units
                values |= mapping.values
        return MappingSpec(files=name, rename=rename, units=units, values=values)

    def _conversion(self, name: str, unit: str) -> Conversion | None:
        ours = self.data.all_columns[name].unit
        if ours is None:
            raise DataError(
                f"Column '{name}' has no unit in the contract, so '{unit}' cannot be converted to it.",
                remedy=f"Write `unit:` in the contract's column '{name}'.",
            )
        return None if ours == unit else conversion(unit, ours, where=f"column '{name}'")

    def _find(self, table: pa.Table, source: str, name: str) -> pa.Array:
        theirs = self.their_name(source, name, table.column_names)
        if theirs:
            return flat(table[theirs])
        unknown = [column for column in table.column_names if column not in self.data.all_columns]
        close = difflib.get_close_matches(name, unknown, n=1, cutoff=0.4) or unknown[:1]
        meant = close[0] if close else "their_name"
        raise DataError(
            f"{source} has no column '{name}'; it has {', '.join(table.column_names) or 'none'}.",
            remedy=f"If another column is meant, map it: `- {{files: '{PurePath(source).name}',"
            f" rename: {{{meant}: {name}}}}}` under `mappings`.",
        )

    def _column(self, table: pa.Table, source: str, rule: Rule, mapped: Mapped, faults: Faults) -> pa.Array:
        column = self._find(table, source, rule.name)
        where = f"{source}: column '{rule.name}'"
        mapped.renamed(rule.name, self.their_name(source, rule.name, table.column_names))
        column = mapped.values(rule, column)
        unit = mapped.mapping.units.get(rule.name)
        change = self._conversion(rule.name, unit) if unit else None
        values, lost = convert(column, "number" if change else rule.kind, where=where)
        if change:
            values = mapped.unit(rule.name, values, change)
            exact = convert(values, rule.kind, where=where)
            values, lost = exact[0], _either(lost, exact[1])
        if lost is not None:
            faults.add(f"{rule.name} is not {NOUNS[rule.kind]}", lost)
        for fault in rule.faults(values):
            faults.add(fault.reason, fault.rows)
        return values

    def _repetition(self, made: pa.Table, key: Sequence[str], before: "Before | None", faults: Faults) -> None:
        if before is None:
            faults.add_repeated(made, key)
            return
        if before.own is not None:
            faults.drop_known(made, key, before.own, pa.array(np.ones(made.num_rows, dtype=np.bool_)))
        if before.edge is not None and before.taken is not None:
            edge = pa.scalar(before.edge, pa.timestamp("us", "UTC"))
            known = before.taken.filter(pc.equal(before.taken[self.data.time], edge))
            faults.drop_known(made, key, known, flat(pc.equal(made[self.data.time], edge)))
        faults.add_repeated(made, key, before.own if before.taken is None else before.taken)

    def _misnamed(self, columns: Mapping[str, Sequence[Json]]) -> RequestError:
        missing = [name for name in self.request_columns if name not in columns]
        extra = [name for name in columns if name not in self._asked]
        if extra:
            name = extra[0]
            close = difflib.get_close_matches(name, missing or self.request_columns, n=1)
            meant = f"Is '{close[0]}' meant?" if close else f"Send {', '.join(self.request_columns)}."
            if name in self.data.all_columns:
                meant = "It is known only after the event; leave it out."
            return RequestError(f"There is no input column '{name}'.", remedy=meant, code="unknown_column", column=name)
        return RequestError(
            f"The column '{missing[0]}' is missing.",
            remedy=f"Send {', '.join(missing)} as well; each must be a list with one value per row.",
            code="missing_column",
            column=missing[0],
        )


def _either(first: pa.Array | None, second: pa.Array | None) -> pa.Array | None:
    if first is None or second is None:
        return second if first is None else first
    return pc.or_(first, second)
