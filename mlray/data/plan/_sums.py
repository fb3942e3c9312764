"""Aggregates as partial results: a few rows per part that merge in any order, instead of a shuffle.

Spread is carried as count, mean and the sum of squared distances from the mean (M2), and merged by the rule of Chan,
Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979): sums of squares
would lose the digits that matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._layout import plain_type
from mlray.data.plan._expr import column_of, plain
from mlray.errors import DataError

__all__ = ["KINDS", "Aggregate", "Wanted"]

KINDS = ("count", "sum", "mean", "std", "min", "max")
ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One column of the result."""

    name: str
    column: str
    """The column aggregated; empty to count rows."""
    kind: str


@dataclass(frozen=True)
class Aggregate:
    """Groups, and what is wanted of each."""

    by: tuple[str, ...]
    wanted: tuple[Wanted, ...]

    @classmethod
    def of(cls, by: Sequence[str], wanted: Mapping[str, tuple[str, str] | str]) -> "Aggregate":
        """Return the aggregate with one result per entry of `wanted`: (column, kind), or "count" for rows.

        Raises:
            DataError: a kind is unknown, or nothing is wanted.
        """
        made = []
        for name, what in wanted.items():
            column, kind = ("", what) if isinstance(what, str) else what
            if kind not in KINDS or (not column and kind != "count"):
                raise DataError(
                    f"'{name}' is to be {what!r}, which is no aggregate.",
                    remedy=f'Give ("column", kind) with one of {", ".join(KINDS)}, or "count" for rows.',
                )
            made.append(Wanted(name, column, kind))
        if not made:
            raise DataError("An aggregate without a result was asked for.", remedy='Add e.g. rows="count".')
        return cls(tuple(by), tuple(made))

    @property
    def columns(self) -> frozenset[str]:
        """The columns that must be there."""
        return frozenset(self.by) | {each.column for each in self.wanted if each.column}

    @property
    def _states(self) -> list[tuple[str, str]]:
        """The (column, state) pairs that a partial result carries."""
        states: dict[tuple[str, str], None] = {}
        for each in self.wanted:
            if not each.column:
                continue
            states[each.column, "count"] = None
            for state in ("mean", "m2") if each.kind == "std" else (each.kind,):
                states[each.column, state] = None
        return list(states)

    def partial(self, rows: pa.RecordBatch) -> pa.Table:
        """Return the partial result of `rows`: the groups' keys, then one column for each state."""
        if not self.columns:
            return pa.table({ROWS: [rows.num_rows]})
        table = pa.table({name: self._input(rows, name) for name in sorted(self.columns)})
        asked = [(column, "variance" if state == "m2" else state) for column, state in self._states]
        grouped = table.group_by(list(self.by), use_threads=False).aggregate([*asked, ([], "count_all")])
        made = [_decoded(grouped[name]) for name in self.by]
        for column, state in self._states:
            if state == "m2":
                spread = pc.multiply(grouped[f"{column}_variance"], grouped[f"{column}_count"].cast(pa.float64()))
                made.append(spread)
            else:
                made.append(_decoded(grouped[f"{column}_{state}"]))
        made.append(grouped["count_all"])
        return pa.Table.from_arrays(made, names=self._names)

    def _input(self, rows: pa.RecordBatch, name: str) -> pa.Array:
        values = column_of(rows, name)
        # Groups may be named by dictionaries, but no kernel orders them.
        return plain(values) if any(each.column == name for each in self.wanted) else values

    @property
    def _names(self) -> list[str]:
        return [*(f"k{place}" for place in range(len(self.by))), *(f"s{at}" for at in range(len(self._states))), ROWS]

    def merge(self, partials: Sequence[pa.Table]) -> pa.Table:
        """Return the partial result of all rows behind `partials`.

        Counts, extremes and sums of whole numbers do not depend on the order; others may in the last digit.
        """
        table = pa.concat_tables(
            [each for each in partials if each.num_rows] or partials[:1], promote_options="permissive"
        )
        if len(partials) <= 1:
            return table
        keys = [f"k{place}" for place in range(len(self.by))]
        groups, first = _groups(table.select(keys), table.num_rows)
        made = [table[name].take(first) for name in keys]
        made += [self._merged(table, place, groups, len(first)) for place in range(len(self._states))]
        made.append(pa.array(_summed(table[ROWS].to_numpy(), groups, len(first))))
        return pa.Table.from_arrays(made, names=self._names)

    def _merged(
        self, table: pa.Table, place: int, groups: npt.NDArray[np.int64], size: int
    ) -> pa.ChunkedArray | pa.Array:
        column, state = self._states[place]
        values = table[f"s{place}"]
        if state == "count":
            return pa.array(_summed(values.to_numpy(), groups, size))
        if state in {"sum", "min", "max"}:
            return _arrow(values, state, groups)
        counts = self._counts(table, column)
        mean = _weighted(values if state == "mean" else self._means(table, column), counts, groups, size)
        if state == "mean":
            return pa.array(mean, mask=np.isnan(mean) & (_summed(counts, groups, size) == 0))
        means = _numbers(self._means(table, column))
        apart = np.where(counts > 0, _numbers(values) + counts * (means - mean[groups]) ** 2, 0.0)
        return pa.array(np.bincount(groups, apart, size))

    def _counts(self, table: pa.Table, column: str) -> npt.NDArray[np.int64]:
        counts: npt.NDArray[np.int64] = table[f"s{self._states.index((column, 'count'))}"].to_numpy()
        return counts

    def _means(self, table: pa.Table, column: str) -> pa.ChunkedArray:
        return table[f"s{self._states.index((column, 'mean'))}"]

    def finish(self, partial: pa.Table) -> pa.Table:
        """Return the result, ordered by the groups' keys; `std` is that of a sample (n - 1), null below two values."""
        made = {name: partial[f"k{place}"] for place, name in enumerate(self.by)}
        for each in self.wanted:
            made[each.name] = self._result(partial, each)
        table = pa.table(made)
        return table.sort_by([(name, "ascending") for name in self.by]) if self.by else table

    def _result(self, partial: pa.Table, wanted: Wanted) -> pa.ChunkedArray:
        if not wanted.column:
            return partial[ROWS]
        if wanted.kind != "std":
            return partial[f"s{self._states.index((wanted.column, wanted.kind))}"]
        free = pc.subtract(partial[f"s{self._states.index((wanted.column, 'count'))}"].cast(pa.float64()), 1.0)
        free = pc.if_else(pc.greater(free, 0.0), free, pa.scalar(None, pa.float64()))
        return pc.sqrt(pc.divide(partial[f"s{self._states.index((wanted.column, 'm2'))}"], free))


