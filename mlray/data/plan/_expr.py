"""Expressions over columns: written once, evaluated batch by batch with pyarrow's kernels.

Text that recurs comes as a dictionary. Whatever depends on that one column alone is computed per distinct value, of
which there are few, and not per row.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlray.errors import DataError
from mlray.spec import closest

__all__ = ["Call", "Column", "Expr", "Literal", "call", "col", "column_of", "evaluate", "plain"]

ArrayFunction = Callable[..., Any]

_OTHERWISE = {"random"}
"""Kernels that pyarrow calls scalar though a row's result is not the row's alone."""


class Expr:
    """A value per row, computed from columns; made by `col` and `call`, and joined by Python's operators.

    >>> rows = pa.record_batch({"amount": [2.0, 7.0], "country": ["A", "B"]})
    >>> evaluate((col("amount") > 5) & (col("country") != "A"), rows).to_pylist()
    [False, True]
    """

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the value depends on."""
        raise NotImplementedError

    def __add__(self, other: object) -> "Expr":
        return call("add", self, other)

    def __radd__(self, other: object) -> "Expr":
        return call("add", other, self)

    def __sub__(self, other: object) -> "Expr":
        return call("subtract", self, other)

    def __rsub__(self, other: object) -> "Expr":
        return call("subtract", other, self)

    def __mul__(self, other: object) -> "Expr":
        return call("multiply", self, other)

    def __rmul__(self, other: object) -> "Expr":
        return call("multiply", other, self)

    def __truediv__(self, other: object) -> "Expr":
        return call("divide", self.cast(pa.float64()), other)

    def __rtruediv__(self, other: object) -> "Expr":
        return call("divide", other, self.cast(pa.float64()))

    def __neg__(self) -> "Expr":
        return call("negate", self)

    def __gt__(self, other: object) -> "Expr":
        return call("greater", self, other)

    def __ge__(self, other: object) -> "Expr":
        return call("greater_equal", self, other)

    def __lt__(self, other: object) -> "Expr":
        return call("less", self, other)

    def __le__(self, other: object) -> "Expr":
        return call("less_equal", self, other)

    def __eq__(self, other: object) -> "Expr":  # type: ignore[override]  # as pandas, polars and pyarrow have it
        return call("equal", self, other)

    def __ne__(self, other: object) -> "Expr":  # type: ignore[override]
        return call("not_equal", self, other)

    __hash__ = object.__hash__

    def __and__(self, other: object) -> "Expr":
        return call("and_kleene", self, other)

    def __or__(self, other: object) -> "Expr":
        return call("or_kleene", self, other)

    def __invert__(self) -> "Expr":
        return call("invert", self)

    def __bool__(self) -> bool:
        """Refuse: `and`, `or` and `not` cannot be kept for later."""
        raise DataError(
            f"'{self}' has no truth value before there are rows.", remedy="Write `&`, `|` and `~`, with parentheses."
        )

    def cast(self, kind: pa.DataType | str) -> "Expr":
        """Return the value as the Arrow type `kind`; a value that does not fit is an error."""
        return call("cast", self, target_type=pa.type_for_alias(kind) if isinstance(kind, str) else kind)

    def is_in(self, values: Collection[Any]) -> "Expr":
        """Return whether the value is one of `values`; a missing one is where None is among them."""
        return call("is_in", self, value_set=pa.array(list(values)))

    def place_in(self, values: Collection[Any]) -> "Expr":
        """Return the value's place in `values`, from 0, as int32; null where it is none of them."""
        return call("index_in", self, value_set=pa.array(list(values)))

    def is_null(self) -> "Expr":
        """Return whether the value is missing."""
        return call("is_null", self)


@dataclass(frozen=True, eq=False, repr=False)
class Column(Expr):
    """The values of one column."""

    name: str

    @property
    def columns(self) -> frozenset[str]:
        """The column itself."""
        return frozenset([self.name])

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False, repr=False)
class Literal(Expr):
    """One value for every row."""

    value: Any

    @property
    def columns(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, eq=False, repr=False)
