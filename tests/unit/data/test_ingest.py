"""Ingestion: versions grow by what is new, count everything, and are whole or not there."""

import re
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import write_csv

from mlray.data import Store, ingest, scan_here
from mlray.data._cursor import Cursor
from mlray.errors import DataError
from mlray.sketches import Profile, profile
from tests.unit.data.samples import LATER, NOON, contract, orders, spec, table, write

HOUR = timedelta(hours=1)


class Project:
    """A folder with a source, and its store."""

    def __init__(self, folder):
        self.folder = folder
        self.store = Store(folder / "store")
        self.heard = []

    def source(self, number, *rows):
        return write(self.folder, f"orders-{number}.parquet", orders(*rows))

    def weather(self, *rows, name="weather-1.parquet"):
        return write(self.folder, name, table(*rows))

    def ingest(self, until=LATER, run=scan_here, **changes):
        def progress(done, total, note=""):
            self.heard.append((done, total, note))

        return ingest(
            spec(**changes), self.folder, self.store, until=until, now=NOON, run=run, progress=progress
        )  # fmt: skip

    def orders(self, version):
        return self.store.read(version)["order"].to_pylist()


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.weather({"shop": "north", "at": NOON, "temp": 5.0}, {"shop": "south", "at": NOON, "temp": 99.0})
    return project


def test_a_first_version_has_all_rows_before_the_end(project):
    project.source(1, {}, {"order": 2, "at": NOON + HOUR})
    project.source(2, {"order": 3, "at": NOON + 2 * HOUR})
    version = project.ingest(until=NOON + 2 * HOUR)
    assert project.orders(version) == [1, 2]
    assert (version.number, version.rows, version.operation) == (1, 2, "ingest")
    assert (Cursor.read(version.cursor).time, version.as_of) == (NOON + HOUR, NOON + 2 * HOUR)
    assert version.contract == contract().digest
    assert [fragment.source for fragment in version.fragments] == ["orders-1.parquet"]
    assert project.store.verify(version) == 3


def test_lookups_are_joined_and_their_bad_rows_set_aside_with_the_others(project):
    project.source(1, {}, {"order": 2, "shop": "south"}, {"order": 0})
    version = project.ingest()
    assert project.store.read(version)["temp"].to_pylist() == [5.0, None]
    assert version.quality.set_aside == {"weather: temp above 60": 1, "order below 1": 1}
    assert (version.quality.seen, version.quality.kept, version.quality.rejected) == (5, 3, 2)
    aside = project.store.get(version.quality.quarantine).to_pylist()
    assert {(row["source"], row["position"]) for row in aside} == {("weather-1.parquet", 1), ("orders-1.parquet", 2)}


def test_the_profile_is_that_of_all_rows(project):
    project.source(1, {}, {"order": 2, "weight": 7.0})
    project.source(2, {"order": 3, "shop": "south"})
    version = project.ingest()
    merged = Profile.from_json(project.store.get_json(version.profile))
    assert merged == profile(project.store.read(version), merged.reference)
    assert merged.rows == 3


def test_the_next_version_adds_what_came_later(project):
    project.source(1, {}, {"order": 2, "at": NOON + HOUR})
    one = project.ingest(until=NOON + HOUR)
    two = project.ingest(until=NOON + 2 * HOUR)
    assert (project.orders(one), project.orders(two)) == ([1], [1, 2])
    assert two.fragments[:1] == one.fragments
    assert two.parents == (one.digest,)
    assert (two.quality.seen, two.quality.kept) == (one.quality.seen + 1, one.quality.kept + 1)
    assert Profile.from_json(project.store.get_json(two.profile)).rows == 2


def test_nothing_new_is_no_version(project):
    project.source(1, {}, {"order": 0}, {"order": 5, "at": None})
    one = project.ingest()
    assert project.ingest() == one
    assert project.ingest(until=LATER + HOUR) == one
    assert project.ingest(until=NOON) == one


def test_a_second_row_of_the_same_moment_is_not_lost(project):
    project.source(1, {})
    project.ingest()
    project.source(2, {}, {"order": 2})
    version = project.ingest()
    assert project.orders(version) == [1, 2]
    assert version.quality.set_aside == {"weather: temp above 60": 1, "at, order repeated": 1}


