"""Feature plans: fitted once, applied to rows by themselves, carried as JSON."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlray.errors import DataError, SpecError
from mlray.features import FeaturePlan, Fitted, _code

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
COLUMNS = ["at", "shop", "weight", "count"]

CODE = """\
import pandas as pd


def features(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["shop", "weight"]].assign(per_piece=rows["weight"] / rows["count"], hour=rows["at"].dt.hour)
"""


def rows(**changes):
    schema = pa.schema(
        [
            pa.field("at", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("shop", pa.string()),
            pa.field("weight", pa.float64()),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("late", pa.float64()),
        ]
    )
    columns = {
        "at": [NOON] * 4,
        "shop": ["north", "south", None, "north"],
        "weight": [1.0, 2.0, None, 4.0],
        "count": [2, 4, 1, 8],
        "late": [1.0, 0.0, 1.0, 0.0],
    }
    return pa.table(columns | changes, schema=schema)


def plan(code=CODE):
    return FeaturePlan(code)


def fitted(code=CODE, table=None):
    return plan(code).fit(rows() if table is None else table, COLUMNS)


def of(body):
    """Return code whose function `features` has the one-line body."""
    return f"import numpy as np\nimport pandas as pd\n\n\ndef features(rows):\n    return {body}\n"


def test_text_becomes_codes_and_numbers_stay():
    matrix = fitted().apply(rows())
    assert matrix.names == ("shop", "weight", "per_piece", "hour")
    assert matrix.categorical == (0,)
    assert matrix.values.dtype == np.float32
    assert matrix.values.tolist()[:2] == [[0.0, 1.0, 0.5, 12.0], [1.0, 2.0, 0.5, 12.0]]


def test_missing_and_unseen_are_nan():
    values = fitted().apply(rows(shop=["west", None, "south", ""])).values
    assert np.isnan(values[[0, 1, 3], 0]).all()
    assert values[2, 0] == 1.0
    assert np.isnan(values[2, 1])


def test_rows_that_are_all_missing_are_nan():
    values = fitted().apply(rows(shop=[None] * 4, weight=[None] * 4)).values
    assert np.isnan(values[:, :3]).all()


def test_no_rows_give_no_features():
    assert fitted().apply(rows().slice(0, 0)).values.shape == (0, 4)


def test_columns_known_later_are_not_seen():
    with pytest.raises(DataError, match=r"features.py:6: KeyError: .*late.* A request brings at, shop, weight, count"):
        fitted(of("rows[['late']]"))


def test_the_plan_without_a_file_uses_the_columns_as_they_are():
    matrix = FeaturePlan.from_file(None).fit(rows(), COLUMNS).apply(rows())
    assert matrix.names == ("at_hour", "at_weekday", "shop", "weight", "count")
    assert matrix.values[0].tolist() == [12.0, 0.0, 0.0, 1.0, 2.0]
    assert matrix.categorical == (2,)


def test_a_fitted_plan_survives_json_text_and_computes_the_same():
    one = fitted()
    again = Fitted.from_json(json.loads(json.dumps(one.to_json())))
    assert again == one
    assert again.digest == one.digest
    assert np.array_equal(again.apply(rows()).values, one.apply(rows()).values, equal_nan=True)


def test_a_changed_artifact_is_refused():
    data = json.loads(json.dumps(fitted().to_json()))
    data["features"][0]["vocabulary"] = ["south", "north"]
    with pytest.raises(DataError, match="fitted features were changed"):
        Fitted.from_json(data)


def test_the_digest_follows_code_and_vocabulary():
    assert plan().digest != plan(CODE + "\n").digest
    assert fitted().digest != fitted(table=rows(shop=["a", "b", "c", "d"])).digest


def test_from_file_reads_the_text(tmp_path):
    path = tmp_path / "features.py"
    path.write_text(CODE, encoding="utf-8")
    assert FeaturePlan.from_file(path) == plan()


def test_a_missing_file_is_a_fault_of_the_project(tmp_path):
    with pytest.raises(SpecError, match=r"features.py cannot be read.*\nCorrect `features:`"):
        FeaturePlan.from_file(tmp_path / "features.py")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def features(rows:\n", r"features.py:1: '\(' was never closed"),
        ("import nowhere\n", r"features.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1\n\ny = x / 0\n", r"features.py:3: ZeroDivisionError"),
        ("def feature(rows):\n    return rows\n", r"no function 'features'\.\nIs 'feature' meant\?"),
        ("features = 3\n", r"no function 'features'"),
        ("", r"no function 'features'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path, code, said):
    path = tmp_path / "features.py"
    path.write_text(code, encoding="utf-8")
    with pytest.raises(SpecError, match=said):
        FeaturePlan.from_file(path)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("rows['weight'] + rows['shop'].str.len().foo", r"features.py:6: AttributeError"),
        ("rows[['weigth']]", r"features.py:6: KeyError.*A request brings"),
        ("{}['x']", r"features.py:6: KeyError: 'x' A request brings"),
        ("rows['weight']", r"`features` returned Series"),
        ("rows.dropna()[['weight']]", r"`features` returned 3 rows for 4"),
        ("pd.DataFrame(index=rows.index)", r"there are no features"),
        ("rows[['weight', 'weight']]", r"the feature 'weight' is there twice"),
        ("rows[['weight']].rename(columns={'weight': 7})", r"a feature is named 7"),
        ("rows[['at']]", r"feature 'at' is a time"),
        ("pd.DataFrame({'d': rows['at'] - rows['at']})", r"feature 'd' is a time"),
        ("pd.DataFrame({'o': [[1]] * len(rows)})", r"feature 'o' is object this time"),
        ("pd.DataFrame({'m': rows['weight'] - rows['weight'].mean()})",
         r"feature 'm' of row 0 is 0 alone and -1.33333 among others"),
        ("rows[['weight']].assign(**({'many': 1} if len(rows) > 1 else {'one': 1}))",
         r"not those that were fitted; the difference is many, one"),
        ("rows[['weight', 'count']] if len(rows) > 1 else rows[['weight', 'weight', 'count']]",
         r"the difference is one of them twice"),
    ],
)  # fmt: skip
def test_a_function_that_does_not_work_is_refused_with_the_reason(body, said):
    with pytest.raises(DataError, match=said):
        fitted(of(body))


def test_no_rows_cannot_be_fitted():
    with pytest.raises(DataError, match="no rows to fit"):
        fitted(table=rows().slice(0, 0))


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match=r"no column 'count'\. They have at, shop"):
        fitted().apply(rows().drop_columns("count"))


def test_infinity_becomes_missing():
    values = fitted(of("pd.DataFrame({'i': rows['weight'] / 0, 'big': rows['weight'] * 1e300})")).apply(rows()).values
    assert np.isnan(values).all()


def test_booleans_and_categories_are_features_too():
    code = of("pd.DataFrame({'heavy': rows['weight'] > 1.5, 'kind': (rows['count'] % 3).astype('category')})")
    matrix = fitted(code).apply(rows())
    assert matrix.values.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    assert matrix.categorical == (1,)


def test_object_columns_of_text_are_text():
    matrix = fitted(of("pd.DataFrame({'shop': rows['shop'].astype(object)})")).apply(rows())
    assert matrix.categorical == (0,)


def test_columns_may_come_in_another_order():
    code = of("rows[['shop', 'weight']] if len(rows) > 1 else rows[['weight', 'shop']]")
    assert fitted(code).apply(rows().slice(1, 1)).values.tolist() == [[1.0, 2.0]]


def test_only_frequent_words_have_a_code():
    shops = [f"s{place:04d}" for place in range(400)] + ["often"] * 3
    table = pa.table({"at": [NOON] * 403, "shop": shops, "weight": [1.0] * 403, "count": [1] * 403})
    (encoding, *_) = FeaturePlan(of("rows[['shop']]")).fit(table, COLUMNS).columns
    assert len(encoding.vocabulary) == 250
    assert "often" in encoding.vocabulary
    assert "s0300" not in encoding.vocabulary


@pytest.mark.parametrize("kind", [pa.int64(), pa.bool_()])
def test_a_column_that_may_be_missing_has_one_type_whatever_the_rows(kind):
    plan = FeaturePlan(of("pd.DataFrame({'kind': [str(rows['x'].dtype)] * len(rows)})"))
    whole = pa.table({"x": pa.array([1, 0], pa.int64()).cast(kind)})
    assert plan.frame(whole, ["x"])["kind"].tolist() == ["float64"] * 2
    required = whole.cast(pa.schema([pa.field("x", kind, nullable=False)]))
    assert plan.frame(required, ["x"])["kind"].tolist() == [str(kind).replace("bool", "bool")] * 2


def test_the_function_gets_a_frame_of_its_own():
    table = rows()
    fitted(of("rows.pop('weight').to_frame()")).apply(table)
    assert table.equals(rows())


def test_messages_name_the_line_inside_functions_that_were_called():
    code = "def inner(rows):\n    return rows['weight'].nothing\n\n\ndef features(rows):\n    return inner(rows)\n"
    with pytest.raises(DataError, match=r"features.py:2: AttributeError"):
        fitted(code)


def test_an_error_raised_by_a_library_names_the_users_line():
    with pytest.raises(DataError, match=r"features.py:6: ValueError"):
        fitted(of("rows.join(rows)"))


def test_the_flights_features_are_those_of_the_example():
    path = Path(__file__).parents[3] / "jobs" / "flights" / "features.py"
    assert FeaturePlan.from_file(path).source


def test_rows_that_come_in_parts_teach_what_they_teach_together():
    table = rows(shop=["north", "south", None, "west"])
    parts = [table.slice(0, 1), table.slice(1, 0), table.slice(1)]
    assert plan().fit_parts(parts, COLUMNS) == fitted(table=table)


def test_no_parts_teach_nothing():
    with pytest.raises(DataError, match="no rows to fit"):
        plan().fit_parts([], COLUMNS)


def test_a_feature_that_is_text_here_and_a_number_there_is_refused():
    code = of("rows[['shop']] if rows['count'].iloc[0] > 1 else rows[['weight']].rename(columns={'weight': 'shop'})")
    with pytest.raises(DataError, match="'shop' is text in some rows and a number in others"):
        plan(code).fit_parts([rows().slice(0, 1), rows(weight=[1.0] * 4).slice(2, 1)], COLUMNS)


def test_a_feature_that_is_missing_throughout_a_part_has_the_kind_of_the_others():
    code = of(
        "rows[['shop']] if rows['shop'].notna().any() else pd.DataFrame({'shop': [None] * len(rows)}, dtype=object)"
    )
    found = plan(code).fit_parts([rows().slice(2, 1), rows().slice(0, 2)], COLUMNS)
    assert found.columns[0].vocabulary == ("north", "south")


def test_parts_with_other_features_are_refused():
    code = of("rows[['shop']] if rows['count'].iloc[0] > 1 else rows[['weight']]")
    with pytest.raises(DataError, match="the difference is shop, weight"):
        plan(code).fit_parts([rows().slice(0, 1), rows().slice(2, 1)], COLUMNS)


DECLARED = {
    "shop": "shop",
    "per_piece": "weight / count",
    "hour": "hour(at)",
    "rest": "-7 % count + 7 // count",
    "power": "count ** 2 - +count",
    "heavy": "1 if weight > 1.5 and not count >= 8 else 0",
    "north": "shop in ['north'] or (shop not in ['south', 'north'])",
    "missing": "weight is None",
    "known": "(weight is not None) & ~(count < 2) | (count == 1)",
    "between": "1 < count <= 4",
    "other": "count != 4",
    "rounded": "round(weight, ndigits=1)",
    "one": "1",
}


def test_features_may_be_declared_as_formulas():
    made = FeaturePlan.declared(DECLARED).fit(rows(), COLUMNS).apply(rows())
    found = dict(zip(made.names, made.values.T.tolist(), strict=True))
    assert found.pop("shop")[:2] == [0.0, 1.0]
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert found == {
        "per_piece": [0.5, 0.5, nan, 0.5],
        "hour": [12, 12, 12, 12],
        "rest": [1 + 3, 1 + 1, 0 + 7, 1 + 0],
        "power": [2, 12, 0, 56],
        "heavy": [0, 1, nan, 0],
        "north": [1, 0, 1, 1],
        "missing": [0, 0, 1, 0],
        "known": [1, 1, 1, 1],
        "between": [1, 1, 0, 0],
        "other": [1, 0, 1, 1],
        "rounded": [1, 2, nan, 4],
        "one": [1, 1, 1, 1],
    }


def test_declared_features_survive_json_text_and_are_the_same_in_parts():
    plan = FeaturePlan.declared(DECLARED)
    whole = plan.fit(rows(), COLUMNS)
    again = Fitted.from_json(json.loads(json.dumps(whole.to_json())))
    assert again == whole
    assert plan.fit_parts([rows().slice(0, 1), rows().slice(1)], COLUMNS) == whole
    np.testing.assert_array_equal(again.apply(rows()).values, whole.apply(rows()).values)
    assert FeaturePlan.declared({"x": "count"}).digest != FeaturePlan.declared({"x": "weight"}).digest
    assert FeaturePlan(None).digest == FeaturePlan(None, formulas=()).digest


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("weight /", "cannot be read"),
        ("lambda: 1", "has no place in a formula"),
        ("weight.real", "has no place in a formula"),
        ("weight.__class__()", "is no name of a function"),
        ("hour(**{})", "has no place in a formula"),
        ("'x' * " * 400 + "1", "letters"),
        ("hours(at)", "did you mean 'hour'?"),
        ("cumulative_sum(weight)", "does not work row by row"),
        ("random(4)", "does not work row by row"),
    ],
)
def test_a_formula_that_cannot_be_is_refused(formula, said):
    with pytest.raises(SpecError, match=re.escape(said)):
        FeaturePlan.declared({"x": formula})


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("late", "'late', which no request brings"),
        ("weigth * 2", "Did you mean 'weight'?"),
        ("shop * 2", "cannot be computed"),
        ("at", "is a time"),
        ("hour(at, at)", "cannot be computed"),
        ("weight is 1", "`is` asks for None only"),
        ("[weight]", "stands where a value should"),
    ],
)
def test_a_formula_that_does_not_fit_the_rows_is_named(formula, said):
    with pytest.raises(DataError, match=re.escape(said)):
        FeaturePlan.declared({"x": formula}).fit(rows(), COLUMNS)


ON_ARROW = """\
import pyarrow as pa
import pyarrow.compute as pc


