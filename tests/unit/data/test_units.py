"""Units: known by name, exact where the definition is."""

import numpy as np
import pytest

from mlray.data._units import conversion, known_units
from mlray.errors import DataError


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1.0, "mile", "kilometre", 1.609344),
        (1609.344, "metre", "mile", 1.0),
        (32.0, "degF", "degC", 0.0),
        (-40.0, "degC", "degF", -40.0),
        (0.0, "kelvin", "degC", -273.15),
        (1.0, "inch", "mm", 25.4),
        (60.0, "mile_per_hour", "km_per_hour", 96.56064),
        (1.0, "knot", "km_per_hour", 1.852),
        (90.0, "minute", "hour", 1.5),
        (2.0, "hour", "second", 7200.0),
        (1.0, "week", "day", 7.0),
        (100.0, "pound", "kilogram", 45.359237),
        (1.0, "atm", "hPa", 1013.25),
        (29.92, "inHg", "millibar", 1013.2075888),
        (15.0, "percent", "fraction", 0.15),
        (1.0, "gallon", "litre", 3.785411784),
        (0.5, "turn", "degree", 180.0),
    ],
)
def test_values_are_converted_by_the_definition(value, source, target, expected):
    made = conversion(source, target, where="x").apply(np.array([value]))
    assert made[0] == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_there_and_back_gives_whole_numbers_whole():
    miles = np.arange(1.0, 3_000.0)
    kilometres = conversion("mile", "kilometre", where="x").apply(miles)
    assert np.array_equal(conversion("kilometre", "mile", where="x").apply(kilometres), miles)


def test_missing_stays_missing():
    assert np.isnan(conversion("mile", "km", where="x").apply(np.array([np.nan])))[0]


def test_spellings_of_one_unit_convert_to_each_other_unchanged():
    assert conversion("kilometer", "km", where="x").apply(np.array([0.1]))[0] == 0.1


def test_every_unit_converts_to_itself():
    for unit in known_units():
        assert conversion(unit, unit, where="x").apply(np.array([3.7]))[0] == pytest.approx(3.7, rel=1e-15)


def test_every_conversion_of_the_table_is_an_exact_fraction():
    for source in known_units():
        for target in known_units():
            try:
                change = conversion(source, target, where="x")
            except DataError:
                continue
            assert max(change.numerator, change.denominator) < 2**53


def test_an_unknown_unit_is_answered_with_the_closest():
    with pytest.raises(DataError, match=r"column 'd': the unit 'kilometers' is not known\. Is 'kilometer' meant\?"):
        conversion("kilometers", "mile", where="column 'd'")


def test_a_unit_like_no_other_is_answered_with_all():
    with pytest.raises(DataError, match=r"Known: metre, meter"):
        conversion("§§", "mile", where="x")


def test_units_of_different_things_are_refused():
    with pytest.raises(DataError, match=r"'degC' measures temperature and 'mile' length\. .*one of metre"):
        conversion("degC", "mile", where="x")
