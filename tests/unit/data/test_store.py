"""The store: content under its own name, versions that one writer makes, damage that is noticed."""

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from mlray.data import Draft, Store
from mlray.data.store.storage import writing
from mlray.errors import DataError, NotFoundError, StoreError
from mlray.records import Quality

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def rows(first=0, count=3, name="x"):
    times = pa.array([NOON + timedelta(hours=first + hour) for hour in range(count)], pa.timestamp("us", "UTC"))
    return pa.table({"at": times, name: pa.array(range(first, first + count), pa.int64())})


def draft(*fragments, cursor="2024-01-01T14:00:00+00:00"):
    schema = {"at": "timestamp[us, tz=UTC]", "x": "int64"}
    quality = Quality(seen=3, kept=3)
    return Draft(schema, "c" * 64, fragments, "", quality, cursor, as_of=NOON, created_at=NOON)


def append(store, table):
    fragment = store.put(table, source="f", time="at")
    return store.commit("t", lambda head: draft(*(head.fragments if head else ()), fragment))


def test_rows_come_back_as_they_were_put(store):
    fragment = store.put(rows(), source="a.parquet", time="at")
    assert store.get(fragment).equals(rows())
    assert store.get(fragment.blob, ["x"]).column_names == ["x"]
    assert (fragment.rows, fragment.source, fragment.bytes) == (
        3,
        "a.parquet",
        store.path(fragment.blob).stat().st_size,
    )


def test_equal_rows_are_stored_once_however_they_are_cut(store):
    pieces = pa.concat_tables([rows().slice(0, 1), rows().slice(1)])
    assert store.put(rows()).blob == store.put(pieces).blob
    assert len(list((store.root / "blobs").glob("*/*"))) == 1


def test_nothing_is_left_aside(store):
    append(store, rows())
    store.put_json({"a": 1})
    assert list((store.root / "aside").iterdir()) == []


def test_json_comes_back_as_it_was_put(store):
    blob = store.put_json({"b": [1.5, None], "a": "ä"})
    assert store.get_json(blob) == {"a": "ä", "b": [1.5, None]}


def test_a_lent_folder_is_gone_afterwards(store):
    with store.aside() as folder:
        (folder / "file").write_text("x")
    assert not folder.exists()


def test_versions_are_numbered_from_one_and_know_their_parents(store):
    assert store.head("t") is None
    one = append(store, rows())
    two = append(store, rows(3))
    assert [version.number for version in store.versions("t")] == [1, 2]
    assert store.head("t") == two == store.version("t", 2)
    assert two.parents == (one.digest,)
    assert (two.rows, two.name) == (6, "t@v2")


def test_the_digest_is_of_the_content_and_not_of_the_moment(store, tmp_path):
    one = append(store, rows())
    other = Store(tmp_path / "other")
    fragment = other.put(rows(), source="elsewhere", time="at")
    again = other.commit("t", lambda _: replace(draft(fragment), created_at=NOON + timedelta(days=1)))
    assert again.digest == one.digest
    assert append(other, rows(3)).digest != one.digest


def test_a_commit_that_has_nothing_to_say_returns_the_head(store):
    one = append(store, rows())
    assert store.commit("t", lambda _: None) == one


def test_a_first_commit_of_nothing_is_refused(store):
    with pytest.raises(DataError, match="nothing to commit to 't'"):
        store.commit("t", lambda _: None)


def test_a_commit_that_loses_the_race_is_made_again_on_the_new_head(store):
    append(store, rows())
    mine = store.put(rows(6), time="at")
    heads = []

    def change(head):
        heads.append(head.number)
        if len(heads) == 1:
            append(store, rows(3))
        return draft(*head.fragments, mine)

    version = store.commit("t", change)
    assert heads == [1, 2]
    assert store.read(version)["x"].to_pylist() == list(range(9))


def test_an_unknown_version_is_answered_with_those_there_are(store):
    append(store, rows())
    append(store, rows(3))
    with pytest.raises(NotFoundError, match=r"'t@v9'\. There are v1 to v2"):
        store.version("t", 9)


def test_an_unknown_table_is_answered_with_those_there_are(store):
    with pytest.raises(NotFoundError, match="no table 'u'; known: none yet"):
        store.version("u", 1)
    append(store, rows())
    with pytest.raises(NotFoundError, match="no table 'u'; known: t"):
        store.version("u", 1)


