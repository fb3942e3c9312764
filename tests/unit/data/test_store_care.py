"""Versions kept for long: compared, squashed, rebuilt, compacted, swept, measured and exported."""

import contextlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mlray.clock import ManualClock
from mlray.data import Store, View
from mlray.data import table as table_module
from mlray.data._fragments import Commit, Made, commit_made
from mlray.data.store import Limits, LocalStorage, changes, diff, export_version, gc, lost_of, squash, usage, verify
from mlray.data.store import _squash as squash_module
from mlray.data.store._edit import Rollback
from mlray.data.table import Table
from mlray.errors import AccessDenied, DataError, InputError, NotFoundError, RecoveryRefused, StoreError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NONE = timedelta(0)
ROWS = 6_000


def orders(rows: int = ROWS, start: int = 0) -> pa.Table:
    random = np.random.default_rng(start)
    return pa.table(
        {
            "id": np.arange(start, start + rows),
            "amount": random.random(rows),
            "price": random.random(rows),
            "shop": pa.array([f"shop-{number % 7}" for number in range(rows)]),
        }
    )


@pytest.fixture
def table(tmp_path) -> Table:
    table = Table(Store(tmp_path / "store"), "orders", clock=ManualClock(NOW))
    table.append(orders(), key=["id"])
    return table


def raised(table: Table, *ids: int) -> pa.Table:
    """Rows of the head with these ids, one more in `amount`."""
    rows = table.read().filter(pc.is_in(pc.field("id"), pa.array(ids)))
    return rows.set_column(1, "amount", pc.add(rows["amount"], 1.0))


def blobs(table: Table) -> set[str]:
    return {info.name.rpartition("/")[2] for info in table.store.storage.names("blobs/")}


def test_a_diff_counts_rows_and_values_and_names_columns(table):
    table.upsert(raised(table, 1, 2, 3))
    table.delete([5, 6])
    table.append(orders(10, ROWS))
    table.rename_column("price", "cost")
    table.add_column("twice", ["amount"], lambda rows: pc.multiply(rows["amount"], 2))
    table.drop_column("shop")

    found = table.diff(1)

    assert (found.added, found.removed, found.changed) == (10, 2, {"amount": 3})
    assert (list(found.columns_added), list(found.columns_dropped), found.columns_renamed) == (
        ["twice"],
        ["shop"],
        {"price": "cost"},
    )
    assert str(found) == (
        "orders@v1 → orders@v7: 10 rows added, 2 removed, 'amount' changed in 3, 'twice' added, 'shop' dropped, "
        "'price' renamed to 'cost'"
    )
    assert not found.same


def test_a_diff_of_patches_reads_no_value_of_the_table(table):
    table.upsert(raised(table, 1, 2, 3))
    base = table.version(1).fragments[0].blob
    table.store.path(base).unlink()

    assert table.diff(1, 2).changed == {"amount": 3}


def test_versions_with_the_same_rows_differ_in_nothing(table):
    assert table.diff(1, 1).same
    assert str(table.diff(1)) == "orders@v1 → orders@v1: the same rows"


def test_the_values_are_shown_before_and_after_with_their_key(table):
    before = table.read()["amount"][7].as_py()
    table.delete([3])
    table.upsert(raised(table, 7))

    assert changes(table.store, table.version(1), table.version("main")).to_pylist() == [
        {"_row": 6, "id": "7", "column": "amount", "before": str(before), "after": str(before + 1)}
    ]


def test_a_diff_across_a_compaction_finds_the_rows_again(table):
    table.append(orders(10, ROWS))
    table.upsert(raised(table, 1, ROWS + 1))
    before = table.head
    after = table.compact(Limits(patches=0, patched=0.0, small=ROWS * 2, large=ROWS * 2))

    assert len(after.fragments) == 1
    assert table.diff(before, after).same
    assert table.diff(1, after).changed == {"amount": 1}
    assert table.diff(1, after).added == 10


def test_tables_are_not_compared_with_each_other(table):
    Table(table.store, "other").append(orders(3))

    with pytest.raises(DataError, match="different tables"):
        diff(table.store, table.version(1), table.store.resolve("other@v1"))


def test_a_squashed_version_is_rebuilt_from_a_small_reverse_patch(table):
    table.replace(table.read().set_column(2, "price", pa.array(np.random.default_rng(9).random(ROWS))), ["id"])
    old = table.read()
    table.upsert(raised(table, *range(0, ROWS, 100)))
    table.compact(Limits(patches=0, patched=0.0))
    table.tag("kept", 1)
    before = len(blobs(table))

    told = table.squash(3)

    assert told.dropped > 0
    assert told.lost == {}
    assert len(blobs(table)) < before + 2
    assert table.version(3).squashed
    assert table.recover(2).equals(old)
    assert table.recover(3)["amount"].equals(table.read()["amount"])


