"""Laws of the store: whatever is edited, every version reads back exactly what a plain list of rows says."""

import math
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlray.data import Store
from mlray.data.store._match import Keys, differs
from mlray.data.store._statistics import LONGEST
from mlray.data.store._types import text_of, type_of
from mlray.data.table import Table

KINDS = {
    "n": pa.int64(),
    "x": pa.float64(),
    "s": pa.string(),
    "b": pa.bool_(),
    "at": pa.timestamp("us", "UTC"),
    "d": pa.date32(),
    "m": pa.decimal128(9, 2),
    "l": pa.list_(pa.int64()),
}
VALUES = {
    "n": st.integers(-3, 3),
    "x": st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf, -2.25]),
    "s": st.sampled_from(["", "a", "ä", "a" * (LONGEST + 1), "b"]),
    "b": st.booleans(),
    "at": st.integers(0, 5).map(lambda hours: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours)),
    "d": st.integers(0, 5).map(lambda days: date(2024, 1, 1) + timedelta(days=days)),
    "m": st.integers(-500, 500).map(lambda cents: Decimal(cents) / 100),
    "l": st.lists(st.integers(0, 2), max_size=2),
}
KEYS = {"k": pa.int64(), "j": pa.string()}
WHOLE_KEYS = st.tuples(st.integers(0, 6), st.sampled_from(["p", "q"]))
KEY_VALUES = {"k": st.none() | st.integers(0, 6), "j": st.none() | st.sampled_from(["p", "q"])}
"""A dump may lack parts of a key; rows that are appended or upserted may not."""


class Model:
    """Rows as a list of dictionaries, and columns by name; keys tell rows apart."""

    def __init__(self):
        self.kinds = {**KEYS, "n": KINDS["n"], "x": KINDS["x"]}
        self.rows = []

    def copy(self):
        made = Model()
        made.kinds, made.rows = dict(self.kinds), [dict(row) for row in self.rows]
        return made

    def table(self):
        return of(self.rows, self.kinds)


def of(rows, kinds):
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()})


def key_of(row):
    return (row["k"], row["j"])


def bits(value):
    """Tell floats apart as their bits do."""
    return (repr(value), type(value).__name__)


def seen(table, *, in_order=True):
    rows = [tuple(bits(value) for value in row.values()) for row in table.to_pylist()]
    return table.column_names, table.schema.types, rows if in_order else sorted(rows)


def rows_with(data, kinds, *, keys=WHOLE_KEYS, least=0):
    """Draw rows with distinct keys."""
    drawn = data.draw(st.lists(keys, min_size=least, max_size=8, unique=True))
    names = [name for name in kinds if name not in KEYS]
    return [
        {"k": k, "j": j, **{name: data.draw(st.none() | VALUES[base(name)], label=name) for name in names}}
        for k, j in drawn
    ]


def base(name):
    return name.rstrip("'")


def append(data, model, table):
    taken = {key_of(row) for row in model.rows}
    free = [row for row in rows_with(data, model.kinds, least=1) if key_of(row) not in taken]
    if not free:
        return
    cut = data.draw(st.integers(0, len(free)))
    parts = [of(free[:cut], model.kinds), of(free[cut:], model.kinds)]
    table.append(parts, key=["k", "j"])
    model.rows += free


def upsert(data, model, table):
    names = data.draw(st.lists(st.sampled_from([n for n in model.kinds if n not in KEYS] or ["k"]), unique=True))
    kinds = {**KEYS, **{name: model.kinds[name] for name in names if name not in KEYS}}
    rows = rows_with(data, kinds)
    table.upsert(of(rows, kinds), key=["k", "j"])
    known = {key_of(row): row for row in model.rows}
    for row in rows:
        if key_of(row) in known:
            known[key_of(row)].update(row)
        else:
            model.rows.append({**dict.fromkeys(model.kinds), **row})


