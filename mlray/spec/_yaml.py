"""YAML 1.2 as plain values that remember their lines.

PyYAML follows YAML 1.1, where `on:` is the key True, `NO` (Norway) is False, 12:30 is 750 and 1e-3 is a text.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from mlray.ids import Json

__all__ = ["Fault", "Path", "Source", "dotted", "is_value", "loader", "read_yaml"]

Path = tuple[str | int, ...]

# A file of a few hundred bytes can name billions of values through aliases of aliases.
MOST_VALUES = 100_000
DEEPEST = 50
BRACKETS = 4 * DEEPEST
"""Brackets within each other at which reading ends: for each one more, PyYAML looks at all the others again."""

_CORE: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with the core schema of YAML 1.2. A date stays a text: the model knows where one is wanted."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own name and shape)

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803 (PyYAML's own name)
        if self.flow_level > BRACKETS:
            raise yaml.scanner.ScannerError(None, None, "brackets are nested too deeply", self.get_mark())
        super().fetch_flow_collection_start(TokenClass)


for _tag, _pattern, _first in _CORE:
    for _letter in _first:
        _Loader.yaml_implicit_resolvers.setdefault(_letter.strip("\0"), []).append(
            (f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"))
        )


def loader() -> type[yaml.SafeLoader]:
    """Return the reader, for those who look at the text's layout."""
    return _Loader


def is_value(text: str) -> bool:
    """Tell whether `text` without quotes is a number, true, false or nothing rather than a text.

    >>> is_value("1e5"), is_value("9E"), is_value("NO")
    (True, False, False)
    """
    return any(re.match(rf"^(?:{pattern})$", text) for _, pattern, _ in _CORE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and the line (from 1) that it stands on."""

    line: int
    what: str
    file: str = ""
    """Where it stands; empty for the project file itself."""


@dataclass(slots=True)
class Source:
    """What a YAML text says: its value, the line of every path in it, and what is wrong with the text itself."""

    value: Json = None
    lines: dict[Path, int] = field(default_factory=lambda: {(): 1})
    texts: dict[Path, str] = field(default_factory=dict)
    """Scalars as they were written, such as `007` where the value is 7."""
    faults: list[Fault] = field(default_factory=list)
    files: dict[Path, str] = field(default_factory=dict)
    """The file of each path that another file brought."""
    unread: Path = ("",)
    """The part that a file should have brought which cannot be read: what is wrong there is not known."""

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the deepest part of it that the text has."""
        return self.lines[self._known(path)]

    def fault(self, path: Path, what: str) -> Fault:
        """Return a fault at `path`, with the file and line where that is said."""
        known = self._known(path)
        return Fault(self.lines[known], what, self.files.get(known, ""))

    def _known(self, path: Path) -> Path:
        while path not in self.lines:
            path = path[:-1]
        return path

    def rename(self, old: Path, new: Path) -> None:
        """Let the lines below `old` be found below `new` as well."""
        size = len(old)
        self.lines |= {(*new, *path[size:]): line for path, line in self.lines.items() if path[:size] == old}
        self.files |= {(*new, *path[size:]): file for path, file in self.files.items() if path[:size] == old}


def dotted(path: Path) -> str:
    """Return a path as people write it.

    >>> dotted(("data", "mappings", 0, "files"))
    'data.mappings[0].files'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def read_yaml(text: str) -> Source:
    """Return what `text` says; faults are collected, never raised."""
    source = Source()
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        source.faults.append(Fault(mark.line + 1 if mark else 1, f"not YAML: {error.problem}{context}"))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        source.faults.append(Fault(line, f"not YAML: the character {error.character!r} is not allowed"))
    except RecursionError:
        source.faults.append(Fault(1, "nested too deeply"))
    else:
        _Reading(source).take(node)
    return source


class _Reading:
    """One walk over the nodes; what it finds goes into the source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.values = 0

    def take(self, node: yaml.Node | None) -> None:
        """Fill the source's value."""
        if node is None:
            self.source.faults.append(Fault(1, "the file is empty"))
            return
        try:
            self.source.value = self._value(node, ())
        except _TooMuchError as error:
            self.source.faults.append(Fault(node.start_mark.line + 1, str(error)))

    def _value(self, node: yaml.Node, path: Path) -> Json:
        self.values += 1
        if self.values > MOST_VALUES or len(path) > DEEPEST:
            raise _TooMuchError(f"more than {MOST_VALUES:,} values or {DEEPEST} levels; an alias may repeat itself")
        self.source.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return {name: self._value(value, (*path, name)) for name, value in self._pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        self.source.texts[path] = node.value
        return self._scalar(node)

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.source.faults.append(Fault(line, f"{dotted(path) or 'the file'}: a key must be a word"))
                continue
            # A key is its text, whatever it looks like: `on`, `NO` and `1` name something.
            name = str(key.value)
            if name in seen:
                where = dotted((*path, name))
                self.source.faults.append(Fault(line, f"{where} appears twice; the first is in line {seen[name]}"))
                continue
            seen[name] = line
            self.source.lines[*path, name] = line
            yield name, value

    def _scalar(self, node: yaml.Node) -> Json:
        text = str(node.value)
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return _whole(text)
            case "float":
                return _real(text)
            case "str":
                return text
            case tag:
                self.source.faults.append(Fault(node.start_mark.line + 1, f"the tag {tag} is not known here"))
                return text


class _TooMuchError(Exception):
    """The text names more values than a project file can need."""


def _whole(text: str) -> Json:
    bases: Mapping[str, int] = {"0o": 8, "0x": 16}
    base = bases.get(text[:2], 10)
    # Python refuses to read thousands of digits; nobody means such a number, so it is left a text and fails its type.
    return int(text.removeprefix(text[:2]) if base != 10 else text, base) if len(text) < 400 else text


def _real(text: str) -> float:
    word = text.lower().lstrip("+-")
    if word == ".nan":
        return math.nan
    if word == ".inf":
        return -math.inf if text.startswith("-") else math.inf
    return float(text)
