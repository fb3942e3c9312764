"""Search spaces that a Python program gives: the forms of the project file, and what is wrong told the same way."""

from collections.abc import Mapping
from typing import cast

from pydantic import TypeAdapter, ValidationError

from mlray.errors import SpecError
from mlray.ids import Json
from mlray.spec._explain import explain
from mlray.spec._forms import Choice, Domain, Range

__all__ = ["read_domains"]

_DOMAINS: TypeAdapter[dict[str, Domain]] = TypeAdapter(dict[str, Domain])
_AT = ("model", "trainers", "it")
"""Where a project file would have it: the words for what is wrong are found there."""


def read_domains(space: Mapping[str, object], *, where: str = "space") -> dict[str, Domain]:
    """Return the domains of a space that is written as the project file has it; `Range` and `Choice` stay as they are.

    Raises:
        SpecError: one line per fault, its place beginning with `where`.

    >>> read_domains({"depth": (3, 9), "kind": {"choices": ["a", "b"]}})["depth"]
    Range(low=3, high=9, scale='linear', step=None, when={})
    """
    plain = _plain(dict(space))
    try:
        return _DOMAINS.validate_python(plain)
    except ValidationError as error:
        said = error.errors(include_url=False)
        for each in said:
            each["loc"] = (*_AT, *each["loc"])
        value = cast("Json", {_AT[0]: {_AT[1]: {_AT[2]: plain}}})
        found = [finding.what.replace(".".join(_AT), where) for finding in explain(said, value, {})]
        raise SpecError(
            found, remedy="A space is written name → (low, high), (low, high, 'log') or {'choices': [...]}."
        ) from error


def _plain(value: object) -> object:
    """Return `value` with the keys of its dictionaries as texts, as in a file, and NumPy's numbers as Python's."""
    if isinstance(value, Range | Choice):
        return value
    if isinstance(value, Mapping):
        return {_key(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(each) for each in value)
    number = getattr(value, "item", None)
    return number() if callable(number) else value


def _key(key: object) -> str:
    return {None: "null", True: "true", False: "false"}[key] if key is None or isinstance(key, bool) else str(key)