def delete(data, model, table):
    gone = data.draw(st.lists(st.tuples(*KEY_VALUES.values()), max_size=4, unique=True))
    table.delete(of([{"k": k, "j": j} for k, j in gone], KEYS))
    model.rows = [row for row in model.rows if key_of(row) not in gone]


def delete_where(data, model, table):
    limit = data.draw(st.integers(0, 6))
    table.delete(pc.field("k") > limit)
    model.rows = [row for row in model.rows if row["k"] is None or row["k"] <= limit]


def dump(data, model):
    """Draw a dump: most rows as they are, some changed, gone or new, in any order."""
    kept = [row for row in model.rows if data.draw(st.integers(0, 4), label="keep")]
    rows = [dict(row) for row in kept]
    for row in rows:
        for name in model.kinds:
            if name not in KEYS and not data.draw(st.integers(0, 3), label="change"):
                row[name] = data.draw(st.none() | VALUES[base(name)])
    taken = {key_of(row) for row in model.rows}
    fresh = rows_with(data, model.kinds, keys=st.tuples(*KEY_VALUES.values()))
    return rows + [row for row in fresh if key_of(row) not in taken]


def replace_keyed(data, model, table):
    rows = dump(data, model)
    table.replace(of(data.draw(st.permutations(rows)), model.kinds), key=["k", "j"])
    by_key = {key_of(row): row for row in rows}
    kept = [by_key.pop(key_of(row)) for row in model.rows if key_of(row) in by_key]
    model.rows = kept + list(by_key.values())
    return False


def replace_aligned(data, model, table):
    model.rows = dump(data, model)
    cut = data.draw(st.integers(0, len(model.rows)))
    table.replace([of(model.rows[:cut], model.kinds), of(model.rows[cut:], model.kinds)])


def add_column(data, model, table):
    name = data.draw(st.sampled_from(["n", "x", "s", "b", "at", "d", "m", "l"]))
    name += "'" if name in model.kinds else ""
    if name in model.kinds:
        return
    value = data.draw(st.none() | VALUES[base(name)])
    kind = KINDS[base(name)]
    # A missing key has none, so that the input is seen to be read.
    made = lambda keys: pa.array([None if key is None else value for key in keys.to_pylist()], kind)  # noqa: E731
    table.add_column(name, ["k"], lambda rows: made(rows["k"]))
    model.kinds[name] = kind
    for row in model.rows:
        row[name] = None if row["k"] is None else value


def drop_column(data, model, table):
    names = [name for name in model.kinds if name not in KEYS]
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    table.drop_column(name)
    del model.kinds[name]
    for row in model.rows:
        del row[name]


def rename_column(data, model, table):
    free = [name for name in model.kinds if name not in KEYS and f"{name}'" not in model.kinds]
    if not free:
        return
    old = data.draw(st.sampled_from(free))
    table.rename_column(old, f"{old}'")
    model.kinds = {f"{name}'" if name == old else name: kind for name, kind in model.kinds.items()}
    model.rows = [{f"{name}'" if name == old else name: value for name, value in row.items()} for row in model.rows]


def reorder(data, model, table):
    names = data.draw(st.permutations(list(model.kinds)))
    table.reorder(names)
    model.kinds = {name: model.kinds[name] for name in names}


