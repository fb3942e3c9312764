"""A mapping for a source that nobody has mapped yet, proposed from names, values and their sizes; a person confirms.

Each pair of a column of the contract and one of the source is scored; the pairs that together score best are proposed,
with the reasons. Units are told by the ratio of typical values, codes by how they begin and how often they come.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import convert, flat
from mlray.data._infer import Guess, guess, unit_of, with_form
from mlray.data._units import conversion, same_kind
from mlray.data.contract import Contract
from mlray.errors import DataError
from mlray.spec import ColumnSpec, MappingSpec

__all__ = ["Proposal", "mapping_of", "propose"]

LEAST = 0.35
"""Pairs that score less are not proposed at all."""
_QUANTILES = tuple(np.linspace(0.1, 0.9, 17))
_CLOSE = 0.08
"""How far typical values may lie apart, in parts of their spread, to count as the same."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """How one column of the contract may be found in the source."""

    column: str
    theirs: str
    confidence: float
    """From 0 to 1; below a half it is a guess."""
    because: tuple[str, ...]
    unit: str = ""
    """The unit in the source, where it differs."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The source's codes → the contract's, where they differ."""
    form: str = ""
    """How the source writes times, where not in ISO 8601."""
    comma: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing needs to be mapped."""
        return self.column == self.theirs and not (self.unit or self.values or self.form or self.comma)


def propose(contract: Contract, table: pa.Table, known: pa.Table | None = None) -> tuple[Proposal, ...]:
    """Return the likeliest place of each column of the contract in the raw rows `table` of a new source.

    `known` has rows in the contract's words, such as those of the dataset's head: with them, values count as well as
    names, and units are found. What mappings of other sources say counts too: their names, and how they write times.
    """
    wanted, forms = _learnt(contract)
    theirs = {name: guess(name, flat(table[name])) for name in table.column_names}
    if not theirs:
        return ()
    pairs = {
        (ours, name): _Pair(
            ours,
            spec,
            with_form(found, flat(table[name]), forms[ours]) if spec.type == "timestamp" else found,
            flat(table[name]),
            None if known is None else _column(known, ours),
        )
        for ours, spec in wanted.items()
        for name, found in theirs.items()
    }
    from scipy.optimize import linear_sum_assignment  # takes longer to import than most commands run

    scores = np.array([[pairs[ours, name].score for name in theirs] for ours in wanted])
    rows, columns = linear_sum_assignment(-scores)
    names = list(theirs)
    chosen = [pairs[list(wanted)[row], names[column]] for row, column in zip(rows, columns, strict=True)]
    return tuple(pair.proposal() for pair in chosen if pair.score >= LEAST)


def mapping_of(
    proposals: Sequence[Proposal],
    files: str,
    least: float = 0.5,
    *,
    written: Mapping[str, str] = MappingProxyType({}),
) -> MappingSpec | None:
    """Return the mapping that the proposals of at least this confidence make for `files`; None where none is needed.

    `written` has `delimiter` and `encoding` of the files, where they are not those of the contract's source.
    """
    sure = [one for one in proposals if one.confidence >= least and not one.plain]
    if not sure and not written:
        return None
    return MappingSpec(
        files=files,
        rename={one.theirs: one.column for one in sure if one.theirs != one.column},
        units={one.column: one.unit for one in sure if one.unit},
        values={one.column: dict(one.values) for one in sure if one.values},
        formats={one.column: one.form for one in sure if one.form},
        decimal="," if any(one.comma for one in sure) else None,
        encoding=written.get("encoding"),
        delimiter=written.get("delimiter"),
    )


def _learnt(contract: Contract) -> tuple[dict[str, ColumnSpec], dict[str, tuple[str, ...]]]:
    """Return the contract's columns with what mappings call them as synonyms, and the formats that mappings give."""
    data = contract.data
    columns, forms = dict(data.columns), {}
    for ours, spec in data.columns.items():
        # A name that is a column's own says nothing of another one, though a source may use it so.
        names = [
            name for one in data.mappings for name, its in one.rename.items() if its == ours and name not in columns
        ]
        columns[ours] = spec.model_copy(update={"synonyms": tuple(dict.fromkeys([*spec.synonyms, *names]))})
        forms[ours] = tuple(dict.fromkeys(one.formats[ours] for one in data.mappings if ours in one.formats))
    return columns, forms


