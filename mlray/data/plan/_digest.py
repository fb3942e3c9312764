"""What a plan is, in 64 digits: the same steps give the same, in any process."""

import pickle
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, partial
from pathlib import Path
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

    A function is known by what it does: its code, what it closes over, and the functions, classes, constants and
    modules of yours that it names, and theirs. Those of installed packages count by their names.

    A plan that holds something which nobody can tell from another, such as a function that closes over a lock, is like
    no other, not even itself: it is not resumed.
    """
    teller = _Teller()
    try:
        told = "\n".join([teller.told(plan.steps), teller.told(plan.sums), teller.told(plan.sink)])
    except (TypeError, ValueError, AttributeError, RuntimeError, OSError, pickle.PicklingError):
        told = token_hex(32)
    return digest(told.encode())


class _Teller:
    """Tells values in texts that change when they do."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        """Functions and classes that were told, or are being told, by their place: they may name each other."""

    def told(self, value: Any) -> str:  # noqa: ANN401 (whatever a plan holds)
        """Return a text for `value`; what `pickle` raises where there is none."""
        if isinstance(value, pa.Table):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, value.schema) as writer:
                writer.write_table(value.combine_chunks())
            return digest(sink.getvalue().to_pybytes())
        if isinstance(value, FunctionType | type | MethodType | partial | ModuleType):
            return self._code_of(value)
        if is_dataclass(value):
            inner = ", ".join(f"{field.name}={self.told(getattr(value, field.name))}" for field in fields(value))
            return f"{_name(type(value))}({inner}{self._called(value)})"
        if isinstance(value, Mapping):
            return self.told(list(value.items()))
        if isinstance(value, tuple | list):
            return f"({', '.join(map(self.told, value))})"
        return digest(pickle.dumps(value)) + self._called(value)

    def _code_of(self, value: Any) -> str:  # noqa: ANN401 (one of the five above)
        if isinstance(value, MethodType):
            return f"method({self.told(value.__func__)}, {self.told(value.__self__)})"
        if isinstance(value, partial):
            return f"partial({self.told(value.func)}, {self.told(value.args)}, {self.told(value.keywords)})"
        if isinstance(value, ModuleType):
            return f"module({value.__name__}, {'' if _is_installed(value) else _source(value)})"
        return self._once(value)

    def _once(self, value: FunctionType | type) -> str:
        module = sys.modules.get(value.__module__)
        if module is not None and _is_installed(module) and "<locals>" not in value.__qualname__:
            return _name(value)
        if id(value) in self._seen:
            return f"again({self._seen[id(value)]})"
        self._seen[id(value)] = len(self._seen)
        return self._function(value) if isinstance(value, FunctionType) else self._class(value)

    def _function(self, value: FunctionType) -> str:
        closed = [cell.cell_contents for cell in value.__closure__ or ()]
        given = (value.__defaults__ or (), value.__kwdefaults__ or {})
        named = [
            (name, value.__globals__[name]) for name in sorted(set(_names(value.__code__))) if name in value.__globals__
        ]
        return f"function({_code(value.__code__)}, {self.told(closed)}, {self.told(given)}, {self.told(named)})"

    def _class(self, value: type) -> str:
        own = [(name, part) for name, part in sorted(vars(value).items()) if isinstance(part, FunctionType)]
        bases = [base for base in value.__mro__[1:] if base is not object]
        return f"class({_name(value)}, {self.told(own)}, {self.told(bases)})"

    def _called(self, value: object) -> str:
        """Return what a value does that is called like a function: it is not in its pickled state."""
        return f", {self.told(type(value))}" if callable(value) else ""


def _name(value: FunctionType | type) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that code may look up, in what lies within it too."""
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)


def _code(code: CodeType) -> str:
    # A function is known by what it does: a name or a line number says nothing of that.
    constants = [_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()}, {code.co_names}, {constants}"


def _source(module: ModuleType) -> str:
    place = getattr(module, "__file__", None)
    return digest(Path(place).read_bytes()) if place else ""


def _is_installed(module: ModuleType) -> bool:
    """Return whether a module is Python's own or a package's: such do not change between two tries."""
    name = module.__name__.partition(".")[0]
    if name == "__main__":
        return False
    if name in sys.builtin_module_names or name in sys.stdlib_module_names or name == __name__.partition(".")[0]:
        return True
    place = getattr(module, "__file__", None)
    return place is not None and any(Path(place).is_relative_to(home) for home in _homes())


@cache
def _homes() -> tuple[Path, ...]:
    named = (sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib"))
    return tuple({Path(place).resolve() for place in (*named, *site.getsitepackages()) if place})
