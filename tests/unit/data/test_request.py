"""The contract on requests: JSON taken strictly, refused with row and column."""

import pytest

from mlray.errors import RequestError
from tests.unit.data.samples import NOON, contract


def request(**columns):
    good = {
        "at": ["2024-01-01T12:00:00Z"],
        "order": [1],
        "shop": ["north"],
        "weight": [2.5],
        "gift": [True],
        "temp": [None],
    }
    return good | columns


def refusal(columns) -> RequestError:
    with pytest.raises(RequestError) as caught:
        contract().check_request(columns)
    return caught.value


def test_a_good_request_is_a_table_of_the_request_columns():
    table = contract().check_request(request())
    assert table.schema == contract().request_schema
    assert table.to_pylist() == [{"at": NOON, "order": 1, "shop": "north", "weight": 2.5, "gift": True, "temp": None}]


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("order", 3.0, 3),
        ("weight", 3, 3.0),
        ("weight", None, None),
        ("at", "2024-01-01T14:00:00+02:00", NOON),
        ("at", "2024-01-01T12:00", NOON),
    ],
)
def test_values_that_mean_the_same_are_accepted(column, value, stored):
    assert contract().check_request(request(**{column: [value]}))[column].to_pylist() == [stored]


@pytest.mark.parametrize(
    ("column", "value", "code", "remedy"),
    [
        ("weight", "2.5", "wrong_type", "a finite number, at least 0 and at most 100, or null"),
        ("weight", True, "wrong_type", "a finite number"),
        ("weight", float("nan"), "wrong_type", "a finite number"),
        ("weight", float("inf"), "wrong_type", "a finite number"),
        ("weight", 2**53 + 1, "wrong_type", "a finite number"),
        ("weight", 2**80, "wrong_type", "a finite number"),
        ("weight", [1], "wrong_type", "a finite number"),
        ("weight", 100.1, "out_of_range", "at most 100"),
        ("order", 3.5, "wrong_type", "a whole number"),
        ("order", float("inf"), "wrong_type", "a whole number"),
        ("order", 1e300, "wrong_type", "a whole number"),
        ("order", 2**63, "wrong_type", "a whole number"),
        ("order", False, "wrong_type", "a whole number"),
        ("order", 0, "out_of_range", "at least 1"),
        ("order", None, "missing_value", "a whole number"),
        ("shop", "west", "not_allowed", "one of north, south"),
        ("shop", 1, "wrong_type", "one of north, south"),
        ("shop", "\ud800", "wrong_type", "one of north, south"),
        ("gift", 1, "wrong_type", "true or false"),
        ("gift", "true", "wrong_type", "true or false"),
        ("at", 1_700_000_000, "wrong_type", "such as"),
        ("at", "noon", "wrong_type", "such as"),
        ("at", "2024-02-30", "wrong_type", "such as"),
        ("at", None, "missing_value", "a time"),
        ("at", "\udfff", "wrong_type", "such as"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(column, value, code, remedy):
    good = request()[column][0]
    columns = {name: values * 3 for name, values in request().items()} | {column: [good, good, value]}
    error = refusal(columns)
    assert (error.column, error.row, error.code, error.status) == (column, 2, code, 422)
    assert column in error.problem
    assert "row 2" in error.problem
    assert remedy in error.remedy


def test_a_long_value_is_cut_in_the_message():
    assert len(refusal(request(shop=["x" * 10_000])).problem) < 120


def test_huge_but_finite_numbers_are_refused_for_their_size_only():
    error = refusal({name: values * 2 for name, values in request().items()} | {"weight": [1.7e308, 1.7e308]})
    assert (error.code, error.row) == ("out_of_range", 0)


def test_a_misspelt_column_is_answered_with_the_closest():
    columns = request()
    columns["wieght"] = columns.pop("weight")
    error = refusal(columns)
    assert (error.code, error.column) == ("unknown_column", "wieght")
    assert "'weight' meant" in error.remedy


def test_a_strange_column_is_answered_with_all_there_are():
    assert "Send at, order, shop" in refusal(request(zzz=[1])).remedy


def test_what_is_known_later_is_refused_as_such():
    assert "only after the event" in refusal(request(days_back=[1])).remedy


def test_a_missing_column_is_named():
    columns = request()
    del columns["temp"]
    error = refusal(columns)
    assert (error.code, error.column) == ("missing_column", "temp")


def test_columns_of_different_length_are_refused():
    error = refusal(request(order=[1, 2]))
    assert (error.code, error.column) == ("unequal_lengths", "order")


@pytest.mark.parametrize("value", [3, "text", None, {"a": 1}])
def test_a_column_that_is_no_list_is_refused(value):
    error = refusal(request(order=value))
    assert (error.code, error.column) == ("invalid_input", "order")


def test_no_rows_are_refused():
    assert refusal({name: [] for name in request()}).code == "no_rows"


def test_a_request_of_nulls_where_allowed_is_good():
    table = contract().check_request(request(weight=[None], gift=[None]))
    assert table["weight"].null_count == table["gift"].null_count == 1


def test_requests_need_no_key_of_their_own():
    columns = {name: values * 2 for name, values in request().items()}
    assert contract().check_request(columns).num_rows == 2
