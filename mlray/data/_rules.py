"""The rule of one column, and the kernels that find what breaks it: the same for a file, a batch and a request."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import ARROW, NOUNS
from mlray.spec import ColumnSpec

__all__ = ["Fault", "Rule"]

_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Fault:
    """Values of one column that break its rule in one way."""

    reason: str
    """Without the value, so that equal faults count together: `wind_speed above 150`."""
    code: str
    """Stable, for programs: `missing_value`, `not_allowed`, `out_of_range` or `wrong_type`."""
    rows: pa.Array
    """Boolean, shape [n]; null is false."""


@dataclass(frozen=True)
class Rule:
    """What one column may hold."""

    name: str
    kind: str
    """The contract's type, such as `number`."""
    unit: str | None
    nullable: bool
    allowed: pa.Array | None
    low: float | int | None
    high: float | int | None

    @classmethod
    def of(cls, name: str, column: ColumnSpec, *, nullable: bool | None = None) -> Self:
        """Return the rule that `column` of the project file sets; `nullable` overrides its own."""
        allowed = None if column.allowed is None else pa.array(column.allowed, ARROW[column.type])
        low, high = column.min, column.max
        if column.type == "integer":
            # Whole limits compare exactly; a float limit would compare large integers as rounded floats.
            low = None if low is None else max(math.ceil(low), -_INT64)
            high = None if high is None else min(math.floor(high), _INT64)
        free = column.nullable if nullable is None else nullable
        return cls(name, column.type, column.unit, free, allowed, low, high)

    @property
    def field(self) -> pa.Field:
        """The column as part of an Arrow schema."""
        return pa.field(self.name, ARROW[self.kind], nullable=self.nullable)

    @property
    def expected(self) -> str:
        """What the column may hold, in words."""
        words = NOUNS[self.kind]
        if self.allowed is not None:
            listed = self.allowed.to_pylist()
            words = "one of " + ", ".join(map(str, listed[:20])) + (", …" if len(listed) > 20 else "")
        limits = [f"at least {shown(self.low)}"] if self.low is not None else []
        limits += [f"at most {shown(self.high)}"] if self.high is not None else []
        return ", ".join([words, *([" and ".join(limits)] if limits else []), *(["or null"] if self.nullable else [])])

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the column declares, each as the reason of values that break it: the type first, then as in `faults`."""
        told = (
            (True, f"{self.name} is not {NOUNS[self.kind]}"),
            (not self.nullable, f"{self.name} is missing"),
            (self.allowed is not None, f"{self.name} is not an allowed value"),
            (self.low is not None, f"{self.name} below {shown(self.low)}"),
            (self.high is not None, f"{self.name} above {shown(self.high)}"),
        )
        return tuple(reason for declared, reason in told if declared)

    def faults(self, values: pa.Array) -> Iterator[Fault]:
        """Yield what `values`, already of the right type, break; nothing for good values, quickly."""
        if not self.nullable and values.null_count:
            yield Fault(f"{self.name} is missing", "missing_value", pc.is_null(values))
        if self.allowed is not None:
            inside = pc.is_in(values, value_set=self.allowed)
            if inside.true_count + values.null_count < len(values):
                outside = pc.and_(pc.is_valid(values), pc.invert(inside))
                yield Fault(f"{self.name} is not an allowed value", "not_allowed", outside)
        if self.low is not None or self.high is not None:
            yield from self._limits(values)

    def _limits(self, values: pa.Array) -> Iterator[Fault]:
        # One pass finds both ends; the rows at fault are looked for only where an end lies outside.
        ends = pc.min_max(values)
        lowest, highest = ends["min"].as_py(), ends["max"].as_py()
        if lowest is None:
            return
        if self.low is not None and lowest < self.low:
            below = pc.fill_null(pc.less(values, pa.scalar(self.low, values.type)), False)
            yield Fault(f"{self.name} below {shown(self.low)}", "out_of_range", below)
        if self.high is not None and highest > self.high:
            above = pc.fill_null(pc.greater(values, pa.scalar(self.high, values.type)), False)
            yield Fault(f"{self.name} above {shown(self.high)}", "out_of_range", above)


def shown(limit: float | None) -> str:
    """Return a limit as people write it: 150 rather than 150.0."""
    return "" if limit is None else f"{limit:.15g}"
