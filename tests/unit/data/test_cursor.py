"""The cursor: what was read is known again, whatever happened to the source since."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from mlray.data import Store, ingest, scan_here
from mlray.data._cursor import Cursor, Known
from mlray.data.sources import SourceFile, probe
from mlray.errors import DataError
from tests.unit.data.samples import LATER, NOON, orders, row, spec, write

HOUR = timedelta(hours=1)


class Project:
    """Orders without lookups in a folder, and their store."""

    def __init__(self, folder, **changes):
        self.folder = folder
        self.store = Store(folder / "store")
        self.data = spec(**({"lookups": {}, "mappings": []} | changes))
        self.parts = []

    def source(self, name, *rows):
        return write(self.folder, f"orders-{name}.parquet", orders(*rows))

    def ingest(self, until=LATER, given=None, **changes):
        def run(parts):
            self.parts = [part.source for part in parts]
            return scan_here(parts)

        data = self.data.model_copy(update=changes)
        return ingest(
            data, self.folder, self.store, until=until, now=NOON, run=run, progress=lambda *_: None, given=given
        )  # fmt: skip

    def orders(self, version):
        return sorted(self.store.read(version)["order"].to_pylist())


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.mark.parametrize("mark", [7, 2.5, "x", datetime(2024, 1, 1, 3, tzinfo=UTC), date(2024, 1, 1), Decimal("7.10")])
def test_a_cursor_is_read_as_it_was_written(mark):
    known = {"a.csv": Known(7, "1", "e", "c", later=True), "b.csv": Known(0, gone=True)}
    cursor = Cursor("column", NOON, known, "id", mark, again=True, offsets={"0": 5}, snapshot="s")
    assert Cursor.read(cursor.text()) == cursor


def test_an_older_cursor_is_a_time_alone():
    assert Cursor.read(NOON.isoformat()) == Cursor("time", NOON)
    assert Cursor.read("") == Cursor()


@pytest.mark.parametrize(
    ("mark", "lower"),
    [
        (NOON, NOON - HOUR),
        (date(2024, 1, 2), date(2024, 1, 2)),
        ("2024-01-01 12:00:00", "2024-01-01 11:00:00"),
        ("2024-01-01T12:00:00.250", "2024-01-01T11:00:00.250"),
    ],
)
def test_a_lag_goes_back_in_the_words_of_the_source(mark, lower):
    assert Cursor("column", mark=mark).lower(HOUR) == lower
    assert Cursor("column", mark=mark).lower(timedelta()) == mark


@pytest.mark.parametrize("mark", [7, "order seven"])
def test_what_is_no_time_has_no_lag(mark):
    with pytest.raises(DataError, match=r"which has no lag of 1:00:00.*Leave `lag` out"):
        Cursor("column", column="id", mark=mark).lower(HOUR)


def test_a_late_file_is_read_whole_however_old_its_rows(project):
    project.source("b", {"order": 1, "at": NOON + 5 * HOUR})
    one = project.ingest()
    project.source("a", {"order": 2}, {"order": 3, "at": NOON + HOUR})
    two = project.ingest()
    assert project.orders(two) == [1, 2, 3]
    assert project.parts == ["orders-a.parquet"]
    assert two.note == "late rows from orders-a.parquet"
    assert Cursor.read(two.cursor).time == Cursor.read(one.cursor).time == NOON + 5 * HOUR


def test_an_unchanged_source_is_not_read_at_all(project):
    path = project.source("a", {}, {"order": 2})
    one = project.ingest(until=NOON + HOUR)
    # Had anybody opened it, it would be found out: only its name, size and time are what they were.
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    project.parts = None
    assert project.ingest(until=NOON + 9 * HOUR) == one
    assert project.parts is None


def test_rows_later_than_asked_for_are_met_again(project):
    project.source("a", {}, {"order": 2, "at": NOON + 3 * HOUR})
    one = project.ingest(until=NOON + HOUR)
    assert Cursor.read(one.cursor).files["orders-a.parquet"].later
    two = project.ingest(until=NOON + 9 * HOUR)
    assert (project.orders(one), project.orders(two)) == ([1], [1, 2])
    assert not Cursor.read(two.cursor).files["orders-a.parquet"].later


def test_rows_of_a_text_later_than_asked_for_are_met_again(project):
    text = "at,order,shop,weight,gift,days_back\n2024-01-01 12:00,1,north,,,\n2024-01-01 15:00,2,north,,,\n"
    (project.folder / "orders.csv").write_text(text, encoding="utf-8")
    one = project.ingest(until=NOON + HOUR, source="orders.csv")
    two = project.ingest(until=NOON + 9 * HOUR, source="orders.csv")
    assert (project.orders(one), project.orders(two)) == ([1], [1, 2])
    project.parts = None
    assert project.ingest(source="orders.csv") == two
    assert project.parts is None


def test_a_changed_file_gives_what_its_key_does_not_know_and_is_noted(project):
    project.source("a", {}, {"order": 2, "at": NOON + HOUR}, {"order": 0})
    one = project.ingest()
    project.source("a", {"order": 9}, {}, {"order": 2, "at": NOON + HOUR}, {"order": 0}, {"order": 9, "shop": "south"})
    two = project.ingest()
    assert project.orders(two) == [1, 2, 9]
    assert two.note == "changed: orders-a.parquet; late rows from orders-a.parquet"
    # The row that was bad before is not told of twice, the new repetition is.
    assert two.quality.set_aside == one.quality.set_aside | {"at, order repeated": 1}


def test_a_changed_file_is_written_down_even_without_a_new_row(project):
    project.source("a", {}, {"order": 2})
    one = project.ingest()
    project.source("a", {})
    two = project.ingest()
    assert (two.number, two.rows, two.note) == (2, one.rows, "changed: orders-a.parquet")
    assert project.ingest() == two


def test_without_a_key_only_later_rows_of_a_changed_file_are_read(tmp_path):
    project = Project(tmp_path, key=[])
    project.source("a", {}, {"order": 2, "at": NOON + HOUR})
    project.ingest(until=NOON + 2 * HOUR)
    project.source("a", {}, {"order": 2, "at": NOON + HOUR}, {"order": 3, "at": NOON + 2 * HOUR})
    assert project.orders(project.ingest()) == [1, 2, 3]


def test_a_removed_file_is_noted_once_and_its_rows_stay(project):
    project.source("a", {})
    gone = project.source("b", {"order": 2})
    one = project.ingest()
    content = gone.read_bytes()
    gone.unlink()
    two = project.ingest()
    assert (project.orders(two), two.note) == ([1, 2], "removed: orders-b.parquet")
    assert two.as_of == one.as_of
    assert project.ingest() == two
    gone.write_bytes(content)
    assert project.ingest() == two


def test_a_file_that_was_touched_or_moved_is_known_again(project):
    path = project.source("a", {})
    one = project.ingest()
    os.utime(path, (1, 1))
    assert project.ingest() == one
    path.rename(project.folder / "orders-z.parquet")
    assert project.ingest() == one
    assert project.parts == ["orders-a.parquet"]


def test_a_large_file_is_known_by_every_byte_of_it(tmp_path):
    path = tmp_path / "large.csv"
    path.write_bytes(bytes(9_000_000))
    before = SourceFile.of(path).content()
    assert SourceFile.of(path).content() == before
    for place in (0, 70_000, 5_000_001, 8_999_999):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"x")
        after = SourceFile.of(path).content()
        assert after != before
        before = after


def test_one_byte_makes_a_large_file_another_one(tmp_path):
    path = tmp_path / "large.csv"
    path.write_bytes(bytes(3_000_000))
    one = SourceFile("large.csv", path, size=3_000_000, modified="1")
    cursor = Cursor("files", files={"large.csv": Known.of(one, later=False)})
    with path.open("r+b") as file:
        file.seek(70_000)
        file.write(b"x")

    touched = replace(one, modified="2")
    assert cursor.compare([touched]).changed == (touched,)
    moved = replace(touched, name="other.csv")
    assert cursor.compare([moved]).new == (moved,)
    assert cursor.compare([moved]).removed == ("large.csv",)
    # Size and time alone are asked first: a file of which neither changed is not opened.
    assert cursor.compare([replace(one, path=tmp_path / "nowhere")]).same


def test_a_version_of_before_goes_on_from_its_time(project):
    project.source("a", {}, {"order": 2, "at": NOON + HOUR})
    one = project.ingest(until=NOON + HOUR)
    old = project.store.commit(one.table, _as_before)
    assert old.cursor == NOON.isoformat()
    two = project.ingest()
    assert (project.orders(two), Cursor.read(two.cursor).kind) == ([1, 2], "files")


def _as_before(head):
    from mlray.data import Draft

    names = ("schema", "contract", "fragments", "profile", "quality", "as_of", "created_at")
    return Draft(cursor=NOON.isoformat(), **{name: getattr(head, name) for name in names})


def test_the_same_files_give_the_same_digest_anywhere(tmp_path):
    for name, moment in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        os.utime(Project(tmp_path / name).source("a", {}, {"order": 2}), (moment, moment))
    one, two = (Project(tmp_path / name).ingest() for name in ("one", "two"))
    assert one.cursor != two.cursor
    assert one.digest == two.digest


def test_a_question_about_the_past_changes_nothing(project):
    project.source("a", {})
    one = project.ingest()
    project.source("b", {"order": 2})
    assert project.ingest(until=NOON + HOUR) == one


@pytest.mark.parametrize("shape", ["pyarrow", "pandas", "batches"])
def test_rows_at_hand_are_read_through_the_same_contract(project, shape):
    project.source("a", {})
    project.ingest()
    table = orders({}, {"order": 2}, {"order": 0})
    rows = {"pyarrow": table, "pandas": table.to_pandas(), "batches": iter(table.to_batches())}[shape]
    version = project.ingest(given=rows)
    assert project.orders(version) == [1, 2]
    assert version.quality.set_aside == {"order below 1": 1}
    assert project.ingest(given=pd.DataFrame([row(order=2)])) == version


@pytest.mark.parametrize("odd", [7, ["a"], [pa.array([1])]])
def test_what_is_no_table_is_refused(project, odd):
    with pytest.raises(DataError, match=r"Give a pyarrow\.Table"):
        project.ingest(given=odd)


def test_a_probe_lists_and_reads_nothing(project):
    path = project.source("a", {})
    path.write_bytes(b"no Parquet at all")
    (project.folder / "weather.csv").write_text("", encoding="utf-8")
    lookups = {"weather": {"source": "weather.csv", "on": ["shop", "at"], "columns": {"temp": "number"}}}
    data = spec(lookups=lookups, mappings=[])
    one = probe(data, project.folder)
    assert [(file.name, file.size) for file in one.files] == [("orders-a.parquet", 17), ("weather.csv", 0)]
    assert one.token == probe(data, project.folder).token
    assert one.bytes == 17
    path.write_bytes(b"no Parquet at ALL")
    os.utime(path, (1, 1))
    assert one.token != probe(data, project.folder).token


@pytest.mark.parametrize(("key", "aside"), [([], 2), (["at", "order"], 1)])
def test_rows_at_hand_come_again_as_often_as_their_key_allows(tmp_path, key, aside):
    project = Project(tmp_path, key=key)
    rows = orders({}, {"order": 2, "weight": 900.0})
    project.ingest(given=rows)
    version = project.ingest(given=pa.concat_tables([rows, orders({"order": 3})]))
    assert version.quality.rejected == aside
    assert project.orders(version) == ([1, 3] if key else [1, 1, 3])
