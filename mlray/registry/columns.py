"""Where each column comes from: read off the contract's mappings. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePath

from mlray.spec import Data

__all__ = ["Origin", "origins"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The source's column that one of ours was made from."""

    column: str
    """The source's name for it."""
    how: str = ""
    """What was done to the values, in words; empty where they are taken as they are."""


def origins(data: Data, source: str, *, lookup: str | None = None) -> Mapping[str, Origin]:
    """Return for each of our columns which column of `source` it was made from, and how.

    Args:
        data: The contract.
        source: The file, as fragments name it.
        lookup: Of which lookup it is the source; None for the table's own.
    """
    rename: dict[str, str] = {}
    units: dict[str, str] = {}
    mapped: set[str] = set()
    name = PurePath(source).name
    for mapping in data.mappings:
        if fnmatch(name, mapping.files) or fnmatch(source, mapping.files):
            rename |= {ours: theirs for theirs, ours in mapping.rename.items()}
            units |= mapping.units
            mapped |= set(mapping.values)
    columns = data.columns if lookup is None else data.lookups[lookup].columns
    found = {}
    for ours, column in columns.items():
        steps = []
        if ours in units and units[ours] != column.unit:
            steps.append(f"{units[ours]} → {column.unit}")
        if ours in mapped:
            steps.append("values mapped")
        found[ours] = Origin(rename.get(ours, ours), ", ".join(steps))
    return found
