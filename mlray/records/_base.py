"""What every record can do: go to JSON and back, and show itself to a person."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Self, cast

from mlray.ids import Json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Interval", "Record"]


@cache
def _adapter(kind: "type[object]") -> "TypeAdapter[object]":
    from pydantic import TypeAdapter  # not needed to import mlray

    return TypeAdapter(kind)


class Record:
    """A frozen fact. Subclasses are dataclasses whose fields pydantic can read back from JSON."""

    __slots__ = ()

    def to_json(self) -> dict[str, Json]:
        """Return the record as JSON values: money as text, time in ISO 8601."""
        return cast("dict[str, Json]", _adapter(type(self)).dump_python(self, mode="json"))  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """Return the record that `to_json` wrote; a wrong or missing field raises pydantic's ValidationError."""
        return cast("Self", _adapter(cls).validate_python(data))  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        """Show the fields as a table, for notebooks."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(field.name)}</th>"
            f"<td style='text-align:left'>{escape(_short(getattr(self, field.name)))}</td></tr>"
            for field in fields
        )
        return f"<table><caption>{escape(type(self).__name__)}</caption>{rows}</table>"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 300 else f"{text[:297]}…"


@dataclass(frozen=True, slots=True)
class Interval(Record):
    """An estimate with its uncertainty: `low` to `high` at the stated `level` (a share, 0.95 by default)."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        """Return the estimate and its interval, to three digits."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