def features(rows: {kind}) -> pa.Table:
    return pa.table({{"shop": rows["shop"], "per_piece": pc.divide(rows["weight"], rows["count"]), "hour": pc.hour(rows["at"])}})
"""


@pytest.mark.parametrize("kind", ["pa.Table", "'pa.Table'", "'pyarrow.Table'"])
def test_a_function_that_asks_for_arrow_gets_it(kind):
    made = fitted(ON_ARROW.format(kind=kind)).apply(rows())
    same = fitted().apply(rows())
    assert made.names == ("shop", "per_piece", "hour")
    for name in made.names:
        np.testing.assert_array_equal(made.values[:, made.names.index(name)], same.values[:, same.names.index(name)])


def test_a_column_that_no_request_brings_is_told_to_a_function_on_arrow_too():
    with pytest.raises(DataError, match="nothing else is known before the event"):
        fitted(ON_ARROW.format(kind="pa.Table").replace('rows["weight"]', 'rows["late"]'))


def test_what_has_no_signature_does_not_ask_for_arrow():
    assert not _code.takes_arrow("features = max\n", "features.py")


def test_a_project_s_features_are_a_file_formulas_or_the_columns_themselves(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    assert FeaturePlan.of("mine.py", tmp_path) == FeaturePlan(CODE, "mine.py")
    assert FeaturePlan.of({"x": "count"}, tmp_path) == FeaturePlan.declared({"x": "count"})
    assert FeaturePlan.of(None, tmp_path) == FeaturePlan(None)
