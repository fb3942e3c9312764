"""A topic's new messages, landed in files: one JSON object each, and what is none is told as such."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from mlray.data._cursor import Cursor
from mlray.data._land import EVER, Landed, Landing, write
from mlray.data.on_kafka import ends, messages
from mlray.data.scan import Window
from mlray.data.sources import parse_json
from mlray.errors import DataError
from mlray.spec import SourceSpec

__all__ = ["land_kafka", "newest"]

ROWS = 250_000
"""Messages of one part."""
PATIENCE = 60.0
"""Seconds after which Ray Data's reader gives what it has of a partition."""


def land_kafka(landing: Landing, cursor: Cursor, aside: Path) -> tuple[list[Landed], Cursor, str]:
    """Write the messages since the cursor's offsets into files; return them, the cursor after them and what to note.

    Every message up to the present end is read, whatever its event time: offsets know no time.

    Raises:
        DataError: the topic is missing, or was made anew since.
        UnavailableError: no broker answers.
    """
    spec = landing.contract.data.origin
    there = ends(spec)
    known = cursor.offsets if cursor.kind == "offsets" else {}
    spans: dict[int, tuple[int, int]] = {}
    lost: list[str] = []
    for partition, (first, end) in there.items():
        start = known.get(str(partition), first)
        if start > end:
            raise DataError(
                f"{spec} ends at offset {end:,} in partition {partition}, before {start:,} that was read.",
                remedy="The topic was made anew: give the table another name, or the source another topic.",
            )
        if start < first:
            lost.append(f"partition {partition} lost {first - start:,} messages before they were read")
        if max(start, first) < end:
            spans[partition] = (max(start, first), end)
    landed: list[Landed] = []
    for partition, values in _values(spec, spans):
        number = len(landed)
        first = spans[partition][0]
        name = f"{spec}/{partition}@{first}" + (f":{number}" if _again(landed, partition, spec) else "")
        table = _table(values, landing.contract.data.time)
        landed.append((write(table, name, aside, number), Window(None, EVER), None))
    after = replace(Cursor("offsets"), offsets={str(partition): end for partition, (_, end) in there.items()})
    return landed, after, "; ".join(lost)


def newest(spec: SourceSpec, time: str, most: int) -> pa.Table:
    """Return some of the newest messages of each partition as rows, at most about `most`; no row where there are none.

    Raises:
        DataError: the topic is missing.
        UnavailableError: no broker answers.
    """
    filled = {number: span for number, span in ends(spec).items() if span[0] < span[1]}
    share = max(1, most // max(1, len(filled)))
    values: list[bytes] = []
    for partition, (first, end) in filled.items():
        values += [value for some in messages(spec, partition, max(first, end - share), end) for value in some]
    return _table(values, time) if values else pa.table({})


def _again(landed: Iterable[Landed], partition: int, spec: SourceSpec) -> bool:
    return any(file.name.startswith(f"{spec}/{partition}@") for file, _, _ in landed)


def _values(spec: SourceSpec, spans: dict[int, tuple[int, int]]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the messages of each partition, a part at a time; through Ray Data's reader where a Ray runs."""
    rest = dict(spans)
    if spans and "ray" in sys.modules:
        from mlray.data.sources.on_ray import messages_on_ray, ray_runs

        if ray_runs():
            for partition, table in messages_on_ray(spec, spans, PATIENCE).items():
                values = table["value"].to_pylist()
                if values:
                    rest[partition] = (table["offset"][-1].as_py() + 1, spans[partition][1])
                    yield partition, [value or b"" for value in values]
    for partition, (start, end) in rest.items():
        held: list[bytes] = []
        for some in messages(spec, partition, start, end):
            held += some
            if len(held) >= ROWS:
                yield partition, held
                held = []
        if held:
            yield partition, held


def _table(values: list[bytes], time: str) -> pa.Table:
    """Return messages as rows; one that is no JSON object stands in the column of the time, where it is no time."""
    try:
        table = parse_json(b"\n".join(values))
        if table.num_rows == len(values) and b"" not in values:
            return table
    except (pa.ArrowException, ValueError):
        pass
    lines = [json.dumps(_object(value) or {time: value.decode(errors="replace") or "(empty)"}) for value in values]
    try:
        return parse_json("\n".join(lines).encode())
    except pa.ArrowException:
        # A field that is a number here and a text there: as text it is the contract's to judge.
        rows = [{name: _text(value) for name, value in json.loads(line).items()} for line in lines]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def _object(value: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
