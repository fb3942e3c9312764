"""Tables for the page: a caption, headings that can sort, and cells that say how they compare."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlray.console.markup import Safe, tag
from mlray.console.words import figure
from mlray.records import Interval

__all__ = ["SCORE_COLUMNS", "Cell", "Column", "score_cells", "table"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, and whether its cells are numbers (right-aligned, sorted by value)."""

    heading: str
    numeric: bool = False
    class_: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows, and the value it sorts by where that differs from the text."""

    shown: str
    sort: str | float | None = None


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | Cell]],
    *,
    id_: str | None = None,
    sortable: bool = False,
    attributes: Sequence[dict[str, str]] = (),
) -> Safe:
    """Return a table in a frame that scrolls sideways on a phone; `attributes` are those of each row, in order."""
    heads = (_head(column, index, sortable=sortable) for index, column in enumerate(columns))
    body = [
        tag(
            "tr",
            *(_cell(cell, column) for cell, column in zip(row, columns, strict=True)),
            **(attributes[i] if attributes else {}),
        )
        for i, row in enumerate(rows)
    ]
    return tag(
        "div",
        tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *body), id=id_),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def _head(column: Column, index: int, *, sortable: bool) -> Safe:
    shown = tag("button", column.heading, type="button", data_column=str(index)) if sortable else column.heading
    kind = "number" if column.numeric else None
    return tag(
        "th", shown, scope="col", class_=_classes(column), data_type=kind, aria_sort="none" if sortable else None
    )


def _cell(cell: str | Cell, column: Column) -> Safe:
    if isinstance(cell, str):
        return tag("td", cell, class_=_classes(column))
    sort = cell.sort if cell.sort is None or isinstance(cell.sort, str) else f"{cell.sort:.6g}"
    return tag("td", cell.shown, class_=_classes(column), data_sort=sort)


def _classes(column: Column) -> str | None:
    return " ".join(filter(None, ["n" if column.numeric else "", column.class_])) or None


SCORE_COLUMNS = (Column("Score", numeric=True), Column("Low", numeric=True), Column("High", numeric=True))


def score_cells(interval: Interval) -> list[str]:
    """Return the cells under `SCORE_COLUMNS`."""
    return [figure(interval.value), figure(interval.low), figure(interval.high)]
