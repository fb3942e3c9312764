"""A table as the end of a plan: each part a fragment, all of them one version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pyarrow as pa

from mlray.data._fragments import Commit, Made, commit_made, write_rows
from mlray.data.plan._sinks import Written
from mlray.data.store.storage import Storage
from mlray.data.table import Table
from mlray.ids import Json
from mlray.records import Fragment

__all__ = ["TableSink"]


@dataclass(frozen=True)
class TableSink:
    """Fragments of a table, which become one version when the last part is written."""

    table: Table
    terms: Commit

    @property
    def name(self) -> str:
        """Table and branch."""
        return f"{self.table.name} ({self.table.branch_name}{', replaced' if self.terms.replace else ''})"

    @property
    def ledger(self) -> Storage:
        """The table's store: whoever sees the table sees which parts are done."""
        return self.table.store.storage

    def begin(self, kept: Sequence[dict[str, Json]], *, again: bool) -> None:
        """Nothing can be in the way: a fragment that no version names is swept one day."""

    def write(self, number: int, parts: Iterable[pa.RecordBatch], origin: str = "") -> dict[str, Json]:  # noqa: ARG002 (names are contents)
        """Write a fragment."""
        made = write_rows(self.table.store, parts, source=origin, time=self.terms.time)
        fragment = made.fragment.to_json() if made.fragment else None
        return {
            "rows": made.fragment.rows if made.fragment else 0,
            "fragment": cast("Json", fragment),
            "schema": dict(made.schema),
        }

    def intact(self, written: dict[str, Json]) -> bool:
        """Tell whether the fragment's file is still there."""
        fragment = cast("dict[str, Json] | None", written["fragment"])
        return fragment is None or self.table.store.storage.exists(self.table.store.blobs.place(str(fragment["blob"])))

    def finish(self, written: Sequence[dict[str, Json]], note: str, run: str) -> Written:
        """Make the version; of the same run, only once."""
        made = [_made(each) for each in written]
        terms = replace(self.terms, note=self.terms.note or note, once=self.terms.once or run)
        return Written(version=commit_made(self.table, made, terms))


def _made(written: dict[str, Json]) -> Made:
    fragment = cast("dict[str, Json] | None", written["fragment"])
    return Made(
        Fragment.from_json(fragment) if fragment else None,
        cast("dict[str, str]", written["schema"]),
    )
