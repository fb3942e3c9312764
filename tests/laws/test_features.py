"""Features: a row's features are its own, in a batch, one by one, from the store and from a request."""

import pickle
from datetime import UTC, datetime
from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.data import Contract
from mlray.features import FeaturePlan, Fitted, Partial
from mlray.spec import read_spec

FLIGHTS = Path(__file__).parents[2] / "jobs" / "flights"
CONTRACT = Contract.compile(read_spec(FLIGHTS).data)
PLANS = {"flights": FeaturePlan.from_file(FLIGHTS / "features.py"), "plain": FeaturePlan.from_file(None)}


def reading(low, high):
    return st.none() | st.floats(low, high)


flight = st.fixed_dictionaries(
    {
        "time_hour": st.datetimes(datetime(2013, 1, 1), datetime(2014, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "carrier": st.sampled_from(["AA", "UA", "US"]),
        "flight": st.integers(1, 9_999),
        "origin": st.sampled_from(["EWR", "JFK", "LGA"]),
        "dest": st.sampled_from(["IAH", "MIA", "ŁÓD", ""]),
        "sched_dep_time": st.integers(0, 2_359),
        "sched_arr_time": st.integers(0, 2_359),
        "distance": st.floats(50, 6_000),
        "temp": reading(-40, 130),
        "dewp": reading(-60, 100),
        "humid": reading(0, 100),
        "wind_dir": reading(0, 360),
        "wind_speed": reading(0, 150),
        "precip": reading(0, 10),
        "pressure": reading(900, 1_100),
        "visib": reading(0, 20),
    }
)
flights = st.lists(flight, min_size=1, max_size=6)


def table(rows):
    return pa.Table.from_pylist(rows, schema=CONTRACT.request_schema)


def same(one, other):
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)


@settings(max_examples=25)
@given(learnt=flights, rows=flights, plan=st.sampled_from(sorted(PLANS)))
def test_batch_and_row_by_row_give_the_same_bits(learnt, rows, plan):
    fitted = PLANS[plan].fit(table(learnt), CONTRACT.request_columns)
    batch = fitted.apply(table(rows))
    alone = np.concatenate([fitted.apply(table([row])).values for row in rows])
    assert same(batch.values, alone)
    assert same(fitted.apply(table(rows[::-1])).values, batch.values[::-1])
    again = Fitted.from_json(fitted.to_json()).apply(table(rows))
    assert same(again.values, batch.values)
    assert (again.names, again.categorical) == (batch.names, batch.categorical)


@settings(max_examples=25)
@given(rows=flights, plan=st.sampled_from(sorted(PLANS)))
def test_a_file_and_a_request_give_the_same_features(rows, plan):
    file = table([row | {"flight": number + 1} for number, row in enumerate(rows)])
    stored = CONTRACT.apply(
        file.append_column("arr_delay", pa.nulls(len(rows), pa.float64())), "flights-2013-01.parquet"
    ).table
    # As in the store: the lookup's columns stand beside the source's.
    stored = pa.Table.from_arrays(
        [file[name] if name not in stored.column_names else stored[name] for name in CONTRACT.schema.names],
        schema=CONTRACT.schema,
    )
    columns = {name: file[name].to_pylist() for name in CONTRACT.request_columns}
    columns["time_hour"] = [time.isoformat() for time in columns["time_hour"]]
    fitted = PLANS[plan].fit(stored, CONTRACT.request_columns)
    assert same(fitted.apply(stored).values, fitted.apply(CONTRACT.check_request(columns)).values)


@settings(max_examples=12)
@given(rows=flights, cuts=st.lists(st.integers(0, 6), max_size=4), plan=st.sampled_from(sorted(PLANS)), data=st.data())
def test_parts_in_any_order_teach_what_all_rows_teach(rows, cuts, plan, data):
    ends = [0, *sorted(cuts), len(rows)]
    parts = data.draw(st.permutations([rows[one:two] for one, two in pairwise(ends)]))
    whole = PLANS[plan].fit(table(rows), CONTRACT.request_columns)
    assert PLANS[plan].fit_parts([table(part) for part in parts], CONTRACT.request_columns) == whole
    first, *others = [PLANS[plan].partial(table(part), CONTRACT.request_columns) for part in parts]
    merged = reduce(Partial.merge, others, first)
    assert merged.finish().digest == whole.digest
    assert pickle.loads(pickle.dumps(merged)) == merged


FORMULAS = {
    "ratio": "x / y",
    "rest": "y % 7 + y // 7",
    "sign": "1 if x > 0 else -1",
    "word": "word",
    "known": "(word is not None) and not word in ['a']",
    "root": "sqrt(abs(x))",
}


@given(
    x=st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=20),
    data=st.data(),
)
def test_a_declared_feature_is_the_same_in_a_batch_and_alone(x, data):
    y = data.draw(st.lists(st.integers(-1000, 1000), min_size=len(x), max_size=len(x)))
    words = data.draw(st.lists(st.none() | st.sampled_from("abc"), min_size=len(x), max_size=len(x)))
    table = pa.table({"x": pa.array(x, pa.float64()), "y": y, "word": pa.array(words, pa.string())})
    fitted = FeaturePlan.declared(FORMULAS).fit(table, ["x", "y", "word"])
    batch = fitted.apply(table).values
    for place in range(len(x)):
        np.testing.assert_allclose(fitted.apply(table.slice(place, 1)).values[0], batch[place], rtol=1e-6)
