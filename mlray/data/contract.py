"""The contract: what every row must look like, compiled once, and applied alike to files, batches and requests."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePath
from typing import Self, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data import _request
from mlray.data._compile import Ways
from mlray.data._convert import flat
from mlray.data._mapping import Mapped
from mlray.data._meaning import digest_of_rows
from mlray.data._pipeline import Step, unknown_columns
from mlray.data._quality import RuleResult, RuleTally, tally
from mlray.data._quarantine import Faults, repeated
from mlray.data._rules import Rule
from mlray.data._texts import EPOCHS
from mlray.data._views import View
from mlray.data.sources import SourceFile
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
        """Return the contract of the section `data`, with every unit, format and mapping checked.

        Raises:
            DataError: a unit is unknown or cannot be converted, or a format is none; the closest one is named.
        """
        contract = cls(data)
        contract._ways.check()
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

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every rule on single rows that the contract declares, as the reason why a row that breaks it is set aside."""
        found: list[str] = []
        for lookup, key in (None, self.data.key), *((name, one.on) for name, one in self.data.lookups.items()):
            told = [reason for rule in self._rules(lookup).values() for reason in rule.reasons]
            told += [repeated(key)] if key else []
            found += [f"{lookup}: {reason}" if lookup else reason for reason in told]
        return tuple(found)

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
        faults, mapped = Faults(table.num_rows, f"{lookup}: " if lookup else ""), Mapped(table.num_rows)
        steps = self._steps(source, lookup)
        columns = [self._column(table, source, step, mapped, faults) for step in steps.values()]
        self._unknown(table, source, lookup, faults)
        made = pa.Table.from_arrays(columns, schema=pa.schema([step.rule.field for step in steps.values()]))
        key = self.data.lookups[lookup].on if lookup else self.data.key
        if key:
            self._repetition(made, key, before, faults)
        set_aside, reasons = faults.quarantine(table, source, positions)
        if reasons and self.data.modes.rows == "freeze":
            raise self._refused(source, set_aside)
        good = faults.good if faults.any else None
        return Checked(made if good is None else made.filter(good), set_aside, reasons, mapped.counts(good))

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
        step = self._steps(source, None)[time]
        return step.times(self._find(table, source, time), f"{source}: column '{time}'")

    def footer_time(self, source: str, columns: Sequence[str]) -> str:
        """Return the name of the column whose footer statistics are event times; empty where they are other times."""
        time, mapping = self.data.time, self._mapping(source)
        changed = time in mapping.values or time in mapping.formats or mapping.zone is not None
        return "" if changed else self.their_name(source, time, columns)

    def growing_time(self, source: str, columns: Sequence[str]) -> str:
        """Return the name of the column whose highest value is the latest event time; empty where it need not be."""
        time, mapping = self.data.time, self._mapping(source)
        # The highest text may be the 31st of any month, where the day comes first. A zone keeps the order of times.
        changed = time in mapping.values or mapping.formats.get(time, "unix") not in EPOCHS
        return "" if changed else self.their_name(source, time, columns)

    def as_written(self, file: Path | SourceFile, source: str) -> SourceFile:
        """Return the file `source` to be read as its mapping says: character set and separator of its texts."""
        mapping = self._mapping(source)
        return SourceFile.of(file).written_in(mapping.encoding, mapping.delimiter)

    def source_columns(self, source: str, *, lookup: str | None = None) -> frozenset[str]:
        """Return the names of the columns to be read from the file `source`: those of the contract, under any name.

        Where the contract has an opinion on columns that it does not know, it contains every name.
        """
        names = frozenset(self._rules(lookup)) | frozenset(self._mapping(source).rename)
        return _Everything(names) if self.data.modes.columns in ("quarantine", "freeze") else names

    def check_request(self, columns: Mapping[str, Sequence[Json]], *, source: str = "") -> pa.Table:
        """Return a request's rows as a table, exactly those that `apply` would keep.

        With `source`, the request speaks in the words of that source: its names, units, values and times are mapped as
        those of a file of this name are.

        Types are taken strictly: no number as text, no true for 1, no infinity; a whole number may be written 3.0, and
        a time is text in ISO 8601 (UTC where it has no zone).

        Raises:
            RequestError: a column is missing or unknown, lists differ in length, there are no rows, or a value does
                not fit; row and column are named.
        """
        if source:
            return self._mapped_request(columns, source)
        if columns.keys() != self._asked:
            raise self._misnamed(columns)
        _request.read_lengths(columns)
        lenient = self.data.modes.rows == "discard_value"
        arrays = [
            _request.read_column(self._joined[name], columns[name], lenient=lenient) for name in self.request_columns
        ]
        return pa.Table.from_arrays(arrays, schema=self.request_schema)

    def quality(self, table: pa.Table) -> tuple[RuleResult, ...]:
        """Return what the contract's rules on whole tables say of the finished `table`, in the contract's order."""
        return tuple(one.result() for one in self.tally(table))

    def tally(self, table: pa.Table) -> tuple[RuleTally, ...]:
        """Return what each rule counts in one part of a table; tallies of the parts merge to that of the whole.

        A rule whose column is not in `table` is left out.
        """
        rules = [rule for rule in self.data.quality if set(rule.columns) <= set(table.column_names)]
        return tuple(tally(rule, table, self.data.key) for rule in rules)

    def view(self, tenant: str, *, secret: bytes = b"") -> View:
        """Return what `tenant` sees of classified columns; `secret` is the key of digests."""
        return View.of(self.data, tenant, secret=secret)

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

    @cached_property
    def _ways(self) -> Ways:
        return Ways(self.data)

    def _mapping(self, source: str) -> MappingSpec:
        return self._ways.mapping(source)

    def _steps(self, source: str, lookup: str | None) -> dict[str, Step]:
        return self._ways.steps(source, lookup, self._rules(lookup))

    def _find(self, table: pa.Table, source: str, name: str) -> pa.Array:
        theirs = self.their_name(source, name, table.column_names)
        if theirs:
            return flat(table[theirs])
        if not table.num_columns and not table.num_rows:
            raise DataError(
                f"{source} has no rows, and no column of the contract.",
                remedy="Fetch it again once it has rows, or take it out of the folder; nothing was committed.",
            )
        unknown = [column for column in table.column_names if column not in self.data.all_columns]
        close = difflib.get_close_matches(name, unknown, n=1, cutoff=0.4) or unknown[:1]
        meant = close[0] if close else "their_name"
        there = ", ".join(table.column_names) or "none that the contract names"
        raise DataError(
            f"{source} has no column '{name}'; it has {there}.",
            remedy=f"If another column is meant, map it: `- {{files: '{PurePath(source).name}',"
            f" rename: {{{meant}: {name}}}}}` under `mappings`.",
        )

    def _column(self, table: pa.Table, source: str, step: Step, mapped: Mapped, faults: Faults) -> pa.Array:
        name = step.rule.name
        column = self._find(table, source, name)
        theirs = self.their_name(source, name, table.column_names)
        if theirs != name:
            mapped.note(f"{theirs} → {name}")
        values, fallen = step.run(column, f"{source}: column '{name}'", mapped, self.data.modes)
        for reason, rows in fallen:
            faults.add(reason, rows)
        return values

    def _unknown(self, table: pa.Table, source: str, lookup: str | None, faults: Faults) -> None:
        mode = self.data.modes.columns
        if mode not in ("quarantine", "freeze"):
            return
        known = {*self._rules(lookup), *self._mapping(source).rename}
        unknown = [name for name in table.column_names if name not in known]
        if unknown and mode == "freeze":
            raise DataError(
                f"{source} has the column '{unknown[0]}', which the contract does not know.",
                remedy="Add it to the contract, map it, or write `modes: {columns: discard_value}`.",
            )
        for reason, rows in unknown_columns(unknown, table):
            faults.add(reason, rows)

    def _refused(self, source: str, set_aside: pa.Table) -> DataError:
        reason, row = set_aside["reason"][0].as_py(), set_aside["position"][0].as_py()
        return DataError(
            f"{source}: {set_aside.num_rows} rows break the contract; the first is row {row}: {reason}.",
            remedy="Correct the source or its mapping; `modes: {rows: quarantine}` would set such rows aside.",
        )

    def _mapped_request(self, columns: Mapping[str, Sequence[Json]], source: str) -> pa.Table:
        rows = _request.read_lengths(columns)
        names = {name: self.their_name(source, name, tuple(columns)) for name in self.request_columns}
        known = {theirs: name for name, theirs in names.items() if theirs}
        if len(known) < len(names) or known.keys() != columns.keys():
            raise self._misnamed({known.get(theirs, theirs): values for theirs, values in columns.items()})
        raw = pa.table({theirs: _request.read_raw(name, columns[theirs]) for theirs, name in known.items()})
        steps = self._ways.steps(source, "", self._joined)
        faults, mapped = Faults(rows), Mapped(rows)
        try:
            made = [self._column(raw, source, steps[name], mapped, faults) for name in names]
        except DataError as error:
            raise RequestError(error.problem, remedy="Send the type that the source is mapped from.") from error
        if faults.any:
            row, reason = faults.first
            raise RequestError(f"Row {row}: {reason}.", remedy="Correct or leave out that row.", row=row)
        return pa.Table.from_arrays(made, schema=self.request_schema)

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
        return _request.misnamed(tuple(columns), self.request_columns, self.data.all_columns)


class _Everything(frozenset[str]):
    """Names, and all others as well."""

    def __contains__(self, _name: object) -> bool:
        return True
