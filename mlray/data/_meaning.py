"""What of a contract decides about rows, apart from what only tells people about them."""

from collections.abc import Mapping

from mlray.ids import Json, digest_of
from mlray.spec import Data, MappingSpec, Modes

__all__ = ["digest_of_rows"]

_FOR_PEOPLE = frozenset(("classification", "description", "synonyms"))
# Said only by some sources: a contract that does not use them keeps the digest that it had before they existed.
_OPTIONAL = {name: MappingSpec.model_fields[name] for name in ("encoding", "delimiter", "decimal", "zone", "formats")}


def digest_of_rows(data: Data) -> str:
    """Return the SHA-256 of all that makes a row what it is.

    Where rows come from is no part of it; how a source's words are read is, so that a corrected mapping is noticed and
    the rows are read again.
    """
    told = {
        "time": data.time,
        "key": list(data.key),
        "columns": {name: _column(column.model_dump(mode="json")) for name, column in data.columns.items()},
        "mappings": [_mapping(mapping.model_dump(mode="json")) for mapping in data.mappings],
        "target": data.target.model_dump(mode="json"),
        "lookups": {
            name: {
                "on": list(lookup.on),
                "columns": {name: _column(column.model_dump(mode="json")) for name, column in lookup.columns.items()},
            }
            for name, lookup in data.lookups.items()
        },
    }
    if data.modes != Modes():
        told["modes"] = data.modes.model_dump(mode="json")
    return digest_of(told)


def _column(told: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in told.items() if name not in _FOR_PEOPLE}


def _mapping(told: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: value
        for name, value in told.items()
        if name not in _OPTIONAL or value != _OPTIONAL[name].get_default(call_default_factory=True)
    }
