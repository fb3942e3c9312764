"""Contract files: joined into the project that names one, or read on their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlray.errors import SpecError
from mlray.ids import Json
from mlray.spec._data import Data
from mlray.spec._explain import explain
from mlray.spec._odcs import Terms, terms_of
from mlray.spec._words import closest
from mlray.spec._yaml import Fault, Path, Source, read_yaml

__all__ = ["ContractFile", "frozen", "join_contract", "parse_contract", "read_contract"]

_T = TypeVar("_T")
_JOINED = ("mappings", "quality")
"""Lists to which a project adds: its own entries come last, and override."""
NO_TARGET = "none"
"""What the target is called where a contract on its own names none."""


@dataclass(frozen=True, slots=True)
class ContractFile:
    """A contract on its own, as its file says it."""

    id: str
    version: str
    status: str
    description: str
    data: Data
    """Its terms; a target that it does not name is called `none`."""
    text: str

    @property
    def has_target(self) -> bool:
        """Whether the file itself says what is predicted."""
        return self.data.target.name != NO_TARGET


def join_contract(source: Source, folder: File) -> None:
    """Put what the contract file says that `data.contract` names into the project `source`, with file and line.

    What the project says itself comes before: a key overrides, sections are joined, and of `mappings` and `quality`
    the project's entries follow the contract's. What is wrong with the contract goes into the source's faults.
    """
    data = source.value.get("data") if isinstance(source.value, dict) else None
    name = data.get("contract") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(name, str) or not name:
        return
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        source.faults.append(source.fault(("data", "contract"), _unread(path, name, error)))
        source.unread = ("data",)
        return
    table = data.get("table")
    contract = read_yaml(text)
    terms = terms_of(contract.value, table if isinstance(table, str) else "")
    source.faults += _told(str(path), contract, terms)
    if "columns" not in terms.data:
        source.unread = ("data",)
    _shift(source, data, terms.data)
    for at, place in terms.places.items():
        here = ("data", *at)
        if here not in source.lines:
            source.lines[here] = contract.line(place)
            source.files[here] = str(path)
            if place in contract.texts:
                source.texts[here] = contract.texts[place]
    _join(data, terms.data)


def read_contract(path: File | str) -> ContractFile:
    """Return the contract in the file at `path`.

    Raises:
        SpecError: with one line per fault, `file:line: what`, with the value and the closest valid one.
    """
    try:
        text = File(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([f"{path}:1: {_unread(File(path), str(path), error)}"]) from error
    return parse_contract(text, str(path))


def parse_contract(text: str, name: str) -> ContractFile:
    """Return the contract that `text` is; `name` stands for its file in messages.

    Raises:
        SpecError: with one line per fault.
    """
    source = read_yaml(text)
    terms = terms_of(source.value)
    faults = _told(name, source, terms)
    data, said = _validated(terms)
    faults += [Fault(source.line(at), what, name) for at, what in said]
    if faults or data is None:
        ordered = sorted(dict.fromkeys(faults), key=lambda fault: fault.line)
        raise SpecError([f"{name}:{fault.line}: {fault.what}" for fault in ordered])
    head = source.value if isinstance(source.value, dict) else {}
    told = head.get("description")
    purpose = told.get("purpose") if isinstance(told, dict) else told
    identity, version, status = (str(head.get(key) or "") for key in ("id", "version", "status"))
    return ContractFile(identity, version, status, str(purpose or ""), data, text)


def frozen(value: Json) -> Any:  # noqa: ANN401 (a tree of plain values)
    """Return lists as tuples: strict models take no list for a tuple, and would take '12' for 12 if they were lax."""
    if isinstance(value, Mapping):
        return {name: frozen(part) for name, part in value.items()}
    return tuple(frozen(part) for part in value) if isinstance(value, list) else value


def _validated(terms: Terms) -> tuple[Data | None, list[tuple[Path, str]]]:
    """Return the terms as a value, and each fault with its place in the contract."""
    value: dict[str, Any] = {"source": "*", "target": _stand_in(terms.data), **terms.data}
    for lookup in value.get("lookups", {}).values():
        lookup.setdefault("source", "*")
    try:
        return Data.model_validate(frozen(value), strict=True), []
    except ValidationError as error:
        inside = [{**said, "loc": ("data", *said["loc"])} for said in error.errors(include_url=False)]
    findings = explain(cast("list[ErrorDetails]", inside), {"data": value}, {})
    # Whether a stand-in can be predicted is nobody's question.
    real = [found for found in findings if "target" in terms.data or found.path[1:2] != ("target",)]
    if not real:
        return Data.model_validate(frozen(value), strict=True, context={"quiet": {"Data"}}), []
    return None, [(_place(found.path[1:], terms), found.what) for found in real]


def _place(path: Path, terms: Terms) -> Path:
    while path and path not in terms.places:
        path = path[:-1]
    return terms.places.get(path, ())


def _stand_in(data: Mapping[str, Any]) -> dict[str, str]:
    """Return a target for a contract that leaves it to each project."""
    columns = data.get("columns", {})
    later = [name for name, column in columns.items() if column.get("known") == "later"]
    return {"name": NO_TARGET, "column": (later or list(columns) or [""])[0]}


def _told(name: str, source: Source, terms: Terms) -> list[Fault]:
    own = [Fault(fault.line, fault.what, name) for fault in source.faults]
    # Of a text that is no YAML, nothing else can be said.
    return (
        own if own and source.value is None else own + [Fault(source.line(at), what, name) for at, what in terms.faults]
    )


def _shift(source: Source, data: Mapping[str, Any], terms: Mapping[str, Any]) -> None:
    """Give the project's own entries of joined lists the numbers that they will have."""
    for name in _JOINED:
        ahead = len(terms.get(name, ()))
        if not ahead or not isinstance(data.get(name), list):
            continue
        source.lines = _renumbered(source.lines, name, ahead)
        source.texts = _renumbered(source.texts, name, ahead)


def _renumbered(told: Mapping[Path, _T], name: str, ahead: int) -> dict[Path, _T]:
    head = ("data", name)
    return {
        (*head, int(path[2]) + ahead, *path[3:]) if path[:2] == head and len(path) > 2 else path: at
        for path, at in told.items()
    }


def _join(ours: dict[str, Any], theirs: Mapping[str, Any], depth: int = 0) -> None:
    for name, value in theirs.items():
        if name not in ours:
            ours[name] = value
        elif isinstance(ours[name], dict) and isinstance(value, Mapping):
            _join(ours[name], value, depth + 1)
        elif depth == 0 and name in _JOINED and isinstance(ours[name], list):
            ours[name] = [*value, *ours[name]]


def _unread(path: File, name: str, error: Exception) -> str:
    if path.is_file():
        return f"data.contract: '{name}' cannot be read: {error}"
    folder = path.parent
    if not folder.is_dir():
        return f"data.contract: there is no file '{name}'; there is no folder '{folder.name}'"
    near = closest(path.name, [entry.name for entry in folder.iterdir() if entry.is_file()])
    hint = f"the closest is '{near}'" if near else "`mlray contract infer FILE` drafts one"
    return f"data.contract: there is no file '{name}'; {hint}"
