"""What a source says in its own words, brought into the contract's, and counted."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import raw
from mlray.data._units import Conversion

__all__ = ["Mapped", "Words", "in_unit"]

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]


class Mapped:
    """A note of the rows that each part of a mapping changed, counted when it is known which rows are kept."""

    def __init__(self, rows: int) -> None:
        """Start with nothing changed in [`rows`] rows."""
        self._rows = rows
        self._masks: dict[str, Mask | None] = {}
        self._codes: list[tuple[Codes, Sequence[str]]] = []

    def note(self, what: str, rows: Mask | None = None) -> None:
        """Note that `what` was done to the `rows` (a mask, shape [n]); to all if None."""
        self._masks[what] = rows

    def note_codes(self, codes: Codes, labels: Sequence[str]) -> None:
        """Note that to row i was done what `labels` says at `codes[i]`; -1 is nothing."""
        self._codes.append((codes, labels))

    def counts(self, kept: Mask | None) -> dict[str, int]:
        """Return how many of the rows `kept` (a mask, shape [n]; all if None) were changed, by what was done."""
        everything = self._rows if kept is None else int(np.count_nonzero(kept))
        counted: dict[str, int] = {}
        for what, rows in self._masks.items():
            both = rows if kept is None or rows is None else rows & kept
            counted[what] = everything if both is None else int(np.count_nonzero(both))
        for codes, labels in self._codes:
            # One more than the code: a row that nothing was done to falls into the first place.
            found = np.bincount((codes if kept is None else codes[kept]) + 1, minlength=len(labels) + 1)
            counted |= dict(zip(labels, found[1:].tolist(), strict=True))
        return {what: rows for what, rows in counted.items() if rows}


class Words:
    """A column's value map: the source's words and ours, made ready once."""

    def __init__(self, name: str, kind: str, words: Mapping[str, str]) -> None:
        """Prepare `words` (theirs → ours) of column `name`; an empty one of ours means missing, save in text."""
        self._theirs = pa.array(list(words), pa.string())
        self._ours = pa.array([None if not word and kind != "string" else word for word in words.values()], pa.string())
        self._labels = [f"{name}: '{theirs}' → '{ours}'" for theirs, ours in words.items()]

    def apply(self, column: pa.Array, mapped: Mapped | None) -> pa.Array:
        """Return `column` as text in our words; what was changed is noted."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        # Each distinct value is looked up once; the rows follow by number.
        there = encoded.dictionary.cast(pa.string())
        places = pc.index_in(there, value_set=self._theirs)
        if places.null_count == len(places):
            return there.take(encoded.indices) if column.type != pa.string() else column
        ours = pc.if_else(pc.is_valid(places), self._ours.take(places), there)
        if mapped is not None:
            found = np.asarray(pc.fill_null(places, -1)).astype(np.int32)
            mapped.note_codes(_codes(encoded.indices, found), self._labels)
        return ours.take(encoded.indices)


def in_unit(values: pa.Array, change: Conversion) -> tuple[pa.Array, Mask | None]:
    """Return numbers in the contract's unit, and which there were (None: all); missing ones stay missing."""
    made = change.apply(raw(values))
    if not values.null_count:
        return pa.array(made), None
    there = np.asarray(values.is_valid())
    return pa.array(made, mask=~there), there


def _codes(indices: pa.Array, found: Codes) -> Codes:
    if not indices.null_count:
        return np.take(found, np.asarray(indices))
    return np.take(np.append(found, np.int32(-1)), np.asarray(pc.fill_null(indices, len(found))))
