"""pydantic's findings as sentences: what was seen, and the closest key or value that would be right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from re import sub
from typing import cast

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from mlray.ids import Json
from mlray.spec._yaml import Path, dotted

__all__ = ["Finding", "closest", "explain", "shown"]

_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list [a, b]",
    "dict_type": "a section of `key: value` lines",
    "model_type": "a section of `key: value` lines",
    "model_attributes_type": "a section of `key: value` lines",
    "date_type": "a day such as 2013-04-01",
    "is_instance_of": "an amount such as `40 USD`",
    "decimal_type": "an amount such as `40 USD`",
    "finite_number": "a finite number",
}
_LIMITS = {
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "greater_than": "it must be more than {gt}",
    "less_than": "it must be less than {lt}",
    "too_short": "it needs at least {min_length}",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault at one path."""

    path: Path
    what: str
    kind: str
    mend: Json = None
    """The closest right value or key, with which a second look can find what lies behind; None where nothing is close."""


def closest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like `word`, or None where none does.

    >>> closest("tiem", ["table", "time"])
    'time'
    """
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.55)
    return by_lower[found[0]] if found else None


def shown(value: object) -> str:
    """Return a value as a message shows it: as YAML would have it, and never longer than a line."""
    text = f"'{value}'" if isinstance(value, str) else _plain(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _plain(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "empty", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        return f"[{', '.join(_plain(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_plain(item)}' for key, item in value.items())}}}"
    return str(value)


def explain(root: type[BaseModel], errors: Sequence[ErrorDetails], value: Json) -> list[Finding]:
    """Return one finding per path for what pydantic said about `value`."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        by_path.setdefault(_path(error, value), []).append(error)
    missing = {path for path, said in by_path.items() if said[0]["type"] == "missing"}
    findings = [_finding(root, path, said, missing) for path, said in by_path.items()]
    # A key that was only misspelt is not missing as well.
    renamed = {
        (*found.path[:-1], str(found.mend)) for found in findings if found.kind == "extra_forbidden" and found.mend
    }
    return [found for found in findings if not (found.kind == "missing" and found.path in renamed)]


def _path(error: ErrorDetails, value: Json) -> Path:
    """Leave out of pydantic's location the names of the union's branches, and whatever a short form does not have."""
    path: list[str | int] = []
    steps = list(error["loc"])
    for position, step in enumerate(steps):
        last_is_missing = error["type"] == "missing" and position == len(steps) - 1
        if isinstance(value, Mapping) and (step in value or last_is_missing):
            path.append(step)
            value = value.get(str(step))
        elif isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
            path.append(step)
            value = value[step]
    return tuple(path)


def _finding(root: type[BaseModel], path: Path, said: Sequence[ErrorDetails], missing: set[Path]) -> Finding:
    error = said[0]
    kind = error["type"]
    where = dotted(path) or "the file"
    context = error.get("ctx", {})
    if kind == "missing":
        section = dotted(path[:-1]) or "the project"
        return Finding(path, f"{section} lacks '{path[-1]}'{_meaning(root, path)}", kind)
    if kind == "extra_forbidden":
        return _unknown_key(root, path, missing)
    seen = f"{where} is {shown(error['input'])}"
    if kind == "literal_error":
        return _choice(path, error["input"], seen, [str(name) for e in said for name in _expected(e)])
    if kind in _LIMITS:
        return Finding(path, f"{seen}; {_LIMITS[kind].format(**context)}", kind)
    if kind == "string_pattern_mismatch":
        mend = _slug(str(error["input"]))
        return Finding(path, f"{seen}; a name has lower-case letters, digits, - and _, such as '{mend}'", kind, mend)
    if kind in _WANTED:
        wanted = dict.fromkeys(_WANTED[e["type"]] for e in said if e["type"] in _WANTED)
        hint = " (quotes make it a text)" if isinstance(error["input"], int | float) and "a text" in wanted else ""
        return Finding(path, f"{seen}, not {' or '.join(wanted)}{hint}", kind)
    message = str(context.get("error", error["msg"]))
    return Finding(path, f"{where}: {message}", kind)


def _unknown_key(root: type[BaseModel], path: Path, missing: set[Path]) -> Finding:
    known = list(_fields(root, path[:-1]))
    wanted = [str(lost[-1]) for lost in missing if lost[:-1] == path[:-1]]
    mend = closest(path[-1], wanted) or closest(path[-1], known)
    section = dotted(path[:-1]) or "the project"
    hint = f"did you mean '{mend}'?" if mend else f"known: {', '.join(known)}"
    return Finding(path, f"unknown key '{path[-1]}' in {section}; {hint}", "extra_forbidden", mend)


def _choice(path: Path, value: object, seen: str, names: list[str]) -> Finding:
    mend = closest(value, names)
    listed = ", ".join(dict.fromkeys(names))
    hint = f"did you mean '{mend}'? Valid: {listed}" if mend else f"valid: {listed}"
    return Finding(path, f"{seen}; {hint}", "literal_error", mend or names[0])


def _expected(error: ErrorDetails) -> list[str]:
    # pydantic lists the values as a sentence: 'a', 'b' or 'c'
    text = str(error.get("ctx", {}).get("expected", ""))
    return [name.strip("'") for name in text.replace(" or ", ", ").split(", ") if name]


def _slug(text: str) -> str:
    word = sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return (word if word[:1].isalpha() else f"p-{word}")[:63].rstrip("-") or "project"


def _schema_at(root: type[BaseModel], path: Path) -> Mapping[str, object]:
    """Return the part of the JSON Schema that describes `path`; empty where it branches too far to say."""
    schema = root.model_json_schema()
    parts = cast("Mapping[str, Mapping[str, object]]", schema.get("$defs", {}))
    here: Mapping[str, object] = schema
    for step in path:
        here = _whole(here, parts)
        within = here.get("items") if isinstance(step, int) else _property(here, step)
        here = cast("Mapping[str, object]", within) if isinstance(within, Mapping) else {}
    return _whole(here, parts)


def _property(here: Mapping[str, object], name: str) -> object:
    properties = cast("Mapping[str, object]", here.get("properties", {}))
    return properties.get(name, here.get("additionalProperties"))


def _whole(here: Mapping[str, object], parts: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    """Follow references, and of several forms take the long one: the section with keys."""
    described = here.get("description")
    while True:
        forms = here.get("anyOf") or here.get("oneOf")
        if "$ref" in here:
            here = parts[str(here["$ref"]).rpartition("/")[2]]
        elif isinstance(forms, list):
            here = next((form for form in forms if "$ref" in form or "anyOf" in form), forms[0])
        else:
            return {**here, "description": described} if described else here


def _fields(root: type[BaseModel], path: Path) -> Iterable[str]:
    return cast("Mapping[str, object]", _schema_at(root, path).get("properties", {}))


def _meaning(root: type[BaseModel], path: Path) -> str:
    described = str(_schema_at(root, path).get("description", ""))
    return f" ({described.splitlines()[0].rstrip('.')})" if described else ""