class _Pair:
    """A contract's column beside one of the source's."""

    def __init__(self, ours: str, spec: ColumnSpec, found: Guess, column: pa.Array, known: pa.Array | None) -> None:
        self.ours, self.spec, self.found, self.because = ours, spec, found, list[str]()
        self.unit, self.values = "", dict[str, str]()
        name, fits = self._name(), self._type()
        alike = self._alike(column, known) if fits else None
        # A name alone is good evidence, values alone less so: many columns lie between 0 and 100.
        self.score = (
            0.0 if not fits else name if alike is None else max(0.55 * name + 0.45 * alike, 0.85 * name * alike)
        )
        if fits and name == 1.0:
            self.score = max(self.score, 0.6 if alike is not None and alike < 0.2 else 0.9)

    def proposal(self) -> Proposal:
        return Proposal(
            self.ours, self.found.name, round(self.score, 2), tuple(self.because), self.unit, self.values,
            self.found.form, self.found.comma,
        )  # fmt: skip

    def _name(self) -> float:
        best, why = 0.0, ""
        for word in (self.ours, *self.spec.synonyms):
            score = _likeness(word, self.found.name)
            if score > best:
                what = "the same name" if score == 1.0 else f"'{self.found.name}' is like '{word}'"
                best, why = score, what if word == self.ours else f"{what}, a synonym"
        if best >= 0.5:
            self.because.append(why)
        return best

    def _type(self) -> bool:
        kind, wanted = self.found.type, self.spec.type
        if kind == wanted or (kind == "integer" and wanted in ("number", "string")):
            return True
        if wanted == "boolean" and kind in ("integer", "string"):
            return self.found.distinct <= 2
        return (wanted == "integer" and kind == "number") or (kind == "string" and bool(self.spec.allowed))

    def _alike(self, column: pa.Array, known: pa.Array | None) -> float | None:
        if self.spec.allowed is not None:
            return self._codes(column, [str(value) for value in self.spec.allowed], known)
        if self.spec.type == "string" and known is not None:
            return _overlap(column, known, self.because)
        if self.spec.type in ("integer", "number"):
            named = unit_of(self.found.name)
            alike = None if known is None else self._sizes(column, known, named)
            # Too few values to compare say nothing against the name.
            if alike is None and named and self.spec.unit and same_kind(named, self.spec.unit):
                self._say_unit(named, f"its name ends in '{named}'")
                return 0.8
            return alike
        return None

    def _codes(self, column: pa.Array, allowed: Sequence[str], known: pa.Array | None) -> float:
        text = column.drop_null().cast(pa.string())
        counts = {one["values"]: one["counts"] for one in pc.value_counts(text).to_pylist()}
        total = sum(counts.values()) or 1
        if len(counts) > max(50, 3 * len(allowed)):
            return 0.0
        usual = _shares(known) if known is not None else {}
        free = [one for one in allowed if one not in counts]
        score = sum(count for value, count in counts.items() if value in allowed)
        if score == total:
            self.because.append("all its values are allowed ones")
        for value, count in sorted(counts.items(), key=lambda item: -item[1]):
            if value in allowed:
                continue
            near = max(free, key=lambda one: _code_likeness(value, one, count / total, usual.get(one)), default=None)
            if near is not None and (likeness := _code_likeness(value, near, count / total, usual.get(near))) >= 0.5:
                self.values[value] = near
                free.remove(near)
                score += count * min(likeness, 0.95)
        if self.values:
            self.because.append(f"{len(self.values)} of its {len(counts)} values are like allowed ones")
        return float(score / total)

    def _sizes(self, column: pa.Array, known: pa.Array, named: str) -> float | None:
        theirs, ours = _quantiles(column), _quantiles(known)
        if theirs is None or ours is None:
            return None
        tries = [("", theirs)]
        if self.spec.unit:
            tries += [
                (unit, conversion(unit, self.spec.unit, where=self.ours).apply(theirs))
                for unit in _units(self.spec.unit)
            ]
        apart = {unit: _apart(made, ours) for unit, made in tries}
        best = min(apart, key=lambda unit: (round(apart[unit], 3), unit != named, unit != ""))
        if best and apart[best] < 0.5 * apart[""]:
            self._say_unit(best, f"its values fit in {best}: typical ones are {theirs[8]:.4g} and {ours[8]:.4g}")
        elif apart[""] < _CLOSE * 2:
            self.because.append("its values lie where the known ones do")
        return float(np.exp(-apart[best if self.unit else ""] / (3 * _CLOSE)))

    def _say_unit(self, unit: str, why: str) -> None:
        if unit != self.spec.unit:
            self.unit = unit
            self.because.append(why)


