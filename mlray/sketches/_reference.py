"""What a profile is counted against: where each column's middle lies, how wide it is, and which words it knows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal, Self, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.errors import DataError
from mlray.ids import Json, digest_of
from mlray.sketches import _grid

__all__ = ["NumberColumn", "Reference", "TextColumn", "numbers", "words"]

Kind = Literal["number", "boolean", "timestamp"]

BINS = 10
TOP = 50
"""Categories with a bin of their own."""
KNOWN = 1_000
"""Categories that are told apart from unseen ones."""

# The widths tried in turn: a column that is mostly one value has no interquartile range.
_WIDTHS = ((0.25, 0.75), (0.05, 0.95), (0.0, 1.0))
# Beyond this, going from a value to its cell and back would overflow.
_WIDEST = 1e150


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column of numbers, times (microseconds since 1970, UTC) or booleans (0 and 1)."""

    kind: Kind
    centre: float
    """The median."""
    scale: float
    """One over the interquartile range."""
    edges: tuple[int, ...]
    """Ranks of the grid's cells that end a bin: the deciles, each moved to the border of its cell."""
    first: int
    """Rank of the lowest cell that the reference filled."""
    last: int
    """Rank of the highest one; below `first` when the reference had no values."""

    @property
    def borders(self) -> tuple[float, ...]:
        """The edges as values of the column, to within a cell (0.8 % of the distance from the median)."""
        return tuple(float(self.centre + _grid.VALUES[rank] / self.scale) for rank in self.edges)


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of words."""

    known: tuple[str, ...]
    """The most frequent first."""
    complete: bool
    """Whether `known` are all that the reference had; if not, a word outside cannot be called unseen."""

    @property
    def top(self) -> tuple[str, ...]:
        """The words that have a bin of their own."""
        return self.known[:TOP]


@dataclass(frozen=True)
class Reference:
    """The frame of a profile. Profiles add up when their references are equal.

    >>> reference = Reference.of(pa.table({"fare": [7.0, 8.0, 9.0], "city": ["Bonn", "Ulm", "Ulm"]}))
    >>> reference.columns["fare"].centre, reference.columns["city"].known
    (8.0, ('Ulm', 'Bonn'))
    """

    columns: Mapping[str, NumberColumn | TextColumn]

    @classmethod
    def of(cls, table: pa.Table, columns: Sequence[str] | None = None) -> Self:
        """Return the reference that the rows of `table` make, for `columns` or all of them.

        Numbers, times and booleans get centre, scale and decile edges; words their frequency order. The result does
        not depend on the order of rows.

        Raises:
            DataError: a column is missing, or neither numbers, times, booleans nor words.
        """
        names = table.column_names if columns is None else columns
        return cls({name: _column_of(name, _column(table, name)) for name in names})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole reference."""
        return digest_of(self.to_json())

    def to_json(self) -> dict[str, Json]:
        """Return the reference as JSON values."""
        return {name: cast("dict[str, Json]", asdict(column)) for name, column in self.columns.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Return the reference that `to_json` wrote."""
        return cls({name: _read_column(cast("Mapping[str, Json]", column)) for name, column in data.items()})


def _read_column(column: Mapping[str, Json]) -> NumberColumn | TextColumn:
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in column.items()}
    return TextColumn(**fields) if "known" in fields else NumberColumn(**fields)  # type: ignore[arg-type]


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise DataError(
            f"The rows have no column '{name}' to profile.", remedy=f"They have {', '.join(table.column_names)}."
        )
    return table[name]


def _kind_of(name: str, kind: pa.DataType) -> Kind | Literal["text"]:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_boolean(value):
        return "boolean"
    if pa.types.is_timestamp(value):
        return "timestamp"
    if pa.types.is_integer(value) or pa.types.is_floating(value):
        return "number"
    if pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value):
        return "text"
    raise DataError(
        f"Column '{name}' is {kind}, which cannot be profiled.",
        remedy="Profiles know numbers, times, booleans and text: convert the column first.",
    )


def numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return the column as float64, shape [n]: missing is NaN, a time is microseconds, true is 1."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    # float32 must widen before it is centred: its own differences would lose the digits that tell values apart.
    return cast("npt.NDArray[np.float64]", column.cast(pa.float64(), safe=False).to_numpy())


def words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column as plain strings."""
    return column.cast(pa.string())


def _median(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """Return the median; halves are added, as the sum of two values near the largest float would be infinite."""
    low, high = (float(np.quantile(values, 0.5, method=method)) for method in ("lower", "higher"))
    return low / 2 + high / 2


def _column_of(name: str, column: pa.ChunkedArray) -> NumberColumn | TextColumn:
    kind = _kind_of(name, column.type)
    if kind == "text":
        return _text_column(words(column))
    values = numbers(column)
    finite = values[np.isfinite(values)] + 0.0
    centre = _median(finite) if len(finite) else 0.0
    scale = _scale(finite, centre)
    ranks, counts = _grid.ranked(_grid.count(_grid.codes_of(finite, centre, scale)))
    if not len(ranks):
        return NumberColumn(kind, centre, scale, (), 0, -1)
    reached = np.cumsum(counts)
    wanted = np.arange(1, BINS) * int(reached[-1])
    # Whole numbers are compared, so that no rounding moves an edge.
    places = np.searchsorted(reached * BINS, wanted)
    # A finite value so far out that its scaled form overflows lies beyond every border.
    edges = tuple(int(rank) for rank in np.unique(np.clip(ranks[places], 0, _grid.FINITE - 1)))
    return NumberColumn(kind, centre, scale, edges, int(ranks[0]), int(ranks[-1]))


_FARTHEST = 1e30
"""Widths at which a reference's value may lie from the centre; later ones may lie eight decades beyond that."""


def _scale(finite: npt.NDArray[np.float64], centre: float) -> float:
    if len(finite):
        for share in _WIDTHS:
            with np.errstate(over="ignore", invalid="ignore"):
                low, high = np.quantile(finite, share)
                width = float(high - low)
            if 1.0 / _WIDEST < width < _WIDEST:
                # The farthest value is to have a cell too: cells are single precision, which ends at 3e38.
                with np.errstate(over="ignore"):
                    farthest = float(np.abs(finite - centre).max())
                return min(1.0 / width, _FARTHEST / farthest) if 0.0 < farthest < np.inf else 1.0 / width
    return 1.0 / min(max(abs(centre), 1.0), _WIDEST)


def _text_column(column: pa.ChunkedArray) -> TextColumn:
    counted = pc.value_counts(column.drop_null())
    table = pa.table([counted.field("counts"), counted.field("values")], names=["count", "word"])
    if not len(table):
        return TextColumn((), complete=True)
    # The most frequent alone: a column of names that hardly recur has as many words as rows.
    order = [("count", "descending"), ("word", "ascending")]
    first = table.take(pc.select_k_unstable(table, k=min(KNOWN, len(table)), sort_keys=order)).sort_by(order)
    return TextColumn(tuple(first["word"].to_pylist()), complete=len(table) <= KNOWN)
