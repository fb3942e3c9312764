"""Columns of what people have at hand as one matrix of numbers: words become codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlray.errors import DataError, SpecError
from mlray.experiments._metrics import Array

__all__ = ["Table", "column", "table"]


@dataclass(frozen=True)
class Table:
    """Rows as trainers take them."""

    matrix: Array
    """float32 [n, f], NaN for missing."""
    names: tuple[str, ...]
    categorical: tuple[int, ...]
    """Which columns hold codes."""


def column(values: Any) -> Array:  # noqa: ANN401 (a list, an array, or a column of a frame)
    """Return one column as an array of numpy, shape [n]; what is missing among words is None or NaN.

    >>> column(["a", "b"]).tolist()
    ['a', 'b']
    """
    found = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
    if found.dtype.kind == "O" and hasattr(values, "isna"):
        # The gaps of pandas can be compared with nothing, themselves included.
        found = np.where(values.isna(), np.array(None), found)
    if found.ndim != 1:
        raise DataError(f"A column has one value for each row; this one has the shape {found.shape}.")
    return np.asarray(found)


def table(x: Any, names: Sequence[str] | None = None, categorical: Sequence[int | str] = ()) -> Table:  # noqa: ANN401
    """Return `x`, a matrix [n, f] or a frame, as one matrix of float32.

    Numbers stay, yes and no become 1 and 0, and words become codes in the order of the alphabet; `categorical` names
    (or counts from 0) further columns whose whole numbers are codes.

    Raises:
        SpecError: `categorical` names a column that is not there.
        DataError: not a matrix, or a column of moments.

    >>> table([[1, 2.5], [2, 3.5]], names=["a", "b"]).names
    ('a', 'b')
    """
    if hasattr(x, "columns"):
        columns = {str(name): _numbers(str(name), x[name]) for name in x.columns}
        values = np.column_stack([values for values, _ in columns.values()]) if columns else np.empty((len(x), 0))
        words = [number for number, (_, coded) in enumerate(columns.values()) if coded]
        return _named(values, tuple(columns), [*words, *categorical])
    values = np.asarray(x)
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise DataError(
            f"The rows are not a matrix of numbers: shape {values.shape}, type {values.dtype}.",
            remedy="Give a frame where columns hold words.",
        )
    named = tuple(names) if names else tuple(f"f{number}" for number in range(values.shape[1]))
    return _named(values, named, categorical)


def _named(values: Array, names: tuple[str, ...], categorical: Sequence[int | str]) -> Table:
    if len(names) != values.shape[1]:
        raise DataError(f"There are {values.shape[1]} columns and {len(names)} names.")
    strange = [name for name in categorical if name not in names and name not in range(len(names))]
    if strange:
        raise SpecError([f"categorical: '{strange[0]}' is not a column."], remedy=f"Columns: {', '.join(names[:20])}.")
    codes = {names.index(name) if isinstance(name, str) else name for name in categorical}
    return Table(np.ascontiguousarray(values, dtype=np.float32), names, tuple(sorted(codes)))


def _numbers(name: str, values: Any) -> tuple[Array, bool]:  # noqa: ANN401 (a column of a frame)
    """Return a column as float32, and whether it holds codes of words."""
    kind = getattr(values.dtype, "kind", None)
    if kind in ("b", "i", "u", "f"):
        if hasattr(values, "isna"):  # pandas, whose own whole numbers know gaps that numpy's do not
            return values.to_numpy(dtype=np.float32, na_value=np.nan), False
        return np.asarray(values, dtype=np.float32), False
    found = column(values)
    if found.dtype.kind in "Mm":
        raise DataError(
            f"The column '{name}' holds moments.",
            remedy="Make numbers of it, such as the hour and the weekday; or give it as times, to split by.",
        )
    if found.dtype.kind in "biuf":
        return found.astype(np.float32), False
    words = [None if value is None or value != value else str(value) for value in found.tolist()]  # noqa: PLR0124 (NaN)
    code = {word: float(number) for number, word in enumerate(sorted({word for word in words if word is not None}))}
    return np.array([np.nan if word is None else code[word] for word in words], dtype=np.float32), True
