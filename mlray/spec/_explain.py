"""pydantic's findings as sentences: what was seen, and the closest key or value that would be right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from re import sub

from pydantic_core import ErrorDetails

from mlray.ids import Json
from mlray.spec._schema import fields, meaning
from mlray.spec._words import closest, did_you_mean, shown
from mlray.spec._yaml import Path, dotted

__all__ = ["Finding", "explain"]

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
    part: str = ""
    """The class whose own check found it, where several values did not go together."""
    about: str = ""
    """The name that the finding is about, where what was seen is a name."""
    mend: Json = None
    """The closest right value or key, with which a second look finds what lies behind; None where nothing is close."""


def explain(errors: Sequence[ErrorDetails], value: Json, texts: Mapping[Path, str]) -> list[Finding]:
    """Return one finding per path for what pydantic said about `value`; `texts` are the scalars as written."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        by_path.setdefault(_path(error, value), []).append(error)
    missing = {path for path, said in by_path.items() if said[0]["type"] == "missing"}
    findings = [_finding(path, said, missing, texts) for path, said in by_path.items()]
    # A key that was only misspelt is not missing as well.
    renamed = {
        (*found.path[:-1], str(found.mend)) for found in findings if found.kind == "extra_forbidden" and found.mend
    }
    # pydantic does not count a wrong item as one of the list.
    within = {found.path[:-1] for found in findings}
    idle = {"missing": renamed, "too_short": within}
    return [found for found in findings if found.path not in idle.get(found.kind, ())]


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


def _finding(path: Path, said: Sequence[ErrorDetails], missing: set[Path], texts: Mapping[Path, str]) -> Finding:
    error = said[0]
    kind = error["type"]
    where = dotted(path) or "the file"
    context = error.get("ctx", {})
    if kind == "missing":
        section = dotted(path[:-1]) or "the project"
        return Finding(path, f"{section} lacks '{path[-1]}'{meaning(path)}", kind)
    if kind == "extra_forbidden":
        return _unknown_key(path, missing)
    is_number = isinstance(error["input"], int | float) and not isinstance(error["input"], bool)
    # As it was written: 010 and not 10.
    seen = f"{where} is {texts[path] if is_number and path in texts else shown(error['input'])}"
    if kind == "literal_error":
        return _choice(path, error["input"], seen, [str(name) for e in said for name in _expected(e)])
    if kind == "sense":
        about = error["input"] if isinstance(error["input"], str) else ""
        return Finding(path, f"{seen}; {context['what']}", kind, str(context["part"]), about)
    if kind in _LIMITS:
        return Finding(path, f"{seen}; {_LIMITS[kind].format(**context)}", kind)
    if kind == "string_pattern_mismatch":
        name = _slug(str(error["input"]))
        return Finding(
            path, f"{seen}; a name has lower-case letters, digits, - and _, such as '{name}'", kind, mend=name
        )
    if kind in _WANTED:
        wanted = dict.fromkeys(_WANTED[e["type"]] for e in said if e["type"] in _WANTED)
        quotable = isinstance(error["input"], int | float) and "a text" in wanted
        hint = " (quotes make it a text)" if quotable else ""
        mend = str(error["input"]) if quotable else None
        return Finding(path, f"{seen}, not {' or '.join(wanted)}{hint}", kind, mend=mend)
    message = str(context.get("error", error["msg"]))
    return Finding(path, f"{where}: {message}", kind)


def _unknown_key(path: Path, missing: set[Path]) -> Finding:
    known = list(fields(path[:-1]))
    wanted = [str(lost[-1]) for lost in missing if lost[:-1] == path[:-1]]
    mend = closest(path[-1], wanted) or closest(path[-1], known)
    section = dotted(path[:-1]) or "the project"
    hint = did_you_mean(path[-1], [mend] if mend else known)
    return Finding(path, f"unknown key '{path[-1]}' in {section}; {hint}", "extra_forbidden", mend=mend)


def _choice(path: Path, value: object, seen: str, names: list[str]) -> Finding:
    mend = closest(value, names)
    listed = ", ".join(dict.fromkeys(names))
    hint = f"did you mean '{mend}'? Valid: {listed}" if mend else f"valid: {listed}"
    return Finding(path, f"{seen}; {hint}", "literal_error", mend=mend or names[0])


def _expected(error: ErrorDetails) -> list[str]:
    # pydantic lists the values as a sentence: 'a', 'b' or 'c'
    text = str(error.get("ctx", {}).get("expected", ""))
    return [name.strip("'") for name in text.replace(" or ", ", ").split(", ") if name]


def _slug(text: str) -> str:
    word = sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return (word if word[:1].isalpha() else f"p-{word}")[:63].rstrip("-") or "project"
