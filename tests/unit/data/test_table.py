"""A table: what edits store, whom they meet, and what they refuse."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlray.clock import ManualClock
from mlray.data import Store
from mlray.data.store import _blobs
from mlray.data.table import Table
from mlray.errors import ConflictError, DataError, NotFoundError

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def table(tmp_path):
    return Table(Store(tmp_path / "store"), "t", clock=ManualClock(NOON))


def rows(count=10, **columns):
    return pa.table({"k": np.arange(count), "x": np.arange(count) / 2, "s": [f"s{n}" for n in range(count)], **columns})


@pytest.fixture
def filled(table):
    table.append(rows(), key=["k"])
    return table


def test_an_edit_says_who_when_and_why(filled):
    version = filled.upsert(rows(2, x=[9.0, 9.0]), author="ada", note="a correction", once="c-1")
    assert (version.author, version.note, version.once, version.created_at) == ("ada", "a correction", "c-1", NOON)
    assert (version.operation, version.key, version.branch, version.number) == ("upsert", ("k",), "main", 2)
    assert [one.operation for one in filled.log()] == ["upsert", "append"]


def test_only_changed_values_are_stored(filled):
    version = filled.upsert(rows(10, x=[0.0, 7.0, *np.arange(2, 10) / 2]))
    (fragment,) = version.fragments
    (patch,) = fragment.patches
    (column,) = [one for one in version.columns if one.name == "x"]
    assert (patch.rows, list(patch.columns)) == (1, [column.id])
    assert fragment.blob == filled.version(1).fragments[0].blob
    assert filled.store.get(patch.blob).to_pylist() == [{"_pos": 1, column.id: 7.0}]


def test_columns_that_change_in_other_rows_have_patches_of_their_own(filled):
    new = rows(10).to_pylist()
    new[1]["x"], new[2]["s"] = 7.0, "new"
    (fragment,) = filled.upsert(pa.Table.from_pylist(new)).fragments
    assert [(patch.rows, len(patch.columns)) for patch in fragment.patches] == [(1, 1), (1, 1)]


def test_a_column_of_which_most_values_change_is_written_anew(filled):
    filled.upsert(pa.table({"k": [1], "x": [7.0]}))
    (fragment,) = filled.upsert(rows(8, x=np.ones(8))).fragments
    assert (len(fragment.files), fragment.patches) == (1, ())
    assert filled.read()["x"].to_pylist() == [1.0] * 8 + [4.0, 4.5]


def test_an_edit_that_changes_nothing_is_no_version(filled):
    head = filled.head
    assert filled.upsert(rows(3)) == head
    assert filled.delete([99]) == head
    assert filled.replace(rows()) == head
    assert filled.replace(rows().take(pa.array(range(9, -1, -1))), key=["k"]) == head
    assert filled.rollback(1) == head
    assert filled.reorder(["k", "x", "s"]) == head


def test_rows_of_unknown_keys_are_added(filled):
    version = filled.upsert(pa.table({"k": [3, 77], "x": [0.0, 1.0]}))
    assert (version.rows, len(version.fragments)) == (11, 2)
    assert filled.read().to_pylist()[-1] == {"k": 77, "x": 1.0, "s": None}


def test_a_deleted_row_is_gone_and_its_key_free(filled):
    filled.delete([3, 4])
    version = filled.upsert(pa.table({"k": [3], "x": [0.25]}))
    assert version.rows == 9
    assert filled.read(columns=["k"])["k"].to_pylist() == [0, 1, 2, 5, 6, 7, 8, 9, 3]
    assert filled.read(1).num_rows == 10


def test_rows_are_deleted_by_an_expression(filled):
    filled.delete((pc.field("x") > 2) | (pc.field("s") == "s0"))
    assert filled.read()["k"].to_pylist() == [1, 2, 3, 4]
    with pytest.raises(DataError, match="cannot be asked"):
        filled.delete(pc.field("nothing") > 1)


def test_deleting_all_rows_leaves_the_columns(filled):
    version = filled.delete(pc.field("k") >= 0)
    assert (version.rows, version.fragments) == (0, ())
    assert filled.read().equals(rows(0, s=pa.array([], pa.string())))
    filled.append(rows(2))
    assert filled.read().equals(rows(2))


def test_a_dump_without_a_key_shares_equal_columns(filled):
    version = filled.replace([rows(10, s=list("abcdefghij")).slice(0, 4), rows(12, s=list("abcdefghijkl")).slice(4)])
    one, two = version.fragments
    assert one.blob == filled.version(1).fragments[0].blob
    assert (len(one.files), two.rows) == (1, 2)
    assert filled.read().equals(rows(12, s=list("abcdefghijkl")))


def test_a_shorter_dump_deletes_the_end(filled):
    version = filled.replace(rows(7))
    assert version.fragments[0].deletions.rows == 3
    assert filled.read().equals(rows(7))
    filled.replace(rows(9))
    assert filled.read().equals(rows(9))


def test_a_dump_of_which_all_differs_is_a_file_of_its_own(filled):
    other = rows(10, k=np.arange(20, 30), x=np.ones(10), s=["n"] * 10)
    (fragment,) = filled.replace(other).fragments
    assert (fragment.files, fragment.patches, fragment.id) == ({}, (), "2-0")
    assert filled.read().equals(other)


def test_a_dump_of_other_columns_drops_and_adds(filled):
    version = filled.replace(pa.table({"new": ["a"] * 10, "k": np.arange(10)}), key=["k"])
    assert list(version.schema) == ["new", "k"]
    assert filled.read()["new"].to_pylist() == ["a"] * 10
    assert filled.read(1).equals(rows())


def test_a_column_of_another_type_is_another_column(filled):
    version = filled.replace(rows(10, x=[f"{n}" for n in range(10)]))
    assert version.schema["x"] == "string"
    assert version.column("x").id == "x@2"
    assert filled.read()["x"].to_pylist()[:2] == ["0", "1"]


def test_a_dump_of_nothing_empties_the_table(filled):
    assert filled.replace(rows(0, s=pa.array([], pa.string()))).rows == 0
    with pytest.raises(DataError, match="no part"):
        filled.replace([])


def test_a_column_dropped_and_added_again_is_another_one(filled):
    filled.upsert(rows(2, x=[7.0, 7.0]))
    filled.drop_column("x")
    version = filled.add_column("x", ["k"], lambda some: pc.cast(some["k"], pa.float64()))
    assert version.column("x").id == "x@4"
    assert filled.read()["x"].to_pylist() == list(map(float, range(10)))
    assert filled.read(2)["x"].to_pylist()[:2] == [7.0, 7.0]


def test_a_renamed_column_keeps_its_values_key_and_time(tmp_path):
    table = Table(Store(tmp_path), "t")
    times = pa.array([NOON + timedelta(hours=hour) for hour in range(10)], pa.timestamp("us", "UTC"))
    table.append(rows(10, at=times), key=["k"], time="at")
    table.upsert(rows(1, x=[7.0]))
    for old, new in [("k", "id"), ("x", "y"), ("at", "when")]:
        version = table.rename_column(old, new)
    assert (version.key, version.time) == (("id",), "when")
    assert table.read()["y"].to_pylist()[:2] == [7.0, 0.5]
    assert table.store.read(version, ["id"], start=NOON + timedelta(hours=8))["id"].to_pylist() == [8, 9]
    assert table.upsert(pa.table({"id": [1], "y": [8.0]})).fragments[0].low == 0


def test_metadata_edits_write_no_file(filled):
    before = sorted((filled.store.root / "blobs").glob("*/*"))
    filled.rename_column("x", "y")
    filled.reorder(["s", "k", "y"])
    filled.drop_column("s")
    filled.tag("good")
    filled.rollback(1)
    assert sorted((filled.store.root / "blobs").glob("*/*")) == before


def test_a_projection_reads_only_its_files(filled):
    filled.add_column("twice", ["x"], lambda some: pc.multiply(some["x"], 2))
    filled.store.path(filled.head.fragments[0].blob).unlink()
    assert filled.read(columns=["twice"])["twice"].to_pylist()[:3] == [0.0, 1.0, 2.0]


def test_large_tables_are_cut_into_fragments(table, monkeypatch):
    monkeypatch.setattr(_blobs, "ROW_GROUP", 4)
    version = table.append([rows(3), rows(7, k=np.arange(3, 10))], key=["k"])
    assert [fragment.rows for fragment in version.fragments] == [4, 4, 2]
    assert [fragment.id for fragment in version.fragments] == ["1-0", "1-1", "1-2"]
    assert table.read()["k"].to_pylist() == list(range(10))


def test_a_fragment_out_of_range_is_not_asked_for_keys(table, monkeypatch):
    monkeypatch.setattr(_blobs, "ROW_GROUP", 5)
    version = table.append(rows(10), key=["k"])
    table.store.path(version.fragments[0].blob).unlink()
    assert table.upsert(pa.table({"k": [7], "x": [0.0]})).rows == 10
    assert [(one.low, one.high) for one in version.fragments] == [(0, 4), (5, 9)]


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (lambda t: t.upsert(pa.table({"k": [1, 1], "x": [0.0, 1.0]})), "repeat a key; the first is k=1"),
        (lambda t: t.upsert(pa.table({"x": [0.0]})), "no column 'k' for a key"),
        (lambda t: t.upsert(pa.table({"k": [0.5], "x": [0.0]})), "Column 'k' is double and 't' has it as int64"),
        (lambda t: t.append(pa.table({"k": ["a"]})), "Column 'k' is string"),
        (lambda t: t.append(pa.table([[1], [2]], ["k", "k"])), "column names twice: k"),
        (lambda t: t.append(pa.table({"k": [1], "z": [[1]]}), key=["z2"]), "no column 'z2' for its key"),
        (lambda t: t.replace(rows(3), key=["z"]), "no column 'z' for a key"),
        (lambda t: t.delete(["a"]), "'k' is int64"),
        (lambda t: t.add_column("x", ["k"], lambda some: some["k"]), "has a column 'x'"),
        (lambda t: t.add_column("y", ["z"], lambda some: some["k"]), "has no column 'z'"),
        (lambda t: t.add_column("y", [], lambda some: some["k"]), "at least one other"),
        (lambda t: t.add_column("y", ["k"], lambda some: some["k"].slice(1)), "9 values for 10 rows"),
        (lambda t: t.drop_column("z"), "has no column 'z'"),
        (lambda t: t.rename_column("x", "s"), "has a column 's'"),
        (lambda t: t.reorder(["x", "k"]), "Missing: s"),
        (lambda t: t.version("prod"), "There are v1 to v1. Names: main"),
        (lambda t: t.tag("v7"), "cannot be the name of a tag"),
        (lambda t: t.untag("good"), "no tag 'good'"),
        (lambda t: Table(t.store, "t", "no").head, "no branch 'no'"),
        (lambda t: Table(t.store, "a/b").append(rows(1)), "cannot be the name of a table"),
    ],
)
def test_what_cannot_be_done_is_told_and_leaves_no_version(filled, edit, word):
    with pytest.raises((DataError, NotFoundError), match=re.escape(word)):
        edit(filled)
    assert filled.store.refs.numbers("t") == [1]


def test_values_are_cast_only_where_nothing_is_lost(filled):
    filled.upsert(pa.table({"k": pa.array([1], pa.int8()), "x": pa.array([3])}))
    assert filled.read()["x"].to_pylist()[1] == 3.0
    short = Table(filled.store, "u")
    short.append(pa.table({"f": pa.array([0.5], pa.float32())}))
    with pytest.raises(DataError, match="some values would change"):
        short.append(pa.table({"f": [0.1]}))


def test_dictionaries_and_views_are_layouts_of_text(table):
    table.append(
        pa.table({"a": pa.array(["x", "y"]).dictionary_encode(), "b": pa.array(["x", None], pa.string_view())})
    )
    table.append(pa.table({"a": ["z"], "b": ["z"]}))
    assert table.read().to_pydict() == {"a": ["x", "y", "z"], "b": ["x", None, "z"]}
    assert table.head.schema == {"a": "string", "b": "string"}


def test_an_edit_done_once_is_not_done_again(filled):
    one = filled.append(rows(1, k=[50]), once="night")
    filled.append(rows(1, k=[51]))
    assert filled.append(rows(1, k=[50]), once="night") == one
    assert filled.append(rows(1, k=[52]), once="next").number == 4
    assert filled.append(rows(1, k=[52]), once="next").number == 4


def test_a_name_for_an_edit_holds_on_its_branch_alone(filled):
    dev = filled.branch("dev")
    one = filled.append(rows(1, k=[50]), once="night")
    two = dev.append(rows(1, k=[50]), once="night")
    assert (two.number, two.branch, two.rows) == (one.number + 1, "dev", one.rows)
    filled.append(rows(1, k=[51]))
    assert dev.append(rows(1, k=[50]), once="night") == two
    assert filled.append(rows(1, k=[50]), once="night") == one


def test_a_name_that_was_filed_without_its_branch_still_holds(filled):
    dev = filled.branch("dev")
    one = filled.append(rows(1, k=[50]), once="night")
    filled.append(rows(1, k=[51]))
    storage = filled.store.storage
    (filed,) = (info.name for info in storage.names("tables/t/once/"))
    storage.create(f"tables/t/once/{sha256(b'night').hexdigest()}", storage.read(filed))
    storage.delete(filed)
    assert filled.append(rows(1, k=[50]), once="night") == one
    assert dev.append(rows(1, k=[50]), once="night").branch == "dev"


def test_branches_part_and_keep_their_numbers(filled):
    side = filled.branch("try")
    assert side.head == filled.head
    side.delete([1])
    filled.append(rows(1, k=[50]))
    side.delete([2])
    assert [(one.number, one.branch) for one in filled.store.versions("t")] == [
        (1, "main"),
        (2, "try"),
        (3, "main"),
        (4, "try"),
    ]
    assert [one.number for one in side.log()] == [4, 2, 1]
    assert [one.number for one in filled.log()] == [3, 1]
    assert filled.store.resolve("t@try") == side.head
    assert filled.store.resolve("t") == filled.head
    assert filled.store.branches("t") == {"main": 3, "try": 4}
    with pytest.raises(ConflictError, match="has a branch 'try' already"):
        filled.tag("try")


def test_a_tag_stays_where_it_is(filled):
    filled.tag("good")
    filled.append(rows(1, k=[50]))
    assert (filled.version("good").number, filled.tags()) == (1, {"good": 1})
    filled.tag("good", 1)
    with pytest.raises(ConflictError, match="tag 'good' already, at v1"):
        filled.tag("good")
    filled.untag("good")
    filled.tag("good")
    assert filled.store.resolve("t@good").number == 2


def other(table):
    return Table(table.store, "t")


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        (lambda t: t.upsert(rows(1, x=[7.0])), lambda t, b: t.upsert(pa.table({"k": [5], "x": [8.0]}), base=b)),
        (
            lambda t: t.upsert(pa.table({"k": [5], "s": ["n"]})),
            lambda t, b: t.upsert(pa.table({"k": [5], "x": [8.0]}), base=b),
        ),
        (lambda t: t.append(rows(1, k=[50])), lambda t, b: t.upsert(pa.table({"k": [5], "x": [8.0]}), base=b)),
        (lambda t: t.delete([1]), lambda t, b: t.upsert(pa.table({"k": [5], "x": [8.0]}), base=b)),
        (lambda t: t.upsert(rows(1, x=[7.0])), lambda t, b: t.delete([5], base=b)),
        (lambda t: t.drop_column("s"), lambda t, b: t.upsert(pa.table({"k": [5], "x": [8.0]}), base=b)),
        (lambda t: t.rename_column("s", "z"), lambda t, b: t.delete(pc.field("x") > 4, base=b)),
    ],
    ids=["other rows", "other columns", "new rows", "deleted rows", "delete", "dropped", "renamed"],
)
def test_edits_of_other_rows_or_columns_both_happen(filled, theirs, mine):
    base = filled.head
    one = theirs(other(filled))
    two = mine(filled, base)
    assert (two.number, two.parents) == (3, (one.digest,))
    alone = Table(Store(filled.store.root.with_name("alone")), "t")
    alone.append(rows(), key=["k"])
    theirs(alone)
    mine(alone, None)
    assert filled.read().equals(alone.read())


@pytest.mark.parametrize(
    ("theirs", "mine", "word"),
    [
        (
            lambda t: t.upsert(pa.table({"k": [5], "x": [7.0]})),
            lambda t, b: t.upsert(pa.table({"k": [4, 5], "x": [8.0, 8.0]}), base=b),
            "1 of the rows were changed between t@v1 and t@v2; the first is k=5",
        ),
        (lambda t: t.delete([5]), lambda t, b: t.upsert(pa.table({"k": [5], "x": [8.0]}), base=b), "k=5"),
        (
            lambda t: t.upsert(pa.table({"k": [50], "x": [7.0]})),
            lambda t, b: t.upsert(pa.table({"k": [50], "x": [8.0]}), base=b),
            "k=50",
        ),
        (lambda t: t.upsert(pa.table({"k": [5], "x": [7.0]})), lambda t, b: t.delete([5], base=b), "k=5"),
        (
            lambda t: t.rename_column("x", "y"),
            lambda t, b: t.upsert(pa.table({"k": [5], "x": [8.0]}), base=b),
            "Column 'x' of t@v1 was dropped or renamed",
        ),
        (lambda t: t.append(rows(1, k=[50])), lambda t, b: t.replace(rows(3), base=b), "replaces all rows"),
        (
            lambda t: t.upsert(pa.table({"k": [5], "new": [1]})),
            lambda t, b: t.upsert(pa.table({"k": [5], "new": [2]}), base=b),
            "k=5",
        ),
    ],
    ids=["same value", "deleted", "same new key", "delete", "renamed", "dump", "same new column"],
)
def test_edits_of_the_same_values_are_refused(filled, theirs, mine, word):
    base = filled.head
    one = theirs(other(filled))
    with pytest.raises(ConflictError, match=word):
        mine(filled, base)
    assert filled.head == one


def racing(table, theirs):
    """Return a function for `derive` during which somebody else commits once."""
    done = []

    def derive(some):
        if not done:
            done.append(theirs(other(table)))
        return pc.multiply(some["x"], 2)

    return derive


@pytest.mark.parametrize(
    "theirs",
    [lambda t: t.upsert(rows(2, x=[7.0, 7.0])), lambda t: t.append(rows(2, k=[50, 51])), lambda t: t.delete([1, 2])],
    ids=["changed inputs", "new rows", "deleted rows"],
)
def test_a_derived_column_is_computed_from_what_the_head_has(filled, theirs):
    version = filled.add_column("twice", ["x"], racing(filled, theirs))
    assert version.number == 3
    found = filled.read()
    assert found["twice"].to_pylist() == [2 * x for x in found["x"].to_pylist()]


@pytest.mark.parametrize(
    ("theirs", "word"),
    [
        (lambda t: t.drop_column("x"), "dropped or renamed"),
        (lambda t: t.add_column("twice", ["k"], lambda some: some["k"]), "brought a column 'twice'"),
    ],
)
def test_a_derived_column_without_its_inputs_or_name_is_refused(filled, theirs, word):
    with pytest.raises(ConflictError, match=word):
        filled.add_column("twice", ["x"], racing(filled, theirs))


def test_appended_rows_meet_the_columns_of_the_head(filled):
    def late():
        yield rows(1, k=[50])
        other(filled).drop_column("x")

    with pytest.raises(ConflictError, match="'x' of t@v1 was dropped"):
        filled.append(late())

    def twice():
        yield pa.table({"k": [51], "new": [1]})
        other(filled).append(pa.table({"k": [52], "new": ["text"]}))

    with pytest.raises(ConflictError, match="'new' of type string"):
        filled.append(twice())


def test_a_rollback_does_not_undo_what_nobody_saw(filled, monkeypatch):
    filled.append(rows(1, k=[50]))
    claim, done = type(filled.store.refs).claim, []

    def slow(refs, version, newest):
        if not done:
            done.append(True)
            other(filled).append(rows(1, k=[51]))
        return claim(refs, version, newest)

    monkeypatch.setattr(type(filled.store.refs), "claim", slow)
    with pytest.raises(ConflictError, match="replaces all rows"):
        filled.rollback(1)


def test_statistics_follow_the_values(filled):
    version = filled.upsert(pa.table({"k": [1, 2], "x": [99.0, None]}))
    known = version.statistics
    assert (known["x"].min, known["x"].max, known["x"].nulls) == (0.0, 99.0, 1)
    assert (known["k"].min, known["k"].max, known["s"].min) == (0, 9, "s0")
    assert "x" not in filled.drop_column("x").statistics


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.timestamp("s"), [NOON.replace(tzinfo=None), None, NOON.replace(tzinfo=None) + timedelta(1)]),
        (pa.timestamp("ns", "Europe/Berlin"), [NOON, None, NOON + timedelta(1)]),
        (pa.date64(), [NOON.date(), None, NOON.date() + timedelta(1)]),
        (pa.time32("s"), [NOON.time(), None, (NOON + timedelta(hours=1)).time()]),
        (pa.duration("s"), [timedelta(1), None, timedelta(2)]),
        (pa.decimal256(50, 3), [Decimal(1), None, Decimal(2)]),
        (pa.float16(), [np.float16(0.5), None, np.float16(-0.0)]),
        (pa.binary(2), [b"ab", None, b"cd"]),
        (pa.large_string(), ["a", None, "b"]),
        (pa.bool_(), [True, None, False]),
        (pa.null(), [None, None, None]),
        (pa.list_(pa.int8()), [[1], None, []]),
        (pa.list_(pa.int8(), 2), [[1, 2], None, [3, None]]),
        (pa.struct([("a", pa.list_(pa.int8(), 2))]), [{"a": [1, 2]}, None, {"a": None}]),
        (pa.map_(pa.string(), pa.list_(pa.int8(), 1)), [[("a", [1])], None, [("b", None)]]),
        (
            pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
            [{"a": 1, "b": ["x"]}, None, {"a": 2, "b": None}],
        ),
        (pa.map_(pa.string(), pa.int64()), [[("a", 1)], None, []]),
    ],
    ids=str,
)
def test_columns_of_any_type_are_patched_and_read(table, kind, values):
    whole = pa.table({"k": range(9), "v": pa.array(values * 3, kind)})
    table.append(whole, key=["k"])
    table.delete([8])
    table.upsert(pa.table({"k": [0, 1], "v": pa.array([values[2], values[0]], kind)}))
    found = table.read()
    assert found.schema.field("v").type == kind
    expected = pa.array([values[2], values[0], *(values * 3)[2:8]], kind)
    assert found["v"].combine_chunks().equals(expected)
    assert table.read(1).equals(whole)


def test_a_row_that_is_changed_again_and_again_gathers_few_patches(filled):
    for step in range(30):
        filled.upsert(pa.table({"k": [step % 3], "x": [100.0 + step]}))
        assert all(len(fragment.patches) <= 8 for fragment in filled.head.fragments)
    assert filled.read(columns=["x"])["x"].to_pylist()[:4] == [127.0, 128.0, 129.0, 1.5]
    assert filled.read("v5", ["x"])["x"].to_pylist()[:4] == [103.0, 101.0, 102.0, 1.5]


@pytest.mark.parametrize("name", ["+", "+x", "a@1", "a@+", "_pos", "a/b", "a.b", "", "ü"])
def test_a_column_may_have_any_name(table, name):
    table.append(pa.table({"id": range(6), name: range(6)}), key=["id"])
    table.upsert(pa.table({"id": [2], name: [20]}))
    table.append(pa.table({"id": [6], name: [6]}))
    table.upsert(pa.table({"id": [6], name: [60]}))
    table.delete(pc.field(name) == 1)
    table.compact()
    assert table.read()[name].to_pylist() == [0, 20, 3, 4, 5, 60]


def test_rows_are_found_by_the_event_time_that_holds_now(table):
    month = [datetime(2024, number, 1, tzinfo=UTC) for number in range(1, 11)]
    table.append(pa.table({"sent": month[:2], "arrived": month[6:8]}), time="sent")
    made = table.append(pa.table({"sent": month[2:3], "arrived": month[8:9]}), time="arrived")
    assert table.store.read(made, start=month[6], end=month[9]).num_rows == 3
    assert table.store.read(table.version(1), start=month[0], end=month[3]).num_rows == 2


def test_an_expression_may_tell_a_column_by_its_place(table):
    table.append(pa.table({"a": [5, 6, 7, 8], "z": [0, 0, 1, 1]}))
    table.delete(pc.field(1) == 1)
    assert table.read()["a"].to_pylist() == [5, 6]


@pytest.mark.parametrize(
    ("there", "more"),
    [
        (pa.array([{"a": 1}]), pa.array([{"a": 1, "b": 2}])),
        (pa.array([[1.5]], pa.list_(pa.float32())), pa.array([[0.1]])),
        (pa.array([{"a": [1.5]}], pa.struct({"a": pa.list_(pa.float32())})), pa.array([{"a": [0.1]}])),
    ],
)
def test_no_value_inside_of_another_is_lost_to_a_cast(table, there, more):
    table.append(pa.table({"x": there}))
    with pytest.raises(DataError, match="would change"):
        table.append(pa.table({"x": more}))
    assert table.read().num_rows == 1


@pytest.mark.parametrize(
    ("there", "more"),
    [
        (pa.array([[1]]), pa.array([[], None])),
        (pa.array([{"a": 1, "b": 2}]), pa.array([{"a": 1}])),
        (pa.array([[1.5]], pa.list_(pa.float64())), pa.array([[0.5]], pa.list_(pa.float32()))),
    ],
)
def test_values_inside_of_others_that_fit_are_cast(table, there, more):
    table.append(pa.table({"x": there}))
    table.append(pa.table({"x": more}))
    assert table.read()["x"].slice(1).to_pylist() == more.cast(there.type).to_pylist()


def test_inside_of_a_list_a_zero_changes_its_sign(table):
    table.append(pa.table({"id": [1], "x": [[0.0]]}), key=["id"])
    table.upsert(pa.table({"id": [1], "x": [[-0.0]]}))
    assert str(table.read()["x"].to_pylist()) == "[[-0.0]]"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda t: t.append(pa.table({"k": [20, 21, 20], "x": [0.0] * 3})), "1 rows repeat a key; the first is k=20"),
        (lambda t: t.append([pa.table({"k": [20]}), pa.table({"k": [20]})]), "1 rows repeat a key; the first is k=20"),
        (lambda t: t.append(pa.table({"k": [20, None], "x": [0.0] * 2})), "1 rows have no 'k', .* first is row 1"),
        (lambda t: t.append(pa.table({"x": [0.0]})), "have no column 'k' for its key"),
        (lambda t: t.append(pa.table({"k": [20, 4, 2], "x": [0.0] * 3})), "has a row with k=4 already, and 1 more"),
        (lambda t: t.append(pa.table({"k": [4]}), key=["k"]), "has a row with k=4 already"),
        (lambda t: t.upsert(pa.table({"k": [None, 1], "x": [0.0, 1.0]}).cast(t.head_schema)), "1 rows have no 'k'"),
    ],
)
def test_a_key_names_one_row(table, edit, words):
    before = table.append(pa.table({"k": range(10), "x": [0.0] * 10}), key=["k"])
    table.head_schema = pa.schema({"k": pa.int64(), "x": pa.float64()})
    with pytest.raises(DataError, match=words):
        edit(table)
    assert table.head == before


def test_an_append_reads_only_fragments_that_may_hold_its_keys(table, monkeypatch):
    for start in (0, 10, 20):
        table.append(pa.table({"k": range(start, start + 10)}), key=["k"])
    asked = []
    from mlray.data.store import _edit_append

    true = _edit_append.located
    monkeypatch.setattr(_edit_append, "located", lambda *a: asked.append(len(a[2])) or true(*a))
    table.append(pa.table({"k": range(30, 40)}))
    with pytest.raises(DataError, match="k=15 already"):
        table.append(pa.table({"k": [15]}))
    assert asked == [0, 1]


def test_an_append_that_lost_a_race_looks_at_the_keys_of_the_winner(table):
    table.append(pa.table({"k": [0]}), key=["k"])

    def stream():
        yield pa.table({"k": [1]})
        Table(table.store, "t").append(pa.table({"k": [1, 2]}))
        yield pa.table({"k": [3]})

    with pytest.raises(DataError, match="k=1 already"):
        table.append(stream())
    assert table.read()["k"].to_pylist() == [0, 1, 2]


def test_an_append_meets_a_key_that_was_declared_meanwhile(table):
    def stream():
        yield pa.table({"k": [1]})
        Table(table.store, table.name).append(pa.table({"k": [0, 1]}), key=["k"])

    with pytest.raises(DataError, match="k=1 already"):
        table.append(stream())
