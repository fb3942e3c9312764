"""Rules on whole tables, and what whom is shown."""

from functools import reduce

import pyarrow as pa
import pytest

from mlray.data._quality import RuleTally
from mlray.data._views import View
from mlray.errors import AccessDenied
from tests.unit.data.samples import NOON, contract, orders, spec


def result(rule, rows):
    (found,) = contract(quality=[rule]).quality(rows)
    return found


ROWS = orders(
    {"order": 1, "weight": 1.0, "shop": "north"},
    {"order": 2, "weight": None, "shop": "north"},
    {"order": 2, "weight": -9.0, "shop": ""},
    {"order": 3, "weight": 4.0, "shop": None},
)


@pytest.mark.parametrize(
    ("rule", "failed", "passed", "examples"),
    [
        ({"metric": "nullValues", "columns": ["weight"], "must_be": 0}, 1, False, [f"at {NOON}, order 2, weight missing"]),
        ({"metric": "nullValues", "columns": ["weight"], "at_most": 25, "unit": "percent"}, 1, True, None),
        ({"metric": "missingValues", "columns": ["weight"], "missing": ["n/a", -9], "less_than": 2}, 2, False, None),
        ({"metric": "missingValues", "columns": ["shop"], "must_be": 2}, 2, True, None),
        ({"metric": "invalidValues", "columns": ["shop"], "valid": ["north"], "must_be": 1}, 1, True, None),
        ({"metric": "invalidValues", "columns": ["shop"], "pattern": "[a-z]+", "must_be": 1}, 1, True, None),
        ({"metric": "invalidValues", "columns": ["shop"], "min_length": 1, "must_be": 1}, 1, True, None),
        ({"metric": "invalidValues", "columns": ["shop"], "max_length": 4, "must_be": 2}, 2, True, None),
        ({"metric": "duplicateValues", "columns": ["order"], "must_be": 0}, 1, False, ["order 2: 2 rows"]),
        ({"metric": "duplicateValues", "columns": ["order", "shop"], "must_be": 0}, 0, True, []),
        ({"metric": "rowCount", "more_than": 4}, 4, False, []),
        ({"metric": "rowCount", "at_least": 4}, 4, True, []),
        ({"metric": "rowCount", "must_not_be": 4}, 4, False, []),
        ({"metric": "rowCount", "between": (1, 4)}, 4, True, []),
        ({"metric": "rowCount", "not_between": (1, 4)}, 4, False, []),
        ({"metric": "rowCount", "not_between": (5, 9)}, 4, True, []),
    ],
)  # fmt: skip
def test_a_rule_counts_and_is_judged(rule, failed, passed, examples):
    found = result(rule, ROWS)

    assert (found.checked, found.failed, found.passed) == (4, failed, passed)
    if examples is not None:
        assert list(found.examples) == examples


def test_a_rule_is_told_in_a_line():
    rule = {"name": "few unknown", "metric": "nullValues", "columns": ["weight"], "less_than": 10, "unit": "percent"}

    assert str(result(rule, ROWS)) == "few unknown: 25, must be less than 10 %: FAILED"
    assert str(result(rule | {"severity": "warning"}, ROWS)).endswith("warns")
    assert str(result({"metric": "rowCount", "at_least": 1}, ROWS)) == "rowCount: 4, must be at least 1 rows: ok"


def test_a_table_without_rows_has_nothing_wrong_by_percent():
    rule = {"metric": "nullValues", "columns": ["weight"], "must_be": 0, "unit": "percent"}

    assert result(rule, ROWS.slice(0, 0)).passed


def test_parts_add_up_to_the_whole():
    rules = [
        {"metric": "duplicateValues", "columns": ["order"], "must_be": 0},
        {"metric": "nullValues", "columns": ["weight"], "must_be": 0},
        {"metric": "rowCount", "must_be": 4},
    ]
    one = contract(quality=rules)
    parts = [one.tally(ROWS.slice(start, 1)) for start in range(4)]
    merged = tuple(reduce(RuleTally.merge, tallies).result() for tallies in zip(*parts, strict=True))

    assert merged == one.quality(ROWS)


def test_a_rule_on_a_column_that_is_not_there_says_nothing():
    rule = {"metric": "nullValues", "columns": ["temp"], "must_be": 0}

    assert contract(quality=[rule]).quality(ROWS) == ()


def classified(**views):
    columns = spec().model_dump(exclude_defaults=True)["columns"]
    columns = columns | {
        "shop": columns["shop"] | {"classification": "restricted"},
        "weight": columns["weight"] | {"classification": "restricted"},
        "order": columns["order"] | {"classification": "secret"},
    }
    return contract(columns=columns, views=views)


def test_a_tenant_sees_what_the_contract_says():
    one = classified(ana={"restricted": "mask", "secret": "drop"}, bob={"restricted": "hash"})

    seen = one.view("ana").apply(ROWS)
    assert "order" not in seen.column_names
    assert seen["shop"].to_pylist() == ["***", "***", "***", None]
    assert seen["weight"].to_pylist() == [None] * 4
    assert seen["gift"].to_pylist() == ROWS["gift"].to_pylist()
    hashed = one.view("bob").apply(ROWS)
    assert hashed["shop"][0] == hashed["shop"][1] != hashed["shop"][2]
    assert hashed["shop"][3].as_py() is None
    assert hashed["order"].to_pylist() == [1, 2, 2, 3]


def test_a_tenant_whom_the_views_do_not_name_is_refused():
    with pytest.raises(AccessDenied, match="what 'eve' may see of 'orders'") as raised:
        classified(ana={"restricted": "mask"}, bob={}).view("eve")

    assert raised.value.remedy == "`data.views` names ana, bob."


def test_without_views_or_with_nothing_withheld_all_is_shown():
    assert classified().view("eve").apply(ROWS).equals(ROWS)
    assert classified(bob={"restricted": "show"}).view("bob").apply(ROWS).equals(ROWS)


def test_a_column_that_the_contract_does_not_name_is_withheld_with_the_classified_ones():
    renamed = ROWS.rename_columns(["label" if name == "shop" else name for name in ROWS.column_names])

    assert "label" not in classified(ana={"secret": "hash"}).view("ana").apply(renamed).column_names
    assert "label" in classified(bob={}).view("bob").apply(renamed).column_names


def test_a_digest_depends_on_the_secret_and_the_column():
    view = View({"a": "hash", "b": "hash"}, b"hush")
    rows = pa.table({"a": ["x"], "b": pa.array(["x"]).dictionary_encode()})
    one, other = view.apply(rows), View({"a": "hash"}, b"two").apply(rows)

    assert one["a"] != other["a"]
    assert one["a"] != one["b"]
    assert "hush" not in repr(view)
