"""What a source says in its own words, brought into the contract's, and counted."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._rules import Rule
from mlray.data._units import Conversion
from mlray.spec import MappingSpec

__all__ = ["Mapped", "map_values"]

Mask = npt.NDArray[np.bool_]


class Mapped:
    """One file's mapping at work, with a note of the rows that each part of it changed."""

    def __init__(self, mapping: MappingSpec, rows: int) -> None:
        """Start with nothing changed in [`rows`] rows."""
        self.mapping = mapping
        self._rows = rows
        self._changed: dict[str, Mask] = {}

    def counts(self, kept: Mask) -> dict[str, int]:
        """Return how many of the rows `kept` (a mask, shape [n]) were changed, by what was done."""
        counted = {what: int(np.count_nonzero(changed & kept)) for what, changed in self._changed.items()}
        return {what: rows for what, rows in counted.items() if rows}

    def renamed(self, name: str, theirs: str) -> None:
        """Note that every row has column `name` under the name `theirs`."""
        if theirs != name:
            self._changed[f"{theirs} → {name}"] = np.ones(self._rows, dtype=np.bool_)

    def values(self, rule: Rule, column: pa.Array) -> pa.Array:
        """Return `column` with the source's words replaced by the contract's."""
        words = self.mapping.values.get(rule.name, {})
        for theirs, ours in words.items():
            self._changed[f"{rule.name}: '{theirs}' → '{ours}'"] = _mask(pc.equal(_text(column), theirs))
        return map_values(column, words, rule.kind)

    def unit(self, name: str, values: pa.Array, change: Conversion) -> pa.Array:
        """Return numbers in the contract's unit; missing ones stay missing."""
        self._changed[f"{name}: {change.source} → {change.target}"] = _mask(pc.is_valid(values))
        return pa.array(change.apply(np.asarray(values.to_numpy(zero_copy_only=False))), from_pandas=True)


def map_values(column: pa.Array, words: Mapping[str, str], kind: str) -> pa.Array:
    """Return `column` as text with each of `words` replaced; no words leave it as it is.

    An empty replacement means missing, save in a column of text.
    """
    if not words:
        return column
    text = _text(column)
    places = pc.index_in(text, value_set=pa.array(list(words)))
    ours = pa.array([None if not word and kind != "string" else word for word in words.values()], pa.string())
    return pc.if_else(pc.is_valid(places), ours.take(places), text)


def _text(column: pa.Array) -> pa.Array:
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return plain.cast(pa.string())


def _mask(marks: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(marks, False))
