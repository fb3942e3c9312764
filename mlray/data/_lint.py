"""What a contract that is right leaves open: a reader of the data would ask for it."""

from collections.abc import Iterator, Sequence

from mlray.spec import Data

__all__ = ["remarks"]


def remarks(data: Data, text: str = "") -> tuple[str, ...]:
    """Return one sentence per thing that the contract could say and does not; `text` is its file, if it has one."""
    return tuple(_remarks(data, text))


def _remarks(data: Data, text: str) -> Iterator[str]:
    if not data.key:
        yield "no key: a row that comes twice is kept twice"
    if not data.owner:
        yield "no owner: write `team: {name: …}`"
    if data.freshness is None:
        yield "no freshness: a source that has stopped is not noticed; write it under `slaProperties`"
    columns = data.all_columns
    quiet = [name for name, column in columns.items() if not column.description]
    if quiet:
        yield f"columns without a description: {_some(quiet)}"
    bare = [name for name, column in columns.items() if column.type == "number" and column.unit is None]
    if bare:
        yield f"numbers without a unit: {_some(bare)}"
    open_ended = [
        name
        for name, column in columns.items()
        if column.type in ("integer", "number") and column.min is None and column.max is None and column.allowed is None
    ]
    if open_ended:
        yield f"numbers without any limit: {_some(open_ended)}"
    if not data.quality:
        yield "no rule on the whole table, such as `metric: rowCount`"
    for kind in ("sql", "custom", "text"):
        if f"type: {kind}" in text:
            yield f"rules of type '{kind}' are for other tools or people: they are not checked here"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
