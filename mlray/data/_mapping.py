"""What a source says in its own words, brought into the contract's, and counted."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._rules import Rule
from mlray.data._units import Conversion
from mlray.spec import MappingSpec

__all__ = ["Mapped", "map_values"]


class Mapped:
    """One file's mapping at work, with a count of the rows that each part of it changed."""

    def __init__(self, mapping: MappingSpec) -> None:
        """Start counting at nothing."""
        self.mapping = mapping
        self.counts: Counter[str] = Counter()

    def count_rename(self, name: str, table: pa.Table) -> None:
        """Count every row under a renamed column."""
        for theirs, ours in self.mapping.rename.items():
            if ours == name and theirs in table.column_names and table.num_rows:
                self.counts[f"{theirs} → {ours}"] += table.num_rows

    def values(self, rule: Rule, column: pa.Array) -> pa.Array:
        """Return `column` with the source's words replaced by the contract's."""
        words = self.mapping.values.get(rule.name)
        if not words:
            return column
        for theirs, ours in words.items():
            changed = pc.equal(_text(column), theirs).true_count
            if changed:
                self.counts[f"{rule.name}: '{theirs}' → '{ours}'"] += changed
        return map_values(column, words, rule.kind)

    def unit(self, name: str, values: pa.Array, change: Conversion) -> pa.Array:
        """Return numbers in the contract's unit; missing ones stay missing."""
        converted = pa.array(change.apply(np.asarray(values.to_numpy(zero_copy_only=False))), from_pandas=True)
        if len(values) > values.null_count:
            self.counts[f"{name}: {change.source} → {change.target}"] += len(values) - values.null_count
        return converted


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
