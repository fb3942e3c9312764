"""Declared features: formulas over the columns of a row, computed with pyarrow's kernels."""

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mlray.errors import DataError, SpecError
from mlray.features._frame import typed
from mlray.spec import closest, parse_formula

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check", "computed"]

Values = Any
"""A pyarrow Array of one value per row, or a Scalar that holds for all."""

_BINARY: Mapping[type[ast.AST], Callable[[Values, Values], Values]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: lambda one, other: pc.divide(_real(one), _real(other)),
    ast.FloorDiv: lambda one, other: pc.floor(pc.divide(_real(one), _real(other))),
    ast.Mod: lambda one, other: _rest(_real(one), _real(other)),
    ast.Pow: lambda one, other: pc.power(_real(one), _real(other)),
    ast.BitAnd: pc.and_kleene,
    ast.BitOr: pc.or_kleene,
    ast.And: pc.and_kleene,
    ast.Or: pc.or_kleene,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
}
_UNARY: Mapping[type[ast.AST], Callable[[Values], Values]] = {
    ast.USub: pc.negate,
    ast.UAdd: lambda values: values,
    ast.Not: pc.invert,
    ast.Invert: pc.invert,
}
_NOT_OF_THE_ROW = {"random"}
"""Kernels that pyarrow calls scalar though a row's result is not the row's alone."""


def check(formulas: Sequence[tuple[str, str]]) -> None:
    """Refuse formulas that cannot be read or name no kernel.

    Raises:
        SpecError: all of them, each with what is wrong.
    """
    wrong = []
    for name, text in formulas:
        try:
            tree = parse_formula(text)
        except ValueError as error:
            wrong.append(f"features.{name}: '{text}': {error}.")
            continue
        called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        found = [_unfit(function.id) for function in called if isinstance(function, ast.Name)]
        wrong += [f"features.{name}: {problem}" for problem in found if problem]
    if wrong:
        raise SpecError(wrong, remedy="Functions are pyarrow's kernels that work row by row, such as hour or log1p.")


def computed(formulas: Sequence[tuple[str, str]], table: pa.Table, columns: Sequence[str]) -> "pd.DataFrame":
    """Return the features that `formulas` make of `columns` of `table`, one column each.

    Raises:
        DataError: a column is missing, or a kernel refuses the values; the feature is named.
    """
    rows = typed(table, columns)
    made = {}
    for name, text in formulas:
        try:
            values = _value(parse_formula(text), rows)
        except (pa.ArrowException, TypeError) as error:
            raise DataError(
                f"features.{name}: '{text}' cannot be computed: {str(error).splitlines()[0]}",
                remedy="Correct the formula; `cast(x, target_type='double')` changes types, `x is None` asks for gaps.",
            ) from error
        whole = pa.repeat(values, rows.num_rows) if isinstance(values, pa.Scalar) else values
        if pa.types.is_temporal(whole.type):
            raise DataError(
                f"features.{name}: '{text}' is a time, which models cannot take.",
                remedy="Say what of it counts: hour(at), day_of_week(at), month(at).",
            )
        made[name] = whole
    frame: pd.DataFrame = pa.table(made).to_pandas()
    return frame


def _value(node: ast.expr, rows: pa.Table) -> Values:
    match node:
        case ast.Constant(value=value):
            return pa.scalar(value)
        case ast.Name(id=name):
            return _column(rows, name)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, rows), _value(right, rows))
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](_value(operand, rows))
        case ast.BoolOp(op=op, values=values):
            return reduce(_BINARY[type(op)], [_value(each, rows) for each in values])
        case ast.Compare():
            return _compared(node, rows)
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            return pc.if_else(_value(test, rows), _value(body, rows), _value(otherwise, rows))
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=keywords):
            options = {str(word.arg): ast.literal_eval(word.value) for word in keywords}
            return getattr(pc, function)(*(_value(each, rows) for each in arguments), **options)
        case _:
            raise TypeError(f"`{ast.unparse(node)}` stands where a value should")


def _compared(node: ast.Compare, rows: pa.Table) -> Values:
    found = []
    sides = [node.left, *node.comparators]
    for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
        if isinstance(op, ast.In | ast.NotIn):
            inside = pc.is_in(_value(left, rows), value_set=pa.array(list(ast.literal_eval(right))))
            found.append(pc.invert(inside) if isinstance(op, ast.NotIn) else inside)
        elif isinstance(op, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                raise TypeError("`is` asks for None only")
            found.append((pc.is_null if isinstance(op, ast.Is) else pc.is_valid)(_value(left, rows)))
        else:
            found.append(_BINARY[type(op)](_value(left, rows), _value(right, rows)))
    return reduce(pc.and_kleene, found)


def _column(rows: pa.Table, name: str) -> pa.Array:
    if name not in rows.column_names:
        near = closest(name, rows.column_names)
        hint = f"Did you mean '{near}'? " if near else ""
        raise DataError(
            f"A feature is made from '{name}', which no request brings.",
            remedy=f"{hint}There are {', '.join(rows.column_names)}.",
        )
    return rows[name].combine_chunks()


def _real(values: Values) -> Values:
    return values.cast(pa.float64())


def _rest(one: Values, other: Values) -> Values:
    return pc.subtract(one, pc.multiply(pc.floor(pc.divide(one, other)), other))


def _unfit(function: str) -> str:
    try:
        kind = pc.get_function(function).kind
    except KeyError:
        near = closest(function, pc.list_functions())
        return f"pyarrow has no function '{function}'{f'; did you mean {near!r}?' if near else '.'}"
    if (kind != "scalar" and function != "cast") or function in _NOT_OF_THE_ROW or not hasattr(pc, function):
        return f"'{function}' does not work row by row, and an endpoint sees rows one by one."
    return ""
