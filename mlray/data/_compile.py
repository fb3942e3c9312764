"""A contract's mappings, compiled: for each file the way of every column from its words to the contract's."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import PurePath
from typing import Any

from mlray.data._mapping import Words
from mlray.data._pipeline import Reading, Step
from mlray.data._rules import Rule
from mlray.data._texts import check_format
from mlray.data._units import Conversion, conversion
from mlray.errors import DataError
from mlray.spec import Data, MappingSpec

__all__ = ["Ways", "merged"]


class Ways:
    """All that the mappings of one contract come to; files that the same mappings match share what is compiled."""

    def __init__(self, data: Data) -> None:
        """Compile nothing yet."""
        self.data = data
        self._ready: dict[tuple[tuple[int, ...], str | None], dict[str, Step]] = {}

    def check(self) -> None:
        """Check every unit and format of every mapping.

        Raises:
            DataError: a unit is unknown or cannot be converted, or a format is none; the closest one is named.
        """
        for mapping in self.data.mappings:
            for name, unit in mapping.units.items():
                self.conversion(name, unit)
            for name, form in mapping.formats.items():
                check_format(form, where=f"column '{name}'")

    def mapping(self, source: str) -> MappingSpec:
        """Return everything that the mappings say about one file; a later one overrides."""
        return merged(self.data.mappings[place] for place in self._matching(source))

    def steps(self, source: str, lookup: str | None, rules: Mapping[str, Rule]) -> dict[str, Step]:
        """Return each column's way from the file `source`; `lookup` tells whose columns `rules` are."""
        alike = (self._matching(source), lookup)
        if alike not in self._ready:
            mapping = self.mapping(source)
            self._ready[alike] = {name: self._step(rule, mapping) for name, rule in rules.items()}
        return self._ready[alike]

    def conversion(self, name: str, unit: str) -> Conversion | None:
        """Return how column `name` comes from `unit` to the contract's; None where both are the same."""
        ours = self.data.all_columns[name].unit
        if ours is None:
            raise DataError(
                f"Column '{name}' has no unit in the contract, so '{unit}' cannot be converted to it.",
                remedy=f"Write `unit:` in the contract's column '{name}'.",
            )
        return None if ours == unit else conversion(unit, ours, where=f"column '{name}'")

    def _matching(self, source: str) -> tuple[int, ...]:
        name = PurePath(source).name
        return tuple(
            place
            for place, mapping in enumerate(self.data.mappings)
            if fnmatch(name, mapping.files) or fnmatch(source, mapping.files)
        )

    def _step(self, rule: Rule, mapping: MappingSpec) -> Step:
        words, unit = mapping.values.get(rule.name), mapping.units.get(rule.name)
        return Step(
            rule,
            Words(rule.name, rule.kind, words) if words else None,
            self.conversion(rule.name, unit) if unit else None,
            Reading(mapping.encoding, mapping.decimal == ",", mapping.zone, mapping.formats.get(rule.name)),
        )


def merged(mappings: Iterable[MappingSpec]) -> MappingSpec:
    """Return what several mappings say together; a later one overrides."""
    told: dict[str, Any] = {name: {} for name in ("rename", "units", "values", "formats")}
    for mapping in mappings:
        for name in ("rename", "units", "values", "formats"):
            told[name] |= getattr(mapping, name)
        single = {name: getattr(mapping, name) for name in ("encoding", "delimiter", "decimal", "zone")}
        told |= {name: value for name, value in single.items() if value is not None}
    return MappingSpec(files="*", **told)