def _likeness(ours: str, theirs: str) -> float:
    """Return how alike two names are, from 0 to 1; a unit at the end, case and separators count for nothing."""
    one, two = _bare(ours), _bare(theirs)
    if ours == theirs:
        return 1.0
    if one == two:
        return 0.97
    words, others = set(one.split("_")), set(two.split("_"))
    shared = len(words & others) / len(words | others)
    letters = SequenceMatcher(None, one, two).ratio()
    within = 0.75 if min(len(one), len(two)) >= 3 and (one in two or two in one) else 0.0
    return max(letters if letters >= 0.6 else 0.5 * letters, 0.9 * shared, within)


def _bare(name: str) -> str:
    unit = unit_of(name)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    return "_".join(words[:-1] if unit and len(words) > 1 else words)


def _code_likeness(theirs: str, ours: str, share: float, usual: float | None) -> float:
    one, two = theirs.strip().lower(), ours.lower()
    if one == two:
        return 1.0
    if not one:
        return 0.0
    score = SequenceMatcher(None, one, two).ratio()
    if two.startswith(one) or one.startswith(two):
        score = max(score, 0.8)
    initials = "".join(word[0] for word in re.split(r"[^a-z0-9]+", two) if word)
    if one == initials and len(one) > 1:
        score = max(score, 0.8)
    if usual is not None and score >= 0.3 and min(share, usual) > 0.7 * max(share, usual):
        score += 0.15
    return min(score, 1.0)


def _shares(known: pa.Array) -> dict[str, float]:
    text = known.drop_null().cast(pa.string())
    return {one["values"]: one["counts"] / len(text) for one in pc.value_counts(text).to_pylist()}


def _overlap(column: pa.Array, known: pa.Array, because: list[str]) -> float:
    theirs = pc.unique(column.drop_null().cast(pa.string()))
    ours = pc.unique(known.drop_null().cast(pa.string()))
    if not len(theirs) or not len(ours):
        return 0.0
    shared = int(pc.sum(pc.is_in(theirs, value_set=ours)).as_py() or 0)
    share = shared / min(len(theirs), len(ours))
    if share >= 0.3:
        because.append(f"{shared} of its {len(theirs)} values are known ones")
    return share


def _quantiles(column: pa.Array) -> npt.NDArray[np.float64] | None:
    try:
        values = convert(column, "number", where="")[0].drop_null()
    except DataError:
        return None
    if len(values) < 20:
        return None
    return np.asarray(pc.quantile(values, list(_QUANTILES)), dtype=np.float64)


def _apart(theirs: npt.NDArray[np.float64], ours: npt.NDArray[np.float64]) -> float:
    """Return how far the quantiles of two columns lie apart, in parts of the known one's spread and size."""
    scale = max(ours[-1] - ours[0], 0.1 * float(np.abs(ours).max()), 1e-12)
    return float(np.mean(np.abs(theirs - ours)) / scale)


def _units(unit: str) -> list[str]:
    return [other for other in same_kind(unit) if other != unit]


def _column(known: pa.Table, name: str) -> pa.Array | None:
    return flat(known[name]) if name in known.column_names else None
