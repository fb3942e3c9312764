"""What squashing a version came to, as a record and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlray.records._base import Record

__all__ = ["Squashed"]


@dataclass(frozen=True, slots=True)
class Squashed(Record):
    """What squashing a version came to."""

    version: str
    keep: str
    own: int
    """Bytes that only this version needed."""
    dropped: int = 0
    """Bytes that are not needed any more; `waiting` of them are deleted by the next `gc`."""
    waiting: int = 0
    written: int = 0
    """Bytes of reverse patches."""
    kept: int = 0
    """Bytes that stay for this version alone, since what would replace them is no smaller."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """Column → rows whose value is lost; empty where the version can be rebuilt exactly."""
    closed: bool = True
    """Whether the version is squashed now; it stays as it is where nothing can be dropped."""

    def __str__(self) -> str:
        """Return one line for a person."""
        if not self.closed:
            why = (
                f"nothing smaller rebuilds its {_size(self.own)}" if self.own else "other versions need every file too"
            )
            return f"{self.version}: nothing to drop, {why}; it stays as it is."
        told = f"{self.version}: {_size(self.dropped)} of the {_size(self.own)} that only it needs are dropped"
        told = told if self.own else f"{self.version}: every file is needed by other versions too, nothing to drop"
        told += f" ({_size(self.waiting)} by the next gc)" if self.waiting else ""
        told += f", {_size(self.written)} of reverse patches written" if self.written else ""
        told += f", {_size(self.kept)} kept since nothing smaller rebuilds them" if self.kept else ""
        if not self.lost:
            return f"{told}; it can be rebuilt exactly."
        return f"{told}; lost: {', '.join(f'{name} in {rows:,} rows' for name, rows in self.lost.items())}."


def _size(count: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count:,} bytes"
