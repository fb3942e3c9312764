"""How results look: JSON for programs, lines and tables for people."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "fields", "json_out", "say", "table"]

# Where no terminal says how wide it is, a log is wider than the 80 columns that rich would take.
LOG_WIDTH = 140


def console(*, err: bool = False) -> "Console":
    """Return rich's view of standard output, or of standard error."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    return Console(stderr=err, width=None if stream.isatty() else LOG_WIDTH, highlight=False)


def json_out(value: object) -> None:
    """Print `value` (a record, or plain JSON values) as JSON, and nothing else."""
    from json import dumps

    typer.echo(dumps(plain(value), ensure_ascii=False, indent=1))


def plain(value: object) -> Any:  # noqa: ANN401 (a tree of JSON values)
    """Return `value` with every record in it as JSON values."""
    to_json = getattr(value, "to_json", None)
    if to_json is not None:
        return to_json()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def say(result: object, *, json: bool) -> None:
    """Print a record: its one line for people, or its JSON."""
    if json:
        json_out(result)
    else:
        typer.echo(str(result))


def fields(facts: Mapping[str, object]) -> None:
    """Print names and values, one to a line; sections are indented, and what is not there is a dash."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in _flat(facts, ""):
        grid.add_row(name.replace("_", " "), _text(value))
    console().print(grid)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print rows under their columns."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        shown.add_column(column)
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else _text(cell) for cell in row))
    console().print(shown)


def _flat(facts: Mapping[str, object], indent: str) -> Iterable[tuple[str, object]]:
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield indent + name, ""
            yield from _flat(value, indent + "  ")
        else:
            yield indent + name, value


def _text(value: object) -> Any:  # noqa: ANN401 (rich.text.Text)
    from rich.text import Text

    if value is None or value in ([], (), {}):
        return Text("–", style="dim")
    joined = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # What comes out of a journal or a file may hold a terminal's control sequences.
    return Text("".join(letter for letter in joined if letter.isprintable() or letter == "\n"))