def _groups(keys: pa.Table, rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return each row's group, and the first row of each group; a missing key is a group as any other."""
    code = np.zeros(rows, dtype=np.int64)
    for name in keys.column_names:
        places = keys[name].combine_chunks().dictionary_encode(null_encoding="encode")
        places = places.combine_chunks() if isinstance(places, pa.ChunkedArray) else places
        code = code * (len(places.dictionary) + 1) + places.indices.to_numpy()
        # Numbered anew each time, so that many keys of many values cannot overflow.
        code = np.unique(code, return_inverse=True)[1].astype(np.int64)
    first = np.unique(code, return_index=True)[1]
    return code, first


def _summed(values: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, groups, values)
    return total


def _weighted(
    means: pa.ChunkedArray, counts: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.float64]:
    """Return the mean of each group, NaN where it has no value; around the first mean, which keeps the digits."""
    known = counts > 0
    values = np.where(known, _numbers(means), 0.0)
    origin = np.zeros(size)
    origin[groups[known][::-1]] = values[known][::-1]
    origin = np.where(np.isfinite(origin), origin, 0.0)
    total = np.bincount(groups, counts, size)
    with np.errstate(invalid="ignore"):
        shift = np.bincount(groups, np.where(known, counts * (values - origin[groups]), 0.0), size)
        mean: npt.NDArray[np.float64] = np.where(total > 0, origin + shift / total, np.nan)
    return mean


def _arrow(values: pa.ChunkedArray, state: str, groups: npt.NDArray[np.int64]) -> pa.Array:
    grouped = pa.table([pa.array(groups), values], names=["g", "v"]).group_by("g", use_threads=False)
    return grouped.aggregate([("v", state)]).sort_by("g")[f"v_{state}"].combine_chunks()


def _numbers(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return numbers


def _decoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(plain_type(values.type)) if pa.types.is_dictionary(values.type) else values
