"""What a plan is, in 64 digits: the same steps give the same, in any process."""

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlray.ids import digest

if TYPE_CHECKING:
    from mlray.data.plan._plan import Plan

__all__ = ["plan_digest"]


def plan_digest(plan: "Plan") -> str:
    """Return the SHA-256 of the plan's steps and its end."""
    return digest("\n".join([_told(plan.steps), _told(plan.sums), _told(plan.sink)]).encode())


def _told(value: Any) -> str:  # noqa: ANN401 (whatever a plan holds)
    """Return a text for `value` that changes when it does."""
    if isinstance(value, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_table(value.combine_chunks())
        return digest(sink.getvalue().to_pybytes())
    if is_dataclass(value) and not isinstance(value, type):
        inner = ", ".join(f"{field.name}={_told(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, Mapping):
        return _told(list(value.items()))
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_told, value))})"
    if callable(value) and hasattr(value, "__code__"):
        closed = [cell.cell_contents for cell in value.__closure__ or ()]
        return f"function({_code(value.__code__)}, {_told(closed)}, {_told(value.__defaults__ or ())})"
    try:
        return digest(pickle.dumps(value))
    except (TypeError, AttributeError, pickle.PicklingError):
        return repr(value)


def _code(code: CodeType) -> str:
    # A function is known by what it does: a name or a line number says nothing of that.
    constants = [_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()}, {code.co_names}, {constants}"
