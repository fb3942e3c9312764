"""A contract in the Open Data Contract Standard (ODCS 3), read into the words of the section `data`.

What the standard has no word for stands in `customProperties` under names that begin with `mlray.`, so that every tool
of the standard accepts the file. On a property: `mlray.unit`, `mlray.valueMap`, `mlray.known`. On an object:
`mlray.time`, `mlray.sources` (how each source differs), `mlray.source`, `mlray.on` (an object that is looked up),
`mlray.modes`, `mlray.views` and `mlray.target`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlray.ids import Json
from mlray.spec._odcs_shape import Said, faults_of_shape
from mlray.spec._words import closest, did_you_mean, shown
from mlray.spec._yaml import Path, dotted

__all__ = ["Terms", "terms_of"]

TYPES = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "timestamp",
}
"""The standard's logical types → ours."""
OPERATORS = {
    "mustBe": "must_be",
    "mustNotBe": "must_not_be",
    "mustBeGreaterThan": "more_than",
    "mustBeGreaterOrEqualTo": "at_least",
    "mustBeLessThan": "less_than",
    "mustBeLessOrEqualTo": "at_most",
    "mustBeBetween": "between",
    "mustNotBeBetween": "not_between",
}
ARGUMENTS = {
    "missingValues": "missing",
    "validValues": "valid",
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
}
_UNITS = {
    "s": "second", "min": "minute", "m": "minute", "h": "hour", "hr": "hour", "d": "day", "w": "week", "wk": "week"
}  # fmt: skip
_ON_OBJECT = ("time", "sources", "source", "on", "modes", "views", "target")
_ON_PROPERTY = ("unit", "valueMap", "known")
# The standard writes times as Java does.
_JAVA = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"), ("'T'", "T"))