EDITS = [
    append,
    upsert,
    upsert,
    delete,
    delete_where,
    replace_keyed,
    replace_aligned,
    add_column,
    drop_column,
    rename_column,
    reorder,
]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_version_reads_back_what_a_list_of_rows_says(data):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        table, model = Table(store, "t"), Model()
        append(data, model, table)
        if table.head is None:
            return
        history = {table.head.number: (model.copy(), True)}
        ordered = True
        for edit in data.draw(st.lists(st.sampled_from([*EDITS, None]), min_size=1, max_size=8)):
            if edit is None:
                number = data.draw(st.sampled_from(sorted(history)))
                table.rollback(number)
                model, ordered = history[number][0].copy(), history[number][1]
            else:
                edit(data, model, table)
                ordered = ordered and edit not in {replace_keyed, append, upsert}
                ordered = ordered or edit is replace_aligned
            history[table.head.number] = (model.copy(), ordered)
        for number, (then, in_order) in history.items():
            version = table.version(number)
            found = table.read(number)
            assert seen(found, in_order=in_order) == seen(then.table(), in_order=in_order)
            assert version.rows == len(then.rows)
            assert list(version.schema.items()) == [(name, text_of(kind)) for name, kind in then.kinds.items()]
            assert store.verify(version) == len(version.blobs)
            check_bounds(version, found)
            one = data.draw(st.sampled_from(found.column_names))
            assert seen(table.read(number, [one])) == seen(found.select([one]))


def check_bounds(version, rows):
    """What is known of values holds for all of them."""
    for name, known in version.statistics.items():
        values = [value for value in rows[name].to_pylist() if value is not None and value == value]  # noqa: PLR0124
        assert rows[name].null_count <= known.nulls
        shown = [value.isoformat() if isinstance(value, date) else value for value in values]
        assert known.min is None or all(value >= known.min for value in shown)
        assert known.max is None or all(value <= known.max for value in shown)


flat = st.sampled_from([name for name in VALUES if name != "l"])


@settings(max_examples=100)
@given(data=st.data(), names=st.lists(flat, min_size=1, max_size=3, unique=True))
def test_keys_of_any_types_are_found_as_a_dictionary_finds_them(data, names):
    row = st.tuples(*(st.none() | VALUES[name] for name in names))
    known = data.draw(st.lists(row, max_size=10, unique_by=lambda one: tuple(map(bits, one))))
    asked = data.draw(st.lists(row, max_size=10))
    table = lambda rows: of([dict(zip(names, one, strict=True)) for one in rows], {n: KINDS[n] for n in names})  # noqa: E731
    places = {tuple(map(bits, one)): place for place, one in enumerate(known)}
    found = Keys(table(known), names).find(table(asked))
    assert found.tolist() == [places.get(tuple(map(bits, one)), -1) for one in asked]


@settings(max_examples=100)
@given(data=st.data(), name=st.sampled_from(list(VALUES)))
def test_values_differ_where_their_bits_do(data, name):
    pairs = data.draw(st.lists(st.tuples(st.none() | VALUES[name], st.none() | VALUES[name]), max_size=10))
    old, new = (pa.array([pair[side] for pair in pairs], KINDS[name]) for side in (0, 1))
    assert differs(old, new).tolist() == [bits(one) != bits(other) for one, other in pairs]


kinds = st.recursive(
    st.sampled_from(
        [
            *(pa.int8(), pa.uint64(), pa.float32(), pa.string(), pa.large_binary(), pa.bool_(), pa.date32(), pa.null()),
            *(pa.timestamp("ms"), pa.timestamp("ns", "Europe/Berlin"), pa.duration("us"), pa.time64("us")),
            *(pa.decimal128(38, -2), pa.decimal256(50, 3), pa.binary(7), pa.float16(), pa.date64(), pa.time32("s")),
        ]
    ),
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(lambda kind: pa.struct([pa.field("a b", kind, nullable=pa.types.is_null(kind))])),
        inner.map(lambda kind: pa.map_(pa.string(), kind)),
    ),
    max_leaves=3,
)


@given(kind=kinds)
def test_a_type_comes_back_from_its_text(kind):
    assert type_of(text_of(kind)) == kind


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_mask_of_one_edit_never_touches_another_row(tmp_path, rows):
    table = Table(Store(tmp_path), "t")
    table.append(pa.table({"k": np.arange(10), "x": np.arange(10.0)}), key=["k"])
    table.upsert(pa.table({"k": np.arange(rows), "x": -np.ones(rows)}))
    assert table.read()["x"].to_pylist() == [-1.0] * rows + list(map(float, range(rows, 10)))
