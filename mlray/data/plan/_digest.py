"""What a plan is, in 64 digits: the same steps give the same, in any process."""

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from secrets import token_hex
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlray.ids import digest

if TYPE_CHECKING:
    from mlray.data.plan._plan import Plan

__all__ = ["plan_digest"]


def plan_digest(plan: "Plan") -> str:
    """Return the SHA-256 of the plan's steps and its end.

    A plan that holds something which nobody can tell from another, such as a function that closes over a lock, is like
    no other, not even itself: it is not resumed.
    """
    try:
        told = "\n".join([_told(plan.steps), _told(plan.sums), _told(plan.sink)])
    except (TypeError, ValueError, AttributeError, RuntimeError, pickle.PicklingError):
        told = token_hex(32)
    return digest(told.encode())


def _told(value: Any) -> str:  # noqa: ANN401 (whatever a plan holds)
    """Return a text for `value` that changes when it does; what `pickle` raises where there is none."""
    if isinstance(value, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_table(value.combine_chunks())
        return digest(sink.getvalue().to_pybytes())
    if isinstance(value, MethodType | FunctionType | partial):
        return _function(value)
    if isinstance(value, ModuleType):
        return f"module({value.__name__})"
    if is_dataclass(value) and not isinstance(value, type):
        inner = ", ".join(f"{field.name}={_told(getattr(value, field.name))}" for field in fields(value))
        return f"{_kind(value)}({inner}{_called(value)})"
    if isinstance(value, Mapping):
        return _told(list(value.items()))
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_told, value))})"
    return digest(pickle.dumps(value)) + _called(value)


def _function(value: MethodType | FunctionType | partial[Any]) -> str:
    if isinstance(value, MethodType):
        return f"method({_told(value.__func__)}, {_told(value.__self__)})"
    if isinstance(value, FunctionType):
        closed = [cell.cell_contents for cell in value.__closure__ or ()]
        given = (value.__defaults__ or (), value.__kwdefaults__ or {})
        return f"function({_code(value.__code__)}, {_told(closed)}, {_told(given)})"
    return f"partial({_told(value.func)}, {_told(value.args)}, {_told(value.keywords)})"


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _called(value: object) -> str:
    """Return what a value does that is called like a function: it is not in its pickled state."""
    call = next((vars(kind)["__call__"] for kind in type(value).__mro__ if "__call__" in vars(kind)), None)
    return f", {_told(call)}" if isinstance(call, FunctionType) else ""


def _code(code: CodeType) -> str:
    # A function is known by what it does: a name or a line number says nothing of that.
    constants = [_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()}, {code.co_names}, {constants}"