class Terms:
    """What a contract says, as the keys of the section `data`, and where each of them stands in its file."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.places: dict[Path, Path] = {}
        """Path in the section `data` → path in the contract."""
        self.faults: list[Said] = []

    def put(self, path: Path, value: Any, at: Path) -> None:  # noqa: ANN401 (a plain value)
        """Let the section have `value` at `path`, as the contract says `at` its own path."""
        here: Any = self.data
        for step in path[:-1]:
            here = here.setdefault(step, {})
            self.places.setdefault(path[: path.index(step) + 1], at)
        here[path[-1]] = value
        self.places[path] = at
        self._below(path, value, at)

    def _below(self, path: Path, value: object, at: Path) -> None:
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        for step, part in pairs:
            self.places.setdefault((*path, step), (*at, step))
            self._below((*path, step), part, (*at, step))


def terms_of(value: Json, table: str = "") -> Terms:
    """Return what the contract `value` says; `table` picks one of several objects. Faults are collected, not raised."""
    terms = Terms()
    terms.faults += faults_of_shape(value)
    if isinstance(value, Mapping):
        _Contract(value, terms).read(table)
    return terms


class _Contract:
    """One walk over a contract."""

    def __init__(self, value: Mapping[str, Json], terms: Terms) -> None:
        self.value = value
        self.terms = terms
        self.rules: list[tuple[dict[str, Any], Path]] = []
        self.anywhere: dict[str, Any] = {}
        """What holds for every source, and is told column by column."""
        self.anyplaces: dict[Path, Path] = {}

    def read(self, table: str) -> None:
        objects = [(number, part) for number, part in enumerate(_list(self.value, "schema")) if isinstance(part, dict)]
        looked_up = [(number, part) for number, part in objects if "on" in self._own(part, ("schema", number))]
        mine = [one for one in objects if one not in looked_up]
        if table:
            mine = [(number, part) for number, part in mine if part.get("name") == table] or mine
        if not mine:
            self._fault(("schema",), "the contract has no table: `schema` lists none")
            return
        number, main = mine[0]
        self._table(main, ("schema", number))
        for number, part in looked_up:
            self._lookup(part, ("schema", number))
        self._whole()
        if self.anywhere:
            self._everywhere()
        if self.rules:
            self.terms.data["quality"] = [rule for rule, _ in self.rules]
            self.terms.places |= {("quality", place): at for place, (_, at) in enumerate(self.rules)}

    def _everywhere(self) -> None:
        """Put what holds for every source before what single sources say: the later one overrides."""
        places = self.terms.places
        moved = {path: places.pop(path) for path in list(places) if path[:1] == ("mappings",) and len(path) > 1}
        places |= {("mappings", int(path[1]) + 1, *path[2:]): at for path, at in moved.items()}
        places |= {("mappings", 0, *path): at for path, at in self.anyplaces.items()}
        self.terms.data["mappings"] = [{"files": "*", **self.anywhere}, *self.terms.data.get("mappings", ())]

    def _table(self, part: Mapping[str, Any], at: Path) -> None:
        own = self._own(part, at)
        if isinstance(part.get("name"), str):
            self.terms.put(("table",), part["name"], (*at, "name"))
        for name, ours in (("time", "time"), ("source", "source"), ("modes", "modes"), ("views", "views"),
                           ("target", "target"), ("sources", "mappings")):  # fmt: skip
            if name in own:
                self.terms.put((ours,), *own[name])
        self._columns(part, at, ("columns",))
        keys = [
            (prop.get("primaryKeyPosition", 0), place, prop["name"])
            for place, prop in enumerate(_list(part, "properties"))
            if isinstance(prop, dict) and prop.get("primaryKey") is True and isinstance(prop.get("name"), str)
        ]
        if keys:
            self.terms.put(("key",), [name for *_, name in sorted(keys)], (*at, "properties"))
        self._rules(part, at, ())

    def _lookup(self, part: Mapping[str, Any], at: Path) -> None:
        own = self._own(part, at)
        name = str(part.get("name", ""))
        here = ("lookups", name)
        self.terms.put((*here, "on"), *own["on"])
        if "source" in own:
            self.terms.put((*here, "source"), *own["source"])
        wanted = own["on"][0]
        self._columns(part, at, (*here, "columns"), without=wanted if isinstance(wanted, list) else ())
        self._rules(part, at, ())

    def _columns(self, part: Mapping[str, Any], at: Path, here: Path, without: Sequence[Json] = ()) -> None:
        self.terms.put(here, {}, (*at, "properties") if "properties" in part else at)
        for place, prop in enumerate(_list(part, "properties")):
            where = (*at, "properties", place)
            if not isinstance(prop, dict):
                continue
            name = prop.get("name")
            if not isinstance(name, str):
                self._fault(where, f"{dotted(where)} has no name")
            elif name not in without:
                self._column(name, prop, where, (*here, name))

    def _column(self, name: str, prop: Mapping[str, Any], at: Path, here: Path) -> None:
        put, own = self.terms.put, self._own(prop, at, _ON_PROPERTY)
        kind = self._type(name, prop, at)
        self.terms.places[here] = at
        put((*here, "type"), kind, (*at, "logicalType"))
        if prop.get("required") is not True and prop.get("primaryKey") is not True:
            put((*here, "nullable"), True, (*at, "required") if "required" in prop else at)
        for key in ("unit", "known"):
            if key in own:
                put((*here, key), *own[key])
        self._words(prop, at, here)
        if "valueMap" in own:
            self.anywhere.setdefault("values", {})[name] = own["valueMap"][0]
            self.anyplaces["values", name] = own["valueMap"][1]
        if prop.get("physicalName") not in (None, name):
            self.anywhere.setdefault("rename", {})[prop["physicalName"]] = name
            self.anyplaces["rename", prop["physicalName"]] = (*at, "physicalName")
        self._options(name, kind, prop, at, here)
        if prop.get("unique") is True:
            self._rule({"metric": "duplicateValues", "columns": [name], "must_be": 0}, (*at, "unique"))
        self._rules(prop, at, (name,))

    def _words(self, prop: Mapping[str, Any], at: Path, here: Path) -> None:
        if "enum" in prop:
            allowed = [one.get("value") if isinstance(one, dict) else one for one in _list(prop, "enum")]
            self.terms.put((*here, "allowed"), allowed, (*at, "enum"))
        if "synonyms" in prop:
            words = [one.get("synonym") if isinstance(one, dict) else one for one in _list(prop, "synonyms")]
            self.terms.put((*here, "synonyms"), words, (*at, "synonyms"))
        for key in ("classification", "description"):
            if prop.get(key) is not None:
                self.terms.put((*here, key), prop[key], (*at, key))

    def _type(self, name: str, prop: Mapping[str, Any], at: Path) -> str:
        """Return our type; for an unknown one a likely one, so that this fault does not bring others."""
        kind = prop.get("logicalType")
        if kind in TYPES:
            return TYPES[str(kind)]
        near = closest(kind, TYPES) if kind is not None else None
        if kind is None:
            self._fault(at, f"column '{name}' has no logicalType; one of {', '.join(TYPES)}")
        else:
            hint = did_you_mean(kind, [near] if near else TYPES)
            self._fault((*at, "logicalType"), f"column '{name}': logicalType is {shown(kind)}; {hint}")
        return TYPES[near] if near else "string" if "enum" in prop else "number"

    def _options(self, name: str, kind: str, prop: Mapping[str, Any], at: Path, here: Path) -> None:
        options = prop.get("logicalTypeOptions")
        if not isinstance(options, dict):
            return
        at = (*at, "logicalTypeOptions")
        rule: dict[str, Any] = {}
        for key, value in options.items():
            match key, kind:
                case "minimum" | "maximum", "integer" | "number":
                    self.terms.put((*here, key[:3]), value, (*at, key))
                case "pattern" | "minLength" | "maxLength", "string":
                    rule[ARGUMENTS[key]] = value
                case "format", "timestamp":
                    self._format(name, value, (*at, key))
                case "defaultTimezone", "timestamp":
                    self._zone(value, (*at, key))
                case ("format", _) | ("timezone", "timestamp"):
                    pass  # what a text is about, or how wide a number is stored, decides about no row
                case _:
                    self._fault((*at, key), f"column '{name}': '{key}' of a {kind} cannot be checked here; take it out")
        if rule:
            self._rule({"metric": "invalidValues", "columns": [name], "must_be": 0, **rule}, at)

    def _format(self, name: str, value: object, at: Path) -> None:
        made = str(value)
        for java, ours in _JAVA:
            made = made.replace(java, ours)
        if re.search(r"(?<!%)[A-Za-z]", made.replace("T", "")):
            self._fault(at, f"column '{name}': format {shown(value)} has letters other than yyyy, MM, dd, HH, mm, ss")
        else:
            self.anywhere.setdefault("formats", {})[name] = made
            self.anyplaces["formats", name] = at

    def _zone(self, value: object, at: Path) -> None:
        if self.anywhere.setdefault("zone", value) != value:
            self._fault(at, f"defaultTimezone is {shown(value)}; another column says {shown(self.anywhere['zone'])}")
        self.anyplaces["zone",] = at

    def _rules(self, part: Mapping[str, Any], at: Path, columns: Sequence[str]) -> None:
        for place, rule in enumerate(_list(part, "quality")):
            where = (*at, "quality", place)
            # A rule in words, in SQL or for another tool is for others to check.
            if isinstance(rule, dict) and rule.get("type", "library") == "library":
                self._library(rule, where, columns)

    def _library(self, rule: Mapping[str, Any], at: Path, columns: Sequence[str]) -> None:
        arguments = rule.get("arguments") if isinstance(rule.get("arguments"), dict) else {}
        made: dict[str, Any] = {"metric": rule.get("metric", rule.get("rule"))}
        listed = arguments.get("properties") if isinstance(arguments, dict) else None
        if made["metric"] != "rowCount":
            made["columns"] = listed if isinstance(listed, list) else list(columns)
        made |= {key: rule[key] for key in ("name", "unit", "severity") if rule.get(key) is not None}
        made |= {ours: rule[theirs] for theirs, ours in OPERATORS.items() if theirs in rule}
        for name, value in (arguments or {}).items():
            if name in ARGUMENTS:
                # The standard writes null among the missing values; a null is always one.
                kept = [one for one in value if one is not None] if isinstance(value, list) else value
                made[ARGUMENTS[name]] = kept
            elif name != "properties":
                known = did_you_mean(name, ["properties", *ARGUMENTS])
                self._fault((*at, "arguments", name), f"{dotted(at)}: unknown argument '{name}'; {known}")
        self._rule(made, at)

    def _rule(self, rule: dict[str, Any], at: Path) -> None:
        self.rules.append((rule, at))

    def _whole(self) -> None:
        team = self.value.get("team")
        if isinstance(team, dict) and isinstance(team.get("name"), str):
            self.terms.put(("owner",), team["name"], ("team", "name"))
        agreed = [(place, one) for place, one in enumerate(_list(self.value, "slaProperties")) if isinstance(one, dict)]
        for wanted in ("freshness", "latency"):
            for place, one in agreed:
                if str(one.get("property", "")).lower() == wanted and "freshness" not in self.terms.data:
                    self._freshness(one, ("slaProperties", place))

    def _freshness(self, one: Mapping[str, Any], at: Path) -> None:
        value, unit = one.get("value"), str(one.get("unit", "")).lower()
        word = _UNITS.get(unit) or next((name for name in _UNITS.values() if unit in (name, name + "s")), None)
        if word is None or not isinstance(value, int) or isinstance(value, bool) or value < 1:
            seen = f"{shown(value)} {unit}".strip()
            self._fault((*at, "value"), f"{one['property']} is {seen}; write a whole number and a unit, such as `d`")
            return
        self.terms.put(("freshness",), f"{value} {word}{'s' if value > 1 else ''}", (*at, "value"))

    def _own(self, part: Mapping[str, Any], at: Path, known: Sequence[str] = _ON_OBJECT) -> dict[str, tuple[Any, Path]]:
        """Return our own properties of one part: name → value and place."""
        found: dict[str, tuple[Any, Path]] = {}
        for place, custom in enumerate(_list(part, "customProperties")):
            if not isinstance(custom, dict) or not str(custom.get("property", "")).startswith("mlray."):
                continue
            where = (*at, "customProperties", place)
            name = str(custom["property"]).removeprefix("mlray.")
            if name in known:
                found[name] = (custom.get("value"), (*where, "value"))
            else:
                near = closest(name, known)
                hint = did_you_mean(f"mlray.{name}", [f"mlray.{one}" for one in ([near] if near else known)])
                if near:
                    found.setdefault(near, (custom.get("value"), (*where, "value")))
                self._fault((*where, "property"), f"{dotted(at)}: no property 'mlray.{name}' is known here; {hint}")
        return found

    def _fault(self, at: Path, what: str) -> None:
        if (at, what) not in self.terms.faults:
            self.terms.faults.append((at, what))


def _list(part: Mapping[str, Any], name: str) -> list[Any]:
    found = part.get(name)
    return found if isinstance(found, list) else []
