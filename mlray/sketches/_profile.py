"""A profile: every column counted in one pass, in whole numbers, so that the parts' profiles add up to the whole's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.errors import DataError
from mlray.ids import Json
from mlray.sketches import _grid
from mlray.sketches._reference import NumberColumn, Reference, TextColumn, numbers, words

__all__ = ["Bins", "Numbers", "Profile", "Summary", "Words", "profile"]

OTHER = "(other)"
UNSEEN = "(unseen)"


@dataclass(frozen=True, slots=True)
class Bins:
    """Counts in the reference's bins. `counts` and `missing` together are all rows."""

    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    """Numbers: by decile bin, the outer two open-ended. Words: the top ones, then the other known, then the unseen."""
    missing: int
    unseen: int
    """Values the reference did not have: unknown words, or numbers outside its range. They are in `counts` too."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A column in a few figures; all None when it has no values, or holds words."""

    count: int
    """Values that are not missing."""
    nulls: int
    mean: float | None = None
    """From the cells' borders: low by at most 0.8 % of the mean distance from the median. Times are microseconds."""
    low: float | None = None
    """The smallest value, exact."""
    high: float | None = None
    """The largest value, exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The counted cells of a number column and its exact ends."""

    cells: _grid.Cells
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """How often each known word of a text column occurred, and how often anything else."""

    counts: npt.NDArray[np.int64]
    outside: int
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The counts of every column of a reference; made by `profile`, added by `merge`."""

    reference: Reference
    rows: int
    parts: Mapping[str, Numbers | Words]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are counted, in the reference's order."""
        return tuple(self.parts)

    def __eq__(self, other: object) -> bool:
        """Tell whether both counted the same, bit for bit."""
        return isinstance(other, Profile) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        """Agree with `==`."""
        return hash((self.reference.digest, self.rows))

    def merge(self, other: "Profile") -> "Profile":
        """Return the profile of both sets of rows: exact, whatever the order or grouping of merges.

        Raises:
            DataError: the other was counted against another reference.
        """
        if self.reference.digest != other.reference.digest:
            raise DataError(
                f"Profiles against different references do not add up: {self.reference.digest[:12]} and"
                f" {other.reference.digest[:12]}.",
                remedy="Profile both sets of rows against one reference.",
            )
        parts = {name: _merged(part, other.parts[name]) for name, part in self.parts.items()}
        return Profile(self.reference, self.rows + other.rows, parts)

    def bins(self, name: str) -> Bins:
        """Return the counts of column `name` in its reference's bins; an unknown name raises DataError."""
        column, part = self._column(name)
        if isinstance(column, TextColumn):
            return _word_bins(column, cast("Words", part))
        return _number_bins(column, cast("Numbers", part))

    def cells(self, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return (values rising, counts) of a number column's cells: an empirical distribution to within a cell."""
        column, part = self._column(name)
        if isinstance(column, TextColumn):
            raise DataError(f"Column '{name}' holds words and has no cells.", remedy="Ask for `bins`.")
        ranks, counts = _grid.ranked(cast("Numbers", part).cells)
        inside = (ranks >= 0) & (ranks < _grid.FINITE)
        return column.centre + _grid.VALUES[ranks[inside]] / column.scale, counts[inside]

    def summary(self, name: str) -> Summary:
        """Return count, nulls, mean and ends of column `name`; an unknown name raises DataError."""
        column, part = self._column(name)
        missing = part.missing if isinstance(part, Words) else _grid.missing(part.cells)
        count = self.rows - missing
        if isinstance(part, Words) or not isinstance(column, NumberColumn) or not count:
            return Summary(count, missing)
        values, counts = self.cells(name)
        mean = float(values @ counts / counts.sum()) if counts.sum() else None
        return Summary(count, missing, mean, part.low, part.high)

    def to_json(self) -> dict[str, Json]:
        """Return the profile as JSON values: of the grid only the cells that occur."""
        parts = {name: _part_json(part) for name, part in self.parts.items()}
        return {"rows": self.rows, "reference": self.reference.to_json(), "parts": cast("Json", parts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Return the profile that `to_json` wrote."""
        reference = Reference.from_json(cast("Mapping[str, Json]", data["reference"]))
        parts = cast("Mapping[str, Mapping[str, Json]]", data["parts"])
        return cls(reference, cast("int", data["rows"]), {name: _read_part(part) for name, part in parts.items()})

    def _column(self, name: str) -> tuple[NumberColumn | TextColumn, Numbers | Words]:
        if name not in self.parts:
            raise DataError(f"Column '{name}' is not in the profile.", remedy=f"It has {', '.join(self.parts)}.")
        return self.reference.columns[name], self.parts[name]


def profile(table: pa.Table, reference: Reference) -> Profile:
    """Return the profile of the rows of `table`; columns that the reference does not name are left out.

    >>> rows = pa.table({"fare": [7.0, 8.0, None], "city": ["Ulm", "Ulm", "Bonn"]})
    >>> found = profile(rows, Reference.of(rows))
    >>> found.merge(found).rows, found.bins("city").counts.tolist(), found.bins("fare").missing
    (6, [2, 1, 0, 0], 1)

    Raises:
        DataError: a column of the reference is missing from `table`.
    """
    parts: dict[str, Numbers | Words] = {}
    for name, column in reference.columns.items():
        if name not in table.column_names:
            raise DataError(
                f"The rows lack the column '{name}' of the reference.", remedy="Profile against another reference."
            )
        values = table[name]
        parts[name] = _count_words(values, column) if isinstance(column, TextColumn) else _count_numbers(values, column)
    return Profile(reference, table.num_rows, parts)


def _count_numbers(column: pa.ChunkedArray, reference: NumberColumn) -> Numbers:
    values = numbers(column)
    cells = _grid.count(_grid.codes_of(values, reference.centre, reference.scale))
    # Zero is added since minus zero and zero are one value, and which of them came first must not show.
    low = float(np.fmin.reduce(values, initial=np.inf)) + 0.0
    high = float(np.fmax.reduce(values, initial=-np.inf)) + 0.0
    return Numbers(cells, low, high)


def _count_words(column: pa.ChunkedArray, reference: TextColumn) -> Words:
    known = pa.array(reference.known, pa.string())
    places = pc.index_in(words(column), known, skip_nulls=True)
    inside = places.drop_null().to_numpy()
    counts = np.bincount(inside, minlength=len(reference.known)).astype(np.int64)
    return Words(counts, places.null_count - column.null_count, column.null_count)


def _merged(first: Numbers | Words, second: Numbers | Words) -> Numbers | Words:
    if isinstance(first, Words):
        other = cast("Words", second)
        return Words(first.counts + other.counts, first.outside + other.outside, first.missing + other.missing)
    last = cast("Numbers", second)
    return Numbers(_grid.add(first.cells, last.cells), min(first.low, last.low), max(first.high, last.high))


def _number_bins(column: NumberColumn, part: Numbers) -> Bins:
    ranks, counts = _grid.ranked(part.cells)
    places = np.searchsorted(np.array(column.edges, dtype=np.int64), ranks)
    totals = np.bincount(places, weights=counts, minlength=len(column.edges) + 1).astype(np.int64)
    unseen = int(counts[(ranks < column.first) | (ranks > column.last)].sum())
    borders = [f"{border:.6g}" for border in column.borders]
    labels = [f"{low} – {high}" for low, high in zip(["", *borders], [*borders, ""], strict=True)]
    return Bins(tuple(label.strip() for label in labels), totals, _grid.missing(part.cells), unseen)


def _word_bins(column: TextColumn, part: Words) -> Bins:
    top = len(column.top)
    known = part.counts[:top]
    unseen = part.outside if column.complete else 0
    rest = int(part.counts[top:].sum()) + part.outside - unseen
    counts = np.concatenate([known, np.array([rest, unseen], dtype=np.int64)])
    return Bins((*column.top, OTHER, UNSEEN), counts, part.missing, unseen)


def _part_json(part: Numbers | Words) -> dict[str, Json]:
    if isinstance(part, Words):
        return {"counts": part.counts.tolist(), "outside": part.outside, "missing": part.missing}
    # JSON has no infinity; a column without values has no ends.
    ends = [_plain(part.low), _plain(part.high)]
    return {"codes": part.cells[0].tolist(), "counts": part.cells[1].tolist(), "ends": ends}


def _plain(value: float) -> Json:
    return value if np.isfinite(value) else str(value)


def _read_part(part: Mapping[str, Json]) -> Numbers | Words:
    counts = np.array(part["counts"], dtype=np.int64)
    if "codes" not in part:
        return Words(counts, cast("int", part["outside"]), cast("int", part["missing"]))
    low, high = cast("list[float | str]", part["ends"])
    return Numbers((np.array(part["codes"], dtype=np.uint16), counts), float(low), float(high))