def test_without_a_key_reading_goes_on_with_what_was_too_late(project):
    project.source(1, {}, {"order": 2, "at": NOON + HOUR})
    one = project.ingest(until=NOON + HOUR, key=[])
    project.source(2, {"order": 3}, {"order": 4, "at": NOON + HOUR})
    two = project.ingest(key=[])
    assert (project.orders(one), project.orders(two)) == ([1], [1, 2, 3, 4])


def test_a_key_that_comes_in_two_files_is_kept_once(project):
    project.source(1, {}, {"order": 2})
    project.source(2, {"order": 2, "weight": 9.0}, {"order": 3})
    project.source(3, {"order": 3}, {"order": 4, "at": NOON + HOUR})
    version = project.ingest()
    assert project.orders(version) == [1, 2, 3, 4]
    assert version.quality.set_aside["at, order repeated"] == 2
    assert version.quality.kept + version.quality.rejected == version.quality.seen
    assert Profile.from_json(project.store.get_json(version.profile)).rows == 4


def test_a_key_without_the_time_is_looked_for_in_all_rows(project):
    project.source(1, {}, {"order": 2, "at": NOON + HOUR})
    one = project.ingest(until=NOON + HOUR, key=["order"])
    project.source(2, {"order": 1, "at": NOON + 2 * HOUR}, {"order": 2, "at": NOON + 3 * HOUR})
    two = project.ingest(key=["order"])
    assert (project.orders(one), project.orders(two)) == ([1], [1, 2])
    assert two.quality.set_aside["order repeated"] == 2


def test_a_row_without_a_time_is_reported_once(project):
    project.source(1, {}, {"order": 5, "at": None}, {"order": 2, "at": NOON + HOUR})
    project.ingest(until=NOON + HOUR)
    version = project.ingest()
    assert version.quality.set_aside["at is missing"] == 1


def test_bad_rows_alone_make_a_version_once_there_is_one(project):
    project.source(1, {})
    one = project.ingest()
    project.source(2, {"order": 0, "at": NOON + HOUR})
    two = project.ingest()
    assert (two.number, two.rows, two.fragments) == (2, one.rows, one.fragments)
    assert two.quality.rejected == one.quality.rejected + 1
    assert Cursor.read(two.cursor).time == Cursor.read(one.cursor).time
    assert project.ingest() == two


def test_a_changed_contract_reads_everything_again(project):
    project.source(1, {}, {"order": 2})
    one = project.ingest()
    columns = spec().model_dump()["columns"] | {"order": {"type": "integer", "min": 2}}
    two = project.ingest(columns=columns)
    assert project.orders(two) == [2]
    assert two.parents == (one.digest,)
    assert two.operation == "ingest again under a new contract"
    assert two.quality.set_aside["order below 2"] == 1


def test_a_mapping_that_is_added_later_brings_back_what_was_set_aside(project):
    project.source(1, {}, {"order": 2, "shop": "N"})
    one = project.ingest()
    two = project.ingest(mappings=[{"files": "*", "values": {"shop": {"N": "north"}}}])
    assert (project.orders(one), project.orders(two)) == ([1], [1, 2])
    assert "shop is not an allowed value" not in two.quality.set_aside


def test_lookup_rows_are_counted_once_over_all_versions(project):
    project.weather(
        *({"shop": "north", "at": NOON + hour * HOUR, "temp": 1.0 * hour} for hour in range(6)),
        {"shop": "north", "at": NOON, "temp": 1.0},
    )
    project.source(1, {}, {"order": 2, "at": NOON + 2 * HOUR}, {"order": 3, "at": NOON + 5 * HOUR})
    for hours in (1, 2, 4, 6):
        version = project.ingest(until=NOON + hours * HOUR)
    assert project.store.read(version)["temp"].to_pylist() == [0.0, 2.0, 5.0]
    assert (version.quality.kept, version.quality.seen) == (3 + 6, 3 + 7)


def test_a_lookup_without_the_time_is_read_whole_and_counted_once(project):
    lookups = {"city": {"source": "city.parquet", "on": ["shop"], "columns": {"size": "integer"}}}
    project.weather({"shop": "north", "size": 3}, {"shop": "north", "size": 4}, name="city.parquet")
    project.source(1, {}, {"order": 2, "at": NOON + HOUR})
    project.ingest(until=NOON + HOUR, lookups=lookups, mappings=[])
    version = project.ingest(lookups=lookups, mappings=[])
    assert project.store.read(version)["size"].to_pylist() == [3, 3]
    assert (version.quality.kept, version.quality.seen) == (2 + 1, 2 + 2)


