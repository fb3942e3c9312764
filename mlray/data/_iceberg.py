"""Iceberg's names and types beside ours; pure, so that nothing of pyiceberg is needed to read a URL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa

from mlray.errors import DataError, InputError

__all__ = ["Place", "ours", "ours_rows", "theirs", "theirs_rows", "theirs_schema"]

_STATES = ("snapshot", "ref")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an Iceberg table is: catalog and its properties, namespace and name, and which state is meant."""

    table: str
    catalog: str = "default"
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    """pyiceberg's; they may hold secrets, so they are never shown."""
    ref: int | str | None = None
    """A snapshot's id, a tag or a branch; None for the newest."""

    @classmethod
    def of(cls, url: str) -> "Place":
        """Return the place that a URL names; InputError where it is none."""
        parts = urlsplit(url)
        table = parts.path.strip("/")
        if parts.scheme != "iceberg" or not parts.netloc or "." not in table:
            raise InputError(
                f"'{parts.scheme}://{parts.netloc}{parts.path}' is no Iceberg table.",
                remedy="Write iceberg://CATALOG/NAMESPACE.TABLE, with ?uri=…&warehouse=… if no configuration has them.",
            )
        given = dict(parse_qsl(parts.query))
        ref: int | str | None = given.get("ref")
        if "snapshot" in given:
            ref = _number(given["snapshot"])
        return cls(table, parts.netloc, {name: text for name, text in given.items() if name not in _STATES}, ref)

    def __str__(self) -> str:
        """Return the URL without properties."""
        return f"iceberg://{self.catalog}/{self.table}"


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"'{text}' is no snapshot id.", remedy="Write the whole number that Iceberg shows.") from error


def theirs(kind: pa.DataType) -> pa.DataType:
    """Return the nearest type that Iceberg has and that holds every value."""
    if pa.types.is_dictionary(kind):
        return theirs(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    widened = {
        pa.int8(): pa.int32(),
        pa.int16(): pa.int32(),
        pa.uint8(): pa.int32(),
        pa.uint16(): pa.int32(),
        pa.uint32(): pa.int64(),
        pa.uint64(): pa.decimal128(20, 0),
        pa.float16(): pa.float32(),
        pa.date64(): pa.date32(),
        pa.time32("s"): pa.time64("us"),
        pa.time32("ms"): pa.time64("us"),
        pa.null(): pa.string(),
    }
    return widened.get(kind, kind)


def theirs_schema(schema: pa.Schema) -> pa.Schema:
    """Return columns in the types that Iceberg has."""
    return pa.schema([pa.field(one.name, theirs(one.type)) for one in schema])


def theirs_rows(rows: pa.Table) -> pa.Table:
    """Return rows in the types that Iceberg has."""
    try:
        return rows.cast(theirs_schema(rows.schema))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"Iceberg has no type for these values: {error}.", remedy="It keeps microseconds, and integers of 64 bits."
        ) from error


def ours(schema: pa.Schema) -> pa.Schema:
    """Return columns in the plain types that the store keeps."""
    plain = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema([pa.field(one.name, plain.get(one.type, one.type)) for one in schema])


def ours_rows(rows: pa.Table) -> pa.Table:
    """Return rows in the plain types that the store keeps."""
    return rows.cast(ours(rows.schema))
