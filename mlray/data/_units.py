"""Units that sources use, and exact factors between those of one kind."""

import difflib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mlray.errors import DataError

__all__ = ["Conversion", "conversion", "known_units", "same_kind"]


def _units(**units: str) -> dict[str, tuple[Fraction, Fraction]]:
    """Read `factor` or `factor offset`: base = value × factor + offset."""
    read: dict[str, tuple[Fraction, Fraction]] = {}
    for names, text in units.items():
        factor, _, offset = text.partition(" ")
        read |= {name: (Fraction(factor), Fraction(offset or "0")) for name in names.split("__")}
    return read


# Per kind: unit (with its other spellings) → how many base units one of it is. Defined values, not measured ones.
_KINDS = {
    "length": _units(
        metre__meter__m="1",
        kilometre__kilometer__km="1000",
        centimetre__centimeter__cm="0.01",
        millimetre__millimeter__mm="0.001",
        mile__mi="1609.344",
        nautical_mile__nmi="1852",
        yard__yd="0.9144",
        foot__ft="0.3048",
        inch="0.0254",
    ),
    "temperature": _units(
        kelvin="1", degC__celsius="1 273.15", degF__fahrenheit=f"{Fraction(5, 9)} {Fraction('459.67') * 5 / 9}"
    ),
    "speed": _units(
        metre_per_second__m_per_s="1",
        km_per_hour__kilometre_per_hour__kmh="5/18",
        mile_per_hour__mph="0.44704",
        knot__kn="463/900",
        foot_per_second="0.3048",
    ),
    "duration": _units(
        second__s="1", millisecond__ms="0.001", minute__min="60", hour__h="3600", day="86400", week="604800"
    ),
    "mass": _units(kilogram__kg="1", gram__g="0.001", tonne="1000", pound__lb="0.45359237", ounce__oz="0.028349523125"),
    "pressure": _units(
        pascal__Pa="1",
        hectopascal__hPa__millibar__mbar="100",
        kilopascal__kPa="1000",
        bar="100000",
        atmosphere__atm="101325",
        psi="6894.757293168",
        inHg="3386.389",
        mmHg="133.322387415",
    ),
    "volume": _units(
        litre__liter__l="1", millilitre__milliliter__ml="0.001", cubic_metre__m3="1000", gallon="3.785411784"
    ),
    "area": _units(
        square_metre__m2="1",
        square_kilometre__km2="1000000",
        hectare__ha="10000",
        acre="4046.8564224",
        square_foot="0.09290304",
    ),
    "energy": _units(joule__J="1", kilojoule__kJ="1000", kilowatt_hour__kWh="3600000", calorie="4.184"),
    "share": _units(fraction="1", percent="0.01", per_mille="0.001", basis_point="0.0001"),
    "angle": _units(degree="1", turn="360", gradian="0.9"),
}


Floats = npt.NDArray[np.float64]
_SCALE = 1e9
"""Nine decimals."""
_BLOCK = 1 << 14
_SLACK = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Conversion:
    """A linear change of unit: `value × numerator / denominator + offset`."""

    source: str
    target: str
    numerator: float
    denominator: float
    offset: float

    def apply(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return `values` in the target unit, float64; NaN stays NaN."""
        made = np.empty(len(values), dtype=np.float64)
        tidy, apart = np.empty(_BLOCK), np.empty(_BLOCK)
        # What lies under a missing value may overflow; nobody sees it. A block stays in the processor's cache.
        with np.errstate(all="ignore"):
            for start in range(0, len(values), _BLOCK):
                block = values[start : start + _BLOCK]
                self._block(block, made[start : start + _BLOCK], tidy[: len(block)], apart[: len(block)])
        return made

    def _block(self, values: Floats, made: Floats, tidy: Floats, apart: Floats) -> None:
        np.multiply(values, self.numerator, out=made)
        np.divide(made, self.denominator, out=made)
        np.add(made, self.offset, out=made)
        # Without this, 1400 miles that one source wrote in kilometres would come back as 1400.0000000000002.
        np.multiply(made, _SCALE, out=tidy)
        np.rint(tidy, out=tidy)
        np.divide(tidy, _SCALE, out=tidy)
        np.subtract(made, tidy, out=apart)
        np.abs(apart, out=apart)
        close = apart <= _SLACK * np.abs(made)
        np.copyto(made, tidy, where=close)


def known_units() -> tuple[str, ...]:
    """Return every spelling that is known."""
    return tuple(name for units in _KINDS.values() for name in units)


def same_kind(unit: str, other: str = "") -> tuple[str, ...]:
    """Return the units that measure what `unit` does, each in one spelling; with `other` none unless it does too.

    >>> same_kind("kilometre", "mile")[:2], same_kind("kilometre", "hour")
    (('metre', 'kilometre'), ())
    """
    for units in _KINDS.values():
        if unit in units and (not other or other in units):
            seen: dict[tuple[Fraction, Fraction], str] = {}
            for name, size in units.items():
                seen.setdefault(size, name)
            return tuple(seen.values())
    return ()


def conversion(source: str, target: str, *, where: str) -> Conversion:
    """Return the conversion from unit `source` to unit `target`; `where` names the column in messages.

    >>> conversion("kilometre", "mile", where="distance").apply(np.array([1609.344]))
    array([1000.])

    Raises:
        DataError: a unit is unknown, or both measure different things.
    """
    kind, other = _kind(source, where), _kind(target, where)
    if kind != other:
        fitting = ", ".join(_KINDS[other])
        raise DataError(
            f"{where}: '{source}' measures {kind} and '{target}' {other}.",
            remedy=f"Write the unit that the source uses: one of {fitting}.",
        )
    factor, offset = _KINDS[kind][source]
    onto, base = _KINDS[kind][target]
    ratio = factor / onto
    # Both terms of every ratio of the table are exact as floats, which one of a division's results would not be.
    return Conversion(source, target, float(ratio.numerator), float(ratio.denominator), float((offset - base) / onto))


def _kind(unit: str, where: str) -> str:
    for kind, units in _KINDS.items():
        if unit in units:
            return kind
    close = difflib.get_close_matches(unit, known_units(), n=1, cutoff=0.5)
    meant = f"Is '{close[0]}' meant?" if close else f"Known: {', '.join(known_units())}."
    raise DataError(f"{where}: the unit '{unit}' is not known.", remedy=meant)
