"""What others plug in: found by an entry point's name or by an import path, checked when it is loaded."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from mlray.errors import NotFoundError

__all__ = ["load", "names"]


def load(group: str, name: str) -> object:
    """Return the object that `name` stands for in the entry-point group `mlray.<group>`, or at `module:attribute`.

    Raises:
        NotFoundError: no such entry point, module or attribute; the remedy lists what is known.

    >>> load("any", "math:pi") > 3
    True
    """
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            return cast("object", getattr(import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            problem = f"'{name}' cannot be imported: {error}."
            raise NotFoundError(problem, remedy="Write `package.module:name`.") from error
    known = {entry.name: entry for entry in entry_points(group=f"mlray.{group}")}
    if name in known:
        return cast("object", known[name].load())
    listed = ", ".join(sorted(known)) or "none is installed"
    remedy = f"Known: {listed}; or write `package.module:name`."
    raise NotFoundError(f"'{name}' is not a plug-in for {group}.", remedy=remedy)


def names(group: str) -> tuple[str, ...]:
    """Return the names of all installed plug-ins of the entry-point group `mlray.<group>`.

    >>> names("nothing-of-the-kind")
    ()
    """
    return tuple(sorted(entry.name for entry in entry_points(group=f"mlray.{group}")))
