"""Manifests of the first release, `tables/<table>/<number>.json`: read as if they had been written today.

They knew columns by name, fragments by their file, and the event time by the file's footer. Nothing is rewritten; the
versions that follow are of today's kind.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq

from mlray.data.store.storage import Storage
from mlray.ids import Json, digest_of
from mlray.records import DatasetVersion

__all__ = ["MARK", "first_digest", "first_facts", "first_numbers"]

MARK = {"layout": "1"}
"""What tells such a version: its digest was made in another way."""


def first_numbers(storage: Storage, table: str) -> list[int]:
    """Return the numbers of versions that the first release made, in order."""
    folder = f"tables/{table}/"
    names = [info.name.removeprefix(folder) for info in storage.names(folder)]
    return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdecimal())


def first_facts(storage: Storage, table: str, number: int) -> Mapping[str, Any]:
    """Return such a manifest in today's words; FileNotFoundError where there is none, ValueError if it is damaged."""
    facts: dict[str, Any] = json.loads(storage.read(f"tables/{table}/{number}.json"))
    names = {name: f"{name}@1" for name in facts["schema"]}
    fragments = [
        {**fragment, "id": f"0-{place}", "columns": {given: name for name, given in names.items()}}
        for place, fragment in enumerate(facts["fragments"])
    ]
    return {
        **facts,
        "columns": [{"id": names[name], "name": name, "type": kind} for name, kind in facts["schema"].items()],
        "fragments": fragments,
        "time": _time(storage, fragments[0]["blob"]) if fragments else "",
        "extra": MARK,
        "heads": {"main": number},
    }


def first_digest(version: DatasetVersion) -> str:
    """Return the digest that such a version must have."""
    content: Mapping[str, Json] = {
        "parents": list(version.parents),
        "schema": dict(version.schema),
        "contract": version.contract,
        "fragments": [fragment.blob for fragment in version.fragments],
        "cursor": version.cursor,
    }
    return digest_of(content)


def _time(storage: Storage, blob: str) -> str:
    try:
        with storage.open(f"blobs/{blob[:2]}/{blob}") as file:
            metadata: Mapping[bytes, bytes] = pq.read_schema(file).metadata or {}
    except FileNotFoundError:
        # Whoever reads the rows will say so; the manifest itself is whole.
        return ""
    return metadata.get(b"mlray.time", b"").decode()