def test_values_that_were_changed_come_back_from_the_reverse_patch(table):
    other = np.random.default_rng(9).random(ROWS)
    table.replace(table.read().set_column(2, "price", pa.array(other)), ["id"])
    second = table.read()
    nearly = other.copy()
    nearly[::100] += 1
    table.replace(second.set_column(2, "price", pa.array(nearly)), ["id"])
    table.compact(Limits(patches=0, patched=0.0))
    table.squash(3, grace=NONE)

    told = table.squash(2, grace=NONE)

    assert 0 < told.written < told.dropped
    assert "reverse patches written" in str(told)
    assert "rebuilt exactly" in str(told)
    assert table.recover(2).equals(second)
    assert not table.verify().damaged


def test_facts_alone_are_smaller_and_the_refusal_names_what_is_lost(table):
    other = np.random.default_rng(9).random(ROWS)
    table.replace(table.read().set_column(2, "price", pa.array(other)), ["id"])
    nearly = other.copy()
    nearly[::100] += 1
    table.replace(table.read().set_column(2, "price", pa.array(nearly)), ["id"])
    table.compact(Limits(patches=0, patched=0.0))
    table.squash(3, grace=NONE)

    told = table.squash(2, "facts", grace=NONE)

    assert told.lost == {"price": ROWS // 100}
    with pytest.raises(RecoveryRefused, match=r"'price' in 60 of rows 0 to 5,999") as refused:
        table.recover(2)
    assert refused.value.lost == ("'price' in 60 of rows 0 to 5,999",)
    assert [one.column for one in lost_of(table.store, table.version(2))] == ["price"]
    assert table.recover(2 if told.lost == {} else 1).num_rows == ROWS


def test_what_nothing_smaller_rebuilds_stays_and_the_answer_says_so(table):
    lost = orders(ROWS, 10**6)
    table.append(lost)
    table.rollback(1)

    told = table.squash(2, grace=NONE)

    assert not told.closed
    assert told.dropped == 0
    assert told.kept == told.own > 0
    assert "nothing smaller rebuilds its" in str(told)
    assert "it stays as it is" in str(told)
    assert not table.version(2).squashed
    assert table.squash(2, grace=NONE, anyway=True).closed
    assert table.version(2).squashed
    assert table.recover(2).num_rows == 2 * ROWS


def test_a_version_that_shares_every_file_stays_as_it_is(table):
    before = table.version(1)
    table.upsert(raised(table, 1))

    told = table.squash(1, grace=NONE)

    assert not told.closed
    assert (told.own, told.dropped) == (0, 0)
    assert "other versions need every file too" in str(told)
    assert table.version(1) == before


def test_versions_that_share_all_their_files_are_dropped_by_the_last_one(table):
    old = table.read()
    table.rename_column("price", "cost")
    table.replace(orders(ROWS, 10**6), ["id"])

    assert not table.squash(1, "facts", grace=NONE).closed
    assert table.squash(1, "facts", grace=NONE, anyway=True).dropped == 0
    told = table.squash(2, "facts", grace=NONE)

    assert told.closed
    assert told.dropped > 0
    assert old.num_rows == ROWS


def test_rows_that_are_gone_are_refused(table):
    table.append(orders(ROWS, 10**6))
    table.rollback(1)
    table.squash(2, "facts", grace=NONE)

    with pytest.raises(RecoveryRefused, match=r"'id' in rows 6,000 to 11,999; 'amount' in rows 6,000 to 11,999"):
        table.recover(2)


def test_a_squashed_version_can_be_rolled_back_to(table):
    old = table.read()
    table.upsert(raised(table, 1))
    table.compact(Limits(patches=0, patched=0.0))
    table.squash(1, grace=NONE, anyway=True)

    made = table.rollback(1)

    assert made.note == "orders@v1, rebuilt"
    assert table.read().equals(old)


@pytest.mark.parametrize("once", ["", "back"])
def test_a_version_that_is_squashed_while_it_is_rolled_back_to_is_rebuilt(table, once, monkeypatch):
    table.replace(table.read().set_column(2, "price", pa.array(np.random.default_rng(9).random(ROWS))), ["id"])
    table.upsert(raised(table, *range(0, ROWS, 100)))
    old = table.read()
    table.compact(Limits(patches=0, patched=0.0))
    made, commit, remove = [], table_module.make, squash_module.remove

    def remove_later(store, blob, before):
        # What is to go is listed: only now does the version come that needs it.
        if not made:
            made.append(commit(*arguments))
        return remove(store, blob, before)

    def make(*given):
        nonlocal arguments
        if arguments or given[3].__class__ is not Rollback:
            return commit(*given)
        arguments = given
        table.squash(3, grace=NONE)
        return made[0]

    arguments = ()
    monkeypatch.setattr(squash_module, "remove", remove_later)
    monkeypatch.setattr(table_module, "make", make)

    version = table.rollback(3, once=once)

    assert made
    assert version.number > made[0].number
    assert not table.store.has(made[0])
    assert table.store.has(version)
    assert table.read().equals(old)
    assert table.read(version).equals(old)
    if once:
        assert table.rollback(3, once=once) == version


def test_a_rollback_that_was_done_is_not_done_again_once_its_version_is_squashed(table):
    table.upsert(raised(table, 1))
    table.compact(Limits(patches=0, patched=0.0))
    back = table.rollback(1, once="back")
    table.append(orders(5, ROWS))
    table.squash(1, grace=NONE, anyway=True)

    assert table.rollback(1, once="back") == back
    again = table.rollback(1, once="anew")
    assert again.number == 6
    table.append(orders(5, ROWS))
    assert table.rollback(1, once="anew") == again


@pytest.mark.parametrize("used", ["head", "tag", "branch"])
def test_a_version_in_use_is_not_squashed(table, used):
    if used != "head":
        (table.tag if used == "tag" else table.branch)("mine", 1)
        table.upsert(raised(table, 1))

    with pytest.raises(DataError, match=r"newest version of the branch|tagged 'mine'"):
        table.squash(1)


def test_a_version_is_squashed_once(table):
    table.upsert(raised(table, 1))
    table.squash(1, anyway=True)

    with pytest.raises(DataError, match="squashed already"):
        table.squash(1)


def test_a_damaged_version_is_not_squashed(table):
    table.upsert(raised(table, 1))
    path = table.store.path(table.version(1).fragments[0].blob)
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(StoreError, match="damaged"):
        table.squash(1, anyway=True)
    assert not table.version(1).squashed


def test_young_files_are_left_to_the_next_sweep(table):
    table.clock = ManualClock(datetime(2020, 1, 1, tzinfo=UTC))
    table.append(orders(ROWS, 10**6))
    table.rollback(1)

    told = table.squash(2, "facts")

    assert told.waiting == told.dropped > 0
    assert "by the next gc" in str(told)
    assert gc(table.store, now=NOW).bytes >= told.waiting


def test_compaction_keeps_the_rows_and_ends_the_layers(table):
    for number in range(6):
        table.upsert(raised(table, number))
    table.delete(list(range(0, ROWS, 3)))
    before = table.read()

    made = table.compact(author="ann", note="nightly")

    assert table.read().equals(before)
    assert (made.operation, made.author, made.note) == ("compact", "ann", "nightly")
    assert all(not one.patches and one.deletions is None for one in made.fragments)
    assert made.statistics == table.version(made.number - 1).statistics
    assert table.compact() == made


def test_only_the_column_with_many_patches_is_written_anew(table):
    for number in range(6):
        table.upsert(raised(table, number))
    before = table.head

    made = table.compact()

    assert made.fragments[0].blob == before.fragments[0].blob
    assert list(made.fragments[0].files) == [made.column("amount").id]
    assert table.read().equals(table.read(before))


def test_small_neighbours_become_one_fragment(table):
    for number in range(4):
        table.append(orders(10, ROWS + 10 * number), source=f"day-{number}.csv")
    before = table.read()

    made = table.compact(Limits(small=1000))

    assert [one.rows for one in made.fragments] == [ROWS, 40]
    assert made.fragments[1].source == "day-0.csv; day-1.csv; day-2.csv; day-3.csv"
    assert (made.fragments[1].low, made.fragments[1].high) == (ROWS, ROWS + 39)
    assert table.read().equals(before)


def test_an_empty_name_is_not_compacted(tmp_path):
    with pytest.raises(NotFoundError, match="no table 'none'"):
        Table(Store(tmp_path), "none").compact()


def test_a_sweep_removes_what_no_version_needs_and_nothing_else(table):
    table.upsert(raised(table, 1))
    needed = blobs(table)
    table.store.put(orders(5, 99))
    (table.store.storage.aside / "killed").mkdir(parents=True)

    told = gc(table.store, now=NOW)

    assert (told.files, told.asides, told.kept) == (1, 1, len(needed))
    assert blobs(table) == needed
    assert str(told).startswith("1 files")
    assert not table.verify().damaged


def test_a_sweep_leaves_young_files_and_what_others_need(table):
    spare = table.store.put(orders(5, 99))

    assert gc(table.store, now=datetime(2020, 1, 1, tzinfo=UTC)).young == 1
    assert gc(table.store, now=NOW, extra=[spare.blob]).files == 0
    with pytest.raises(InputError, match="makes no sense"):
        gc(table.store, now=NOW, grace=-timedelta(hours=1))


def test_a_sweep_does_nothing_where_a_manifest_cannot_be_read(table):
    table.store.put(orders(5, 99))
    before = blobs(table)
    table.store.storage.replace(table.store.refs.place("orders", 1), b"nonsense")

    with pytest.raises(StoreError, match="manifest"):
        gc(table.store, now=NOW)
    assert blobs(table) == before


def test_damage_is_found_and_told_with_the_versions_that_suffer(table):
    table.upsert(raised(table, 1))
    base, patch = table.head.fragments[0].blob, table.head.fragments[0].patches[0].blob
    path = table.store.path(base)
    path.write_bytes(path.read_bytes() + b"x")
    table.store.path(patch).unlink()

    found = table.verify()

    assert len(found.damaged) == 2
    assert "it is missing (needed by orders@v2)" in found.damaged[0]
    assert "(needed by orders@v1, orders@v2)" in found.damaged[1]


def test_a_share_of_the_files_is_the_same_for_the_same_seed(table):
    for number in range(9):
        table.upsert(raised(table, number))

    found = verify(table.store, "orders", share=0.3, seed=4, now=NOW)

    assert (found.checked, found.of) == (3, 10)
    assert found == verify(table.store, "orders", share=0.3, seed=4, now=NOW)
    with pytest.raises(InputError, match="share of 0"):
        verify(table.store, share=0, now=NOW)


def test_usage_tells_own_and_shared_bytes_and_the_cost_of_copies(table):
    table.upsert(raised(table, 1))
    table.drop_column("shop")

    found = usage(table.store, "orders")

    first, second, third = found.versions
    assert (first.own, first.added, second.own, third.added) == (0, first.shared, 0, 0)
    assert 0 < second.added < 6_000 < first.copy
    assert third.copy < second.copy == first.copy
    assert found.copies == first.copy + second.copy + third.copy
    assert found.stored == first.added + second.added
    assert found.saved > 0.5
    with pytest.raises(NotFoundError, match="no table 'none'"):
        usage(table.store, "none")


def test_an_export_is_plain_parquet_that_names_its_version(table, tmp_path):
    table.upsert(raised(table, 1))
    table.delete([2])

    files = export_version(table.store, table.head, str(tmp_path / "out"))

    assert pq.read_table(tmp_path / "out").equals(table.read())
    assert pq.read_metadata(files[0]).metadata[b"mlray.version"] == b"orders@v3"


def test_an_export_by_a_view_has_what_the_view_shows(table, tmp_path):
    table.delete([2])
    view = View({"id": "hash", "price": "mask", "amount": "drop"}, b"secret")

    export_version(table.store, table.head, str(tmp_path / "out"), view=view)

    seen = pq.read_table(tmp_path / "out")
    assert seen.equals(view.apply(table.read()))
    assert (seen["id"].type, seen["price"].null_count) == (pa.string(), ROWS - 1)


def test_an_export_by_a_view_that_shows_nothing_is_refused(table, tmp_path):
    with pytest.raises(AccessDenied, match="no column of orders@v1"):
        export_version(table.store, table.head, str(tmp_path / "out"), view=View({}, named=()))
    assert not (tmp_path / "out").exists()


def test_an_export_of_a_version_without_rows_has_its_columns(table, tmp_path):
    table.delete(pc.field("id") >= 0)

    table.export(str(tmp_path / "out"))

    assert pq.read_table(tmp_path / "out").column_names == ["id", "amount", "price", "shop"]


def test_a_refused_export_leaves_nothing(table, tmp_path):
    table.append(orders(ROWS, 10**6))
    table.rollback(1)
    table.squash(2, "facts", grace=NONE)

    with pytest.raises(RecoveryRefused):
        table.export(str(tmp_path / "out"), 2)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_export_needs_a_new_folder_and_a_known_format(table, tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(InputError, match="is a file"):
        table.export(str(tmp_path / "file"))
    with pytest.raises(InputError, match="not empty"):
        table.export(str(tmp_path))
    with pytest.raises(InputError, match="'orc' is no format"):
        table.export(str(tmp_path / "new"), form="orc")


def test_a_recovered_version_without_rows_has_its_columns(table):
    table.delete(pc.field("id") >= 0)
    table.compact()

    assert table.head.fragments == ()
    assert table.recover("main").schema.equals(orders(1).schema)


def test_squash_of_one_table_leaves_what_another_shares(table):
    Table(table.store, "copy", clock=ManualClock(NOW)).append(orders(), key=["id"])
    table.replace(orders(ROWS, 10**6))

    told = squash(table.store, table.version(1), "facts", now=NOW, grace=NONE)

    assert told.own == 0
    assert Table(table.store, "copy").read().num_rows == ROWS


def test_a_squashed_version_is_not_read_as_if_it_were_whole(table):
    table.upsert(raised(table, 1))
    table.squash(1, anyway=True)

    with pytest.raises(DataError, match=r"orders@v1 is squashed.*mlray data checkout orders@v1 FOLDER"):
        table.read(1)


def test_what_a_plan_has_written_and_not_committed_is_not_swept(table):
    spare = table.store.put(orders(5, 99)).blob
    table.store.storage.create("plans/abc/0.json", f'{{"written": "{spare}"}}'.encode())
    there = table.store.storage.names("plans/")[0].modified

    assert gc(table.store, now=there + timedelta(days=2)).files == 0
    assert gc(table.store, now=there + timedelta(days=9)).files == 1


@pytest.mark.parametrize("keep", ["exact", "facts"])
def test_wherever_squashing_breaks_off_every_version_can_still_be_read(table, monkeypatch, keep):
    other = np.random.default_rng(9).random(ROWS)
    table.replace(table.read().set_column(2, "price", pa.array(other)), ["id"])
    nearly = other.copy()
    nearly[::100] += 1
    table.replace(table.read().set_column(2, "price", pa.array(nearly)), ["id"])
    table.compact(Limits(patches=0, patched=0.0))
    table.squash(3, grace=NONE)
    before = {number: table.recover(number) for number in (1, 2, 3, 4)}
    calls = {"left": 0}

    def breaking(method):
        def call(self, *arguments):
            calls["left"] -= 1
            if calls["left"] < 0:
                raise OSError(28, "No space left on device")
            return method(self, *arguments)

        return call

    for name in ("put", "replace", "delete"):
        monkeypatch.setattr(LocalStorage, name, breaking(getattr(LocalStorage, name)))
    broken = 0
    while not table.version(2).squashed:
        calls["left"] = broken
        with contextlib.suppress(OSError, StoreError):
            table.squash(2, keep, grace=NONE)
        broken += 1
        for number, rows in before.items():
            if number != 2 or keep == "exact" or not table.version(2).squashed:
                assert table.recover(number).equals(rows)

    assert broken > 1


def test_what_squashed_versions_were_built_on_may_be_squashed_too(table):
    other = np.random.default_rng(9).random(ROWS)
    table.replace(table.read().set_column(2, "price", pa.array(other)), ["id"])
    second = table.read()
    nearly = other.copy()
    nearly[::100] += 1
    table.replace(second.set_column(2, "price", pa.array(nearly)), ["id"])
    third = table.compact(Limits(patches=0, patched=0.0))
    table.append(orders(10, ROWS))
    table.compact(Limits(small=10 * ROWS))
    for number in (3, 2, 5):
        table.squash(number, grace=NONE)

    told = table.squash(third.number, grace=NONE)

    # Version 2 was a reverse patch on the column file of version 4; it is found again in the merged file of version 6.
    assert told.kept == 0
    assert told.written < told.dropped / 5
    assert table.recover(2).equals(second)
    assert table.recover(third).equals(second.set_column(2, "price", pa.array(nearly)))
    assert not table.verify().damaged


def test_a_version_of_which_a_sweep_took_a_file_is_not_committed(table):
    slow = table.store.put(orders().slice(0, 1))
    assert gc(table.store, now=datetime(2100, 1, 1, tzinfo=UTC)).files == 1
    terms = Commit(key=("id",))
    with pytest.raises(StoreError, match="are gone"):
        commit_made(table, [Made(slow, {one.name: str(one.type) for one in orders().schema})], terms)
    assert table.head.number == 1
    assert table.read().equals(orders())
