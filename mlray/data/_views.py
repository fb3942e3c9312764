"""What a reader sees of classified columns: all, a mask, a digest that still joins, or nothing."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa

from mlray.data._convert import flat
from mlray.errors import AccessDenied
from mlray.spec import Data

__all__ = ["View"]

MASK = "***"
"""What stands in place of a text."""
_LENGTH = 16
"""Letters of a digest: 64 bits, so that a million values meet by chance once in forty million tables."""


@dataclass(frozen=True, slots=True)
class View:
    """What one reader sees: column → `mask`, `hash` or `drop`; other columns are shown. Picklable."""

    treatments: Mapping[str, str]
    secret: bytes = field(default=b"", repr=False)
    """The key of the digests: without it a reader who knows the possible values could try them all."""
    named: tuple[str, ...] | None = None
    """Columns that may be shown at all; None is every one."""

    @classmethod
    def of(cls, data: Data, tenant: str, *, secret: bytes = b"") -> Self:
        """Return what `tenant` sees of the table of `data`; everything where the contract has no views at all.

        From whom something is withheld, columns that the contract does not name are withheld too: one that somebody
        renamed in the store may be a classified one.

        Raises:
            AccessDenied: the contract's views name others, and not this tenant.
        """
        if data.views and tenant not in data.views:
            raise AccessDenied(
                f"Nothing says what '{tenant}' may see of '{data.table}'.",
                remedy=f"`data.views` names {', '.join(sorted(data.views))}.",
            )
        said = data.views.get(tenant, {})
        treatments = {
            name: said[column.classification]
            for name, column in data.all_columns.items()
            if column.classification is not None and said.get(column.classification, "show") != "show"
        }
        return cls(treatments, secret, tuple(data.all_columns) if treatments else None)

    @property
    def hashes(self) -> bool:
        """Whether it shows digests, which need a secret."""
        return "hash" in self.treatments.values()

    def shows(self, name: str) -> bool:
        """Tell whether the reader sees column `name` as it is."""
        return name not in self.treatments and (self.named is None or name in self.named)

    def apply(self, table: pa.Table) -> pa.Table:
        """Return the rows as the reader may see them, in their order; columns that are dropped are not there.

        A mask leaves whether a value is there: texts become `***`, all else is missing. A digest is text, and the same
        for equal values, so that rows can still be counted and joined by it.
        """
        for name in table.column_names:
            treatment = self.treatments.get(name) if self.named is None or name in self.named else "drop"
            if treatment == "drop":
                table = table.drop_columns(name)
            elif treatment is not None:
                made = _mask(flat(table[name])) if treatment == "mask" else self._digest(name, flat(table[name]))
                table = table.set_column(table.column_names.index(name), name, made)
        return table

    def _digest(self, name: str, column: pa.Array) -> pa.Array:
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        # One digest for each distinct value; the column's name keeps equal values of two columns apart.
        key = hashlib.sha256(self.secret + name.encode()).digest()
        words = [
            None if value is None else hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:_LENGTH]
            for value in encoded.dictionary.to_pylist()
        ]
        return pa.array(words, pa.string()).take(encoded.indices)


def _mask(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        return pa.nulls(len(column), column.type)
    masked = pa.array([MASK, None], pa.string())
    return masked.take(column.is_null().cast(pa.int8()))