def test_a_lookup_key_that_comes_in_two_files_is_kept_once(project):
    project.weather({"shop": "north", "at": NOON, "temp": 7.0}, name="weather-2.parquet")
    project.source(1, {})
    version = project.ingest()
    assert project.store.read(version)["temp"].to_pylist() == [5.0]
    assert version.quality.set_aside["weather: shop, at repeated"] == 1


def test_without_lookups_there_is_nothing_to_join(project):
    project.source(1, {})
    version = project.ingest(lookups={}, mappings=[])
    assert "temp" not in version.schema
    assert version.quality.quarantine == ""


def test_mappings_are_counted_over_all_versions(project):
    mappings = [{"files": "*", "values": {"shop": {"N": "north"}}}]
    project.source(1, {"shop": "N"})
    project.ingest(mappings=mappings)
    project.source(2, {"shop": "N", "at": NOON + HOUR}, {"shop": "N", "at": NOON + HOUR, "order": 2})
    assert project.ingest(mappings=mappings).quality.mapped == {"shop: 'N' → 'north'": 3}


def test_csv_is_read_like_parquet(project):
    from_parquet = project.source(1, {}, {"order": 2, "weight": None, "gift": False})
    one = project.ingest()
    write_csv(pq.read_table(from_parquet), project.folder / "orders-1.csv")
    other = Project(project.folder)
    other.store = Store(project.folder / "other")
    two = other.ingest(source="orders-*.csv")
    assert other.store.read(two).equals(project.store.read(one))


def test_a_damaged_file_commits_nothing_and_the_head_stays(project):
    project.source(1, {})
    one = project.ingest()
    path = project.source(2, {"at": NOON + HOUR})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"orders-2\.parquet is not whole"):
        project.ingest()
    assert project.store.head("orders") == one
    assert list((project.store.root / "aside").iterdir()) == []


def test_a_source_without_rows_before_the_end_is_refused(project):
    project.source(1, {})
    with pytest.raises(DataError, match=r"has no row before 2024-01-01T12:00:00\+00:00"):
        project.ingest(until=NOON)
    assert project.store.head("orders") is None


def test_a_source_that_has_no_rows_at_all_is_told_so(project):
    empty = pa.Table.from_pylist([], orders({}).schema)
    path = project.source(1)
    pq.write_table(empty, path)
    with pytest.raises(DataError, match=r"'orders-\*\.parquet' has no rows\. Add files that have some"):
        project.ingest(until=NOON, lookups={}, mappings=[])
    # Another file has rows, only none before the end.
    project.source(2, {})
    with pytest.raises(DataError, match="has no row before"):
        project.ingest(until=NOON, lookups={}, mappings=[])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("orders-1.csv", "at,order,shop,weight,gift,days_back\n", "'orders-1.csv' has no rows."),
        ("orders-1.jsonl", "", "orders-1.jsonl has no rows, and no column of the contract."),
        ("orders-1.csv", "a,b\n1,2\n", "orders-1.csv has no column 'at'; it has none that the contract names."),
    ],
)
def test_a_text_without_rows_or_known_columns_is_told_so(project, name, content, told):
    (project.folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        project.ingest(source=name, lookups={}, mappings=[])
    assert caught.value.problem == told
    assert project.store.head("orders") is None


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("known_after", "remedy"),
    [
        ("1 days", r"\(`known_after: 1 days`\): the first from 2024-01-02T11:00:00\+00:00 on"),
        ("30 minutes", "Choose a later end"),
    ],
    ids=["too young", "the end was chosen"],
)
def test_rows_that_are_not_due_yet_are_told_with_the_moment(project, form, known_after, remedy):
    source = project.source(1, {"at": NOON - HOUR}, {"order": 2, "at": NOON - HOUR / 2})
    if form == "csv":
        write_csv(pq.read_table(source), project.folder / "orders-1.csv")
    target = {"name": "returned", "column": "days_back", "above": 0, "known_after": known_after}

    with pytest.raises(DataError, match=r"before 2023-12-31.*its first is of 2024-01-01T11:00:00\+00:00") as refused:
        project.ingest(until=NOON - 24 * HOUR, target=target, source=f"orders-*.{form}", mappings=[], lookups={})
    assert re.search(remedy, refused.value.remedy)


