"""Formulas of features: a small part of Python's expressions, read as a tree and never run as Python."""

import ast
from functools import lru_cache

__all__ = ["columns_of", "parse"]

_PARTS = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant,
    ast.List, ast.Tuple, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd,
    ast.Not, ast.Invert, ast.BitAnd, ast.BitOr, ast.And, ast.Or, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
    ast.In, ast.NotIn, ast.Is, ast.IsNot,
)  # fmt: skip
LONGEST = 2_000
"""Letters of a formula: a deep one would exhaust the stack of whoever reads it."""


@lru_cache(maxsize=1024)
def parse(text: str) -> ast.expr:
    """Return the tree of a formula such as `distance / air_time` or `hour(at) if open else -1`.

    Raises:
        ValueError: it cannot be read, or says more than a formula may; the text says what.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text):,} letters, and a formula has {LONGEST:,} at most")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        said = getattr(error, "msg", "") or str(error)
        raise ValueError(f"it cannot be read: {said}") from error
    wrong = next(filter(None, map(_wrong, ast.walk(tree))), "")
    if wrong:
        raise ValueError(wrong)
    return tree


def _wrong(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
        return f"`{ast.unparse(node.func)}` is no name of a function"
    unpacked = isinstance(node, ast.Call) and any(word.arg is None for word in node.keywords)
    return "" if isinstance(node, _PARTS) and not unpacked else f"`{ast.unparse(node)}` has no place in a formula"


def columns_of(text: str) -> tuple[str, ...]:
    """Return the columns that a formula names, in the order in which they stand there; ValueError as of `parse`.

    >>> columns_of("(arrives - departs) % 24 if hour(at) > 6 else arrives")
    ('arrives', 'departs', 'at')
    """
    tree = parse(text)
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions]
    return tuple(dict.fromkeys(node.id for node in sorted(names, key=lambda node: (node.lineno, node.col_offset))))