def test_reading_takes_the_start_and_leaves_the_end(store):
    version = append(store, rows())
    append(store, rows(3))
    head = store.head("t")
    hour = timedelta(hours=1)
    assert store.read(head, ["x"], start=NOON + hour)["x"].to_pylist() == [1, 2, 3, 4, 5]
    assert store.read(head, ["x"], end=NOON + 4 * hour)["x"].to_pylist() == [0, 1, 2, 3]
    window = store.read(head, start=NOON + hour, end=NOON + 4 * hour)
    assert window["x"].to_pylist() == [1, 2, 3]
    assert window.column_names == ["at", "x"]
    assert store.read(version).num_rows == 3


def test_times_in_other_zones_are_the_same_moments(store):
    from datetime import timezone

    version = append(store, rows())
    start = (NOON + timedelta(hours=1)).astimezone(timezone(timedelta(hours=5)))
    assert store.read(version, ["x"], start=start)["x"].to_pylist() == [1, 2]


def test_rows_without_an_event_time_cannot_be_cut_by_it(store):
    fragment = store.put(rows(), source="f")
    version = store.commit("t", lambda _: draft(fragment))
    with pytest.raises(DataError, match="from 'f' have no event time"):
        store.read(version, start=NOON)


def test_an_unknown_column_is_answered_with_those_there_are(store):
    with pytest.raises(DataError, match=r"t@v1 has no column 'y'\. It has at, x"):
        store.read(append(store, rows()), ["y"])


def test_a_version_without_rows_says_so(store):
    with pytest.raises(DataError, match="t@v1 has no rows"):
        store.read(store.commit("t", lambda _: draft()))


def test_verify_reads_everything_a_version_names(store):
    fragment = store.put(rows(), time="at")
    aside = store.put(rows(9))
    profile = store.put_json({"rows": 3})
    quality = Quality(seen=6, kept=3, quarantine=aside.blob)
    version = store.commit("t", lambda _: replace(draft(fragment), profile=profile, quality=quality))
    assert store.verify(version) == 3


def test_a_changed_byte_is_found_and_the_file_named(store):
    version = append(store, rows())
    path = store.path(version.fragments[0].blob)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=str(path)):
        store.verify(version)


def test_a_missing_file_is_found_and_named(store):
    version = append(store, rows())
    store.path(version.fragments[0].blob).unlink()
    for ask in (store.verify, store.read, lambda one: store.read(one, start=NOON)):
        with pytest.raises(StoreError, match="missing or damaged"):
            ask(version)
    with pytest.raises(StoreError, match="missing or damaged"):
        store.get_json("0" * 64)


def test_a_changed_manifest_is_found(store):
    version = append(store, rows())
    with pytest.raises(StoreError, match="does not match its digest"):
        store.verify(replace(version, cursor="2030-01-01T00:00:00+00:00"))


def test_a_damaged_manifest_is_named(store):
    append(store, rows())
    path = store.root / "tables" / "t" / "versions" / "00000001.json.gz"
    path.write_bytes(b"{")
    with pytest.raises(StoreError, match=r"manifest of 't@v1' cannot be read.*backup"):
        store.head("t")


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    store = Store(blocked / "store")
    for ask in (lambda: store.put(rows()), lambda: store.put_json({}), lambda: store.commit("t", lambda _: draft())):
        with pytest.raises(StoreError, match="cannot be written"):
            ask()


def test_a_write_that_fails_leaves_nothing_aside(store):
    (store.root / "blobs").mkdir(parents=True)
    (store.root / "blobs" / "in the way").write_text("a file, no folder", encoding="utf-8")
    for write in (store.storage.create, store.storage.replace):
        with pytest.raises(OSError, match="exists"):
            write("blobs/in the way/name", b"content")
    assert list(store.storage.aside.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Free space on the disk.*`mlray data gc`.*`--grace '0 hours'`"),
        (errno.EDQUOT, "Free space on the disk.*`mlray data gc`"),
        (errno.EACCES, r"Check the disk and its permissions\."),
    ],
)
def test_a_full_disk_is_told_with_what_frees_it(store, number, remedy):
    with (
        pytest.raises(StoreError, match=rf"cannot be written: .*{os.strerror(number)}.*{remedy}"),
        writing(store.storage),
    ):
        raise OSError(number, os.strerror(number))


def test_versions_of_other_tables_are_not_mixed_up(store):
    append(store, rows())
    store.commit("u", lambda head: draft(*(head.fragments if head else ())))
    assert [version.table for version in store.versions("u")] == ["u"]
    assert len(store.versions("t")) == 1
