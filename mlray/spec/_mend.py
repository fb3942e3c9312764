"""A fault put right in a copy, so that a second look finds what lies behind it. The file is never written."""

from dataclasses import replace
from typing import Any

from mlray.spec._explain import Finding
from mlray.spec._schema import placeholder
from mlray.spec._yaml import Source

__all__ = ["mend"]

_DOMAIN = 4
"""Steps to a parameter's domain: model, trainers, a trainer, a parameter."""


def mend(value: Any, found: Finding, source: Source) -> None:  # noqa: ANN401
    """Put the closest right thing in the place of the fault, or take the key away so that its default holds."""
    path = found.path
    if found.mend is None and found.kind != "missing":
        # Taking an item out of a list would give the next ones other numbers, and other lines: the whole list goes.
        path = path[: next((depth for depth, step in enumerate(path) if isinstance(step, int)), len(path))]
    if found.part or not path:
        return
    if found.mend is None and path[:2] == ("model", "trainers") and len(path) > _DOMAIN:
        # A range without its low end would be taken for another form; a constant is right everywhere.
        path, found = path[:_DOMAIN], replace(found, kind="mended", mend=1)
    *above, last = path
    for step in above:
        value = value[step]
    if found.kind == "missing":
        value[last] = placeholder(path)
        return
    if found.kind == "extra_forbidden" and found.mend is not None and found.mend not in value:
        value[found.mend] = value.pop(last)
        source.rename(path, (*above, str(found.mend)))
    elif found.kind == "extra_forbidden" or found.mend is None:
        value.pop(last, None)
    else:
        value[last] = found.mend