class Call(Expr):
    """A function of other expressions: a kernel of pyarrow by name, or a Python function over Arrow arrays."""

    function: str | ArrayFunction
    arguments: tuple[Expr, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the function."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of all arguments."""
        return frozenset().union(*(argument.columns for argument in self.arguments))

    @property
    def by_value(self) -> bool:
        """Whether equal arguments always give an equal result, wherever the row stands."""
        inner = all(not isinstance(argument, Call) or argument.by_value for argument in self.arguments)
        return isinstance(self.function, str) and inner

    def __repr__(self) -> str:
        name = self.function if isinstance(self.function, str) else getattr(self.function, "__name__", "function")
        return f"{name}({', '.join(map(repr, self.arguments))})"


def col(name: str) -> Column:
    """Return the values of the column `name`."""
    return Column(name)


def call(function: str | ArrayFunction, *arguments: object, **options: object) -> Call:
    """Return `function` of `arguments`: expressions, or plain values that hold for every row.

    A text names a kernel of `pyarrow.compute` that works row by row, such as "hour" or "log1p". A Python function gets
    Arrow arrays (a scalar for a plain value) and returns an array of as many rows. Both get the keywords `options`.

    Raises:
        DataError: there is no such kernel, or it looks at other rows.
    """
    if isinstance(function, str):
        _check(function)
    return Call(function, tuple(each if isinstance(each, Expr) else Literal(each) for each in arguments), options)


def _check(function: str) -> None:
    try:
        kind = pc.get_function(function).kind
    except KeyError as error:
        raise DataError(
            f"pyarrow has no function '{function}'.", remedy="`pyarrow.compute.list_functions()` names them all."
        ) from error
    if (kind != "scalar" and function != "cast") or function in _OTHERWISE:
        raise DataError(
            f"'{function}' looks at more than one row, and rows are computed in parts.",
            remedy="Use functions that work row by row here, and `.aggregate(...)` for the rest.",
        )


def evaluate(expression: Expr, rows: pa.RecordBatch) -> pa.Array | pa.Scalar:
    """Return the values of `expression` for `rows`: an array of as many, or a scalar that holds for all.

    Raises:
        DataError: a column is missing, or a kernel refuses the values.
    """
    match expression:
        case Column(name=name):
            return column_of(rows, name)
        case Literal(value=value):
            return pa.scalar(value)
        case Call():
            return _call(expression, rows)
        case _:
            raise DataError(f"{expression!r} is not an expression.", remedy="Make it with `col` and `call`.")


def _call(expression: Call, rows: pa.RecordBatch) -> pa.Array | pa.Scalar:
    columns = expression.columns
    if len(columns) == 1 and expression.by_value:
        (name,) = columns
        values = column_of(rows, name)
        if pa.types.is_dictionary(values.type):
            return _per_value(expression, name, values)
    arguments = [plain(evaluate(argument, rows)) for argument in expression.arguments]
    function = expression.function
    if not isinstance(function, str):
        return _checked(function(*arguments, **expression.options), function, rows.num_rows)
    try:
        return getattr(pc, function)(*arguments, **expression.options)
    except (pa.ArrowException, TypeError) as error:  # pyarrow refuses arguments that are missing by the latter
        raise DataError(
            f"'{expression}' cannot be computed: {str(error).splitlines()[0]}",
            remedy="Cast the columns to types that fit, filter the rows that do not, or give what the function needs.",
        ) from error


def _per_value(expression: Call, name: str, values: pa.DictionaryArray) -> pa.Array:
    """Compute `expression` once per distinct value, a missing one included, and hand the results to the rows."""
    words = pa.concat_arrays([values.dictionary, pa.nulls(1, values.dictionary.type)])
    results = evaluate(expression, pa.record_batch([words], names=[name]))
    places = pc.fill_null(values.indices.cast(pa.int32()), len(words) - 1)
    if pa.types.is_string(results.type):
        encoded = results.dictionary_encode()
        return pa.DictionaryArray.from_arrays(encoded.indices.take(places), encoded.dictionary)
    return results.take(places)


def plain(values: pa.Array | pa.Scalar) -> pa.Array | pa.Scalar:
    """Return `values` with a dictionary resolved."""
    return values.dictionary_decode() if isinstance(values, pa.DictionaryArray) else values


def column_of(rows: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column of `rows`; DataError names those there are."""
    place = rows.schema.get_field_index(name)
    if place < 0:
        raise no_column(name, rows.schema.names)
    return rows.column(place)


def no_column(name: str, known: Sequence[str], what: str = "The rows have") -> DataError:
    """Return the error that lists the columns there are, and the one that looks most like `name`."""
    near = closest(name, known)
    hint = f"Did you mean '{near}'? " if near else ""
    return DataError(f"{what} no column '{name}'.", remedy=f"{hint}There are {', '.join(known)}.")


def _checked(values: object, function: object, rows: int) -> pa.Array:
    made = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not isinstance(made, pa.Array):
        made = pa.array(made)
    if len(made) != rows:
        raise DataError(
            f"{getattr(function, '__name__', function)} returned {len(made)} values for {rows} rows.",
            remedy="Return one value per row, in the same order.",
        )
    return made