def test_a_row_of_a_year_that_python_has_not_is_read_never_and_stops_nobody(project):
    rows = orders({"at": NOON}, {"order": 2})
    times = pa.array([int(NOON.timestamp() * 1e6), 400_000 * 10**12], pa.int64()).cast(pa.timestamp("us", "UTC"))
    rows = rows.set_column(rows.column_names.index("at"), "at", times)
    pq.write_table(rows, project.folder / "orders-1.parquet", write_statistics=False)

    assert project.orders(project.ingest()) == [1]


def test_a_source_of_bad_rows_only_is_refused_with_the_commonest_reason(project):
    project.source(1, {"order": 0}, {"order": -1}, {"order": 3, "shop": "west"})
    with pytest.raises(DataError, match=r"most often \(2 of 4\): order below 1"):
        project.ingest()


def test_progress_is_told_file_by_file(project):
    project.source(1, {})
    project.source(2, {"order": 2})
    project.ingest()
    assert [(done, total) for done, total, _ in project.heard] == [(0, 2), (1, 2), (2, 2)]


def test_the_order_in_which_parts_finish_does_not_matter(project, tmp_path):
    project.source(1, {}, {"order": 2})
    project.source(2, {"order": 2}, {"order": 3})
    one = project.ingest()
    backwards = Store(tmp_path / "backwards")
    other = Project(tmp_path)
    other.store = backwards
    assert other.ingest(run=lambda parts: reversed(list(scan_here(parts)))).digest == one.digest


def test_a_writer_that_comes_in_between_is_taken_into_account(project):
    project.source(1, {})

    def run(parts):
        found = list(scan_here(parts))
        if project.store.head("orders") is None:
            other = Project(project.folder)
            other.ingest()
        return found

    version = project.ingest(run=run)
    assert (version.number, project.orders(version)) == (1, [1])


@pytest.mark.parametrize("evolving", [False, True])
def test_text_is_read_in_the_character_set_of_its_mapping(project, evolving):
    lines = "at,order,shop,weight,gift,days_back\n2024-01-01,1,nörth,2.0,true,0\n"
    (project.folder / "orders-1.csv").write_bytes(lines.encode("cp1252"))
    (project.folder / "orders-2.csv").write_text(lines.replace(",1,", ",2,"), encoding="utf-8")
    weather = "shop,at,temp\nnörth,2024-01-01,4.0\n"
    (project.folder / "weather-1.csv").write_bytes(weather.encode("utf-16"))
    names = {"values": {"shop": {"nörth": "north"}}}
    lookup = {"source": "weather-*.csv", "on": ["shop", "at"], "columns": {"temp": {"type": "number"}}}
    version = project.ingest(
        source="orders-*.csv",
        lookups={"weather": lookup},
        mappings=[
            {"files": "*-1.csv", "encoding": "cp1252"} | names,
            {"files": "weather-1.csv", "encoding": "utf-16"},
            {"files": "*", **names},
        ],
        modes={"columns": "evolve"} if evolving else {},
    )
    rows = project.store.read(version)
    assert rows.select(["order", "shop", "temp"]).to_pylist() == [
        {"order": 1, "shop": "north", "temp": 4.0},
        {"order": 2, "shop": "north", "temp": 4.0},
    ]


def set_aside(project, version):
    rows = project.store.get(version.quality.quarantine).to_pylist()
    return [(row["source"], row["position"], row["row"][-40:]) for row in rows]


@pytest.mark.parametrize("key", [[], ["at", "order"]])
def test_a_file_or_lookup_that_changed_loses_no_row_at_a_place_that_had_one(project, key):
    project.source(1, {}, {"order": 5, "at": None})
    one = project.ingest(key=key)
    project.source(1, {}, {"order": 6, "at": None}, {"order": 7, "at": None}, {"order": 7, "at": None})
    project.weather({"shop": "north", "at": NOON, "temp": 5.0}, {"shop": "south", "at": NOON, "temp": 98.0})

    two = project.ingest(key=key)

    before, after = set_aside(project, one), set_aside(project, two)
    assert after[: len(before)] == before
    added = [(source, position) for source, position, _ in after[len(before) :]]
    assert added == [("weather-1.parquet", 1), *(("orders-1.parquet", place) for place in (1, 2, 3))]
    assert project.ingest(key=key) == two
