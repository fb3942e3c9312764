"""The contract's rules on whole tables, counted fragment by fragment and merged: any split gives the same answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import flat
from mlray.spec import QualityRule

__all__ = ["RuleResult", "RuleTally", "tally"]

EXAMPLES = 5
"""Rows that are shown of those which a rule finds."""
_COUNT = "_rows"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What became of one rule."""

    rule: str
    """Its name, or metric and columns."""
    metric: str
    columns: tuple[str, ...]
    checked: int
    """Rows that were looked at."""
    failed: int
    """Rows that the metric found: nulls, missing, invalid or repeated ones; for rowCount all rows."""
    value: float
    """What was held against the rule: rows, or percent of them."""
    expected: str
    """What the value must be, in words."""
    passed: bool
    severity: str = "error"
    examples: tuple[str, ...] = ()
    """Some of the rows, by key and value."""

    def __str__(self) -> str:
        """Return one line for a person."""
        said = "ok" if self.passed else "FAILED" if self.severity == "error" else "warns"
        return f"{self.rule}: {self.value:g}, must be {self.expected}: {said}"


@dataclass(frozen=True, slots=True, eq=False)
class RuleTally:
    """What one rule has counted so far; tallies of parts add up."""

    rule: QualityRule
    rows: int
    found: int
    examples: tuple[str, ...] = ()
    seen: pa.Table | None = field(default=None, repr=False)
    """For duplicateValues: every key with its number of rows."""

    def merge(self, other: "RuleTally") -> "RuleTally":
        """Return the tally of both parts' rows."""
        rows, examples = self.rows + other.rows, (*self.examples, *other.examples)[:EXAMPLES]
        if self.seen is None or other.seen is None:
            return replace(self, rows=rows, found=self.found + other.found, examples=examples)
        both = pa.concat_tables([self.seen, other.seen]).group_by(list(self.rule.columns), use_threads=False)
        return _of_keys(self.rule, rows, both.aggregate([(_COUNT, "sum")]).rename_columns([*self.rule.columns, _COUNT]))

    def result(self) -> RuleResult:
        """Return what the rule says of the rows counted."""
        rule = self.rule
        value = float(self.found)
        if rule.unit == "percent":
            value = 100 * self.found / self.rows if self.rows else 0.0
        expected, passed = _judged(rule, value)
        return RuleResult(
            rule.label,
            rule.metric,
            rule.columns,
            self.rows,
            self.found,
            value,
            f"{expected} {'%' if rule.unit == 'percent' else 'rows'}",
            passed,
            rule.severity,
            () if rule.metric == "rowCount" else self.examples,
        )


def tally(rule: QualityRule, table: pa.Table, key: Sequence[str] = ()) -> RuleTally:
    """Return what `rule` counts in the rows of `table`; examples are named by the columns `key`."""
    if rule.metric == "rowCount":
        return RuleTally(rule, table.num_rows, table.num_rows)
    if rule.metric == "duplicateValues":
        keys = table.select(rule.columns).drop_null()
        counted = keys.append_column(_COUNT, pa.array(np.ones(keys.num_rows, np.int64)))
        grouped = counted.group_by(list(rule.columns), use_threads=False).aggregate([(_COUNT, "sum")])
        return _of_keys(rule, table.num_rows, grouped.rename_columns([*rule.columns, _COUNT]))
    (name,) = rule.columns
    column = flat(table[name])
    found = _found(rule, column)
    return RuleTally(rule, table.num_rows, int(np.count_nonzero(found)), _examples(table, name, key, found))


def _found(rule: QualityRule, column: pa.Array) -> Mask:
    if rule.metric == "nullValues":
        return np.asarray(pc.is_null(column))
    if rule.metric == "missingValues":
        missing = _among(column, rule.missing)
        if pa.types.is_string(column.type):
            missing = pc.or_kleene(missing, pc.equal(pc.utf8_trim_whitespace(column), ""))
        return np.asarray(pc.fill_null(missing, True))
    bad = pa.array(np.zeros(len(column), np.bool_))
    if rule.valid:
        bad = pc.or_(bad, pc.invert(_among(column, rule.valid)))
    if rule.pattern is not None:
        whole = f"^(?:{rule.pattern})$"
        bad = pc.or_(bad, pc.invert(pc.match_substring_regex(column.cast(pa.string()), whole)))
    if rule.min_length is not None:
        bad = pc.or_(bad, pc.less(pc.utf8_length(column.cast(pa.string())), rule.min_length))
    if rule.max_length is not None:
        bad = pc.or_(bad, pc.greater(pc.utf8_length(column.cast(pa.string())), rule.max_length))
    return np.asarray(pc.fill_null(bad, False))


def _among(column: pa.Array, values: Sequence[str | float]) -> pa.Array:
    """Tell which values are among `values`, compared as the column's type; null for a missing one."""
    fitting = []
    for value in values:
        try:
            fitting.append(pa.scalar(value).cast(column.type).as_py())
        except pa.ArrowException:
            continue  # 'n/a' is never a number's value
    there = pc.is_in(column, value_set=pa.array(fitting, column.type))
    return pc.if_else(pc.is_valid(column), there, pa.scalar(None, pa.bool_()))


def _of_keys(rule: QualityRule, rows: int, seen: pa.Table) -> RuleTally:
    counts = np.asarray(seen[_COUNT].combine_chunks(), dtype=np.int64)
    often = np.flatnonzero(counts > 1)[:EXAMPLES]
    examples = tuple(f"{_named(seen, rule.columns, int(place))}: {counts[place]} rows" for place in often)
    return RuleTally(rule, rows, int((counts - 1).sum()), examples, seen)


def _examples(table: pa.Table, name: str, key: Sequence[str], found: Mask) -> tuple[str, ...]:
    columns = [one for one in key if one != name and one in table.column_names]
    rows = np.flatnonzero(found)[:EXAMPLES]
    return tuple(_named(table, [*columns, name], int(row)) for row in rows)


def _named(table: pa.Table, columns: Sequence[str], row: int) -> str:
    values = ((name, table[name][row].as_py()) for name in columns)
    return ", ".join(f"{name} {'missing' if value is None else value}" for name, value in values)


def _judged(rule: QualityRule, value: float) -> tuple[str, bool]:
    """Return in words what the value must be, and whether it is."""
    for limit, words, holds in (
        (rule.must_be, "", math.isclose(value, rule.must_be or 0.0)),
        (rule.must_not_be, "other than ", not math.isclose(value, rule.must_not_be or 0.0)),
        (rule.more_than, "more than ", value > (rule.more_than or 0.0)),
        (rule.at_least, "at least ", value >= (rule.at_least or 0.0)),
        (rule.less_than, "less than ", value < (rule.less_than or 0.0)),
        (rule.at_most, "at most ", value <= (rule.at_most or 0.0)),
    ):
        if limit is not None:
            return f"{words}{limit:g}", holds
    low, high = rule.between or rule.not_between or (0.0, 0.0)
    inside = low <= value <= high
    words = "between" if rule.between else "outside of"
    return f"{words} {low:g} and {high:g}", inside is (rule.between is not None)
