"""A contract that takes up what its source brings, where its modes say so."""

import pyarrow as pa
import pytest

from mlray.data import Contract, Store, ingest, scan_here
from mlray.data._evolve import evolved, evolved_from
from tests.unit.data.samples import LATER, NOON, orders, spec, table, write

EVOLVE = {"columns": "evolve", "types": "evolve"}
COLUMNS = spec().model_dump(exclude_defaults=True)["columns"]


def extra(**columns):
    rows = orders({}, {"order": 2})
    for name, values in columns.items():
        at = rows.schema.get_field_index(name)
        rows = rows.append_column(name, pa.array(values)) if at < 0 else rows.set_column(at, name, pa.array(values))
    return rows


def test_a_new_column_is_taken_up_and_no_request_brings_it():
    made = evolved_from(spec(modes=EVOLVE), {"orders-1.parquet": extra(colour=["red", None], lists=[[1], [2]])})

    assert list(made.columns) == [*COLUMNS, "colour"]
    colour = made.columns["colour"]
    assert (colour.type, colour.nullable, colour.known) == ("string", True, "later")
    assert list(made.request_columns) == list(spec().request_columns)


@pytest.mark.parametrize(
    ("columns", "values", "expected"),
    [
        ({"size": {"type": "integer", "min": 0}}, [1.5, 2.0], "number"),
        ({"size": {"type": "integer", "min": 0}}, ["a", "b"], "string"),
        ({"size": "number"}, [1, 2], "number"),
        ({"size": {"type": "number", "unit": "gram"}}, ["a", "b"], "number"),
        ({"size": "string"}, [1, 2], "string"),
    ],
)
def test_a_type_becomes_wider_and_never_narrower(columns, values, expected):
    one = spec(modes=EVOLVE, columns=COLUMNS | columns)
    made = evolved_from(one, {"orders-1.parquet": extra(size=values)})

    assert made.columns["size"].type == expected
    Contract.compile(made)


def test_what_names_a_row_stays_as_it_is():
    made = evolved_from(spec(modes=EVOLVE), {"orders-1.parquet": extra(order=["a", "b"], days_back=["x", "y"])})

    assert made == spec(modes=EVOLVE)


def test_without_the_modes_nothing_is_looked_at(tmp_path):
    assert evolved(spec(), tmp_path) is not None
    assert evolved_from(spec(modes={"columns": "evolve"}), {}) == spec(modes={"columns": "evolve"})


def test_an_ingestion_takes_the_column_up_and_goes_on_with_it(tmp_path):
    write(tmp_path, "weather-1.parquet", table({"shop": "north", "at": NOON, "temp": 5.0}))
    write(tmp_path, "orders-1.parquet", extra(colour=["red", "blue"]))
    store = Store(tmp_path / "store")

    def read():
        return ingest(
            spec(modes=EVOLVE), tmp_path, store, until=LATER, now=NOON, run=scan_here, progress=lambda *_: None
        )

    first = read()
    assert store.read(first)["colour"].to_pylist() == ["red", "blue"]
    assert read() == first
