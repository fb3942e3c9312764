"""A look at a source: what it reads, and what it says."""

import gzip
from datetime import timedelta

import pyarrow as pa
import pytest

from mlray.data import Known, SourceState, Store, checkup, ingest, look, scan_here
from mlray.data.crawl._judge import Sight, Thing, Volume
from mlray.data.crawl._volume import rules_on_rows, volume_of
from mlray.spec import CrawlSpec
from tests.unit.data.samples import LATER, NOON, orders, row, spec, table, write

HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "orders-1.parquet", orders({}))
    write(tmp_path, "weather-1.parquet", table({"shop": "north", "at": NOON, "temp": 5.0}))
    return tmp_path


@pytest.fixture
def head(folder):
    return ingest(
        spec(), folder, Store(folder / "store"), until=LATER, now=NOON, run=scan_here, progress=lambda *_: None
    )


def seen(folder, known=None, head=None, data=None, **more):
    return look(data or spec(), folder, head, now=NOON + HOUR, known=known, **more)


def states(*looks):
    return [one.verdict.state.value for one in looks]


def test_a_source_is_new_at_the_first_look_and_nothing_is_read_at_the_second(folder):
    first = seen(folder)
    second = seen(folder, first.known)
    assert states(first, second) == ["new", "unchanged"]
    assert (first.verdict.files, first.verdict.newest, first.verdict.rows) == (1, NOON, 1)
    assert (first.verdict.read, second.verdict.read) == ("sample", "nothing")
    assert "not ingested yet" in second.verdict.notes
    assert second.verdict.readable


def test_a_source_of_which_the_head_has_a_part_says_from_where_on_it_does_not(folder, head):
    write(folder, "orders-2.parquet", orders({"order": 9, "at": NOON + HOUR}))
    notes = seen(folder, head=head).verdict.notes
    assert notes == (f"not ingested yet: what is after {NOON:%Y-%m-%d %H:%M}",)


def test_text_is_read_in_the_character_set_of_its_mapping(tmp_path):
    lines = "at,order,shop,weight,gift,days_back\n2024-01-01,1,nörth,2.0,true,0\n"
    (tmp_path / "orders-1.csv").write_bytes(lines.encode("cp1252"))
    mapping = {"files": "*.csv", "encoding": "cp1252", "values": {"shop": {"nörth": "north"}}}
    data = spec(source="orders-*.csv", lookups={}, mappings=[mapping])
    verdict = seen(tmp_path, data=data).verdict
    assert (verdict.state, verdict.notes) == (SourceState.NEW, ("not ingested yet",))


def test_a_source_that_the_head_has_is_unchanged_though_nothing_is_remembered(folder, head):
    verdict = seen(folder, head=head).verdict
    assert (verdict.state, verdict.notes) == (SourceState.UNCHANGED, ())
    assert "ingested already" in verdict.because


def test_only_the_file_that_is_new_is_looked_into(folder):
    known = seen(folder).known
    write(folder, "orders-2.parquet", orders({"at": NOON + HOUR, "order": 2}, {"at": NOON + HOUR, "order": 3}))
    verdict = seen(folder, known).verdict
    assert (verdict.state, verdict.fresh, verdict.rows, verdict.newest) == (SourceState.NEW, 1, 2, NOON + HOUR)
    assert verdict.because.startswith("orders-2.parquet is new, 2 rows")


def test_a_file_that_only_grew_is_new_and_one_with_fewer_rows_was_rewritten(folder):
    known = seen(folder).known
    write(folder, "orders-1.parquet", orders({}, {"at": NOON + HOUR, "order": 2}))
    grown = seen(folder, known)
    write(folder, "orders-1.parquet", orders({"order": 9}))
    rewritten = seen(folder, grown.known)
    assert states(grown, rewritten) == ["new", "changed"]
    assert rewritten.verdict.because == "orders-1.parquet was rewritten"


def test_a_file_that_was_only_touched_is_unchanged(folder):
    known = seen(folder).known
    (folder / "orders-1.parquet").touch()
    again = seen(folder, known)
    assert states(again, seen(folder, again.known)) == ["unchanged", "unchanged"]
    assert again.verdict.fresh == 0


def test_a_file_that_is_gone_is_a_change(folder):
    write(folder, "orders-2.parquet", orders({"order": 2}))
    known = seen(folder).known
    (folder / "orders-2.parquet").unlink()
    verdict = seen(folder, known).verdict
    assert (verdict.state, verdict.because) == (SourceState.CHANGED, "orders-2.parquet is gone")


def test_a_column_that_is_gone_breaks_the_contract_and_is_remembered_without_reading(folder):
    known = seen(folder).known
    write(folder, "orders-2.parquet", orders({}).drop_columns("gift"))
    broken = seen(folder, known)
    again = seen(folder, broken.known)
    assert states(broken, again) == ["breaking", "breaking"]
    assert broken.verdict.because.startswith("orders-2.parquet has no column 'gift'")
    assert "rename: {their_name: gift}" in broken.verdict.remedy
    assert broken.verdict.remedy.endswith("Then `mlray source resume orders`.")
    assert (again.verdict.remedy, again.verdict.read) == (broken.verdict.remedy, "nothing")
    assert not broken.verdict.readable


def test_a_contract_that_was_corrected_is_tried_anew(folder):
    write(folder, "orders-2.parquet", orders({"order": 2}).rename_columns(renamed()))
    broken = seen(folder)
    mapped = spec(mappings=[{"files": "orders-2.parquet", "rename": {"present": "gift"}}])
    assert states(broken, seen(folder, broken.known, data=mapped)) == ["breaking", "new"]


def renamed():
    return ["present" if name == "gift" else name for name in row()]


def test_a_column_of_a_type_that_never_fits_breaks_the_contract(folder):
    rows = orders({"order": 2})
    place = rows.column_names.index("weight")
    write(folder, "orders-2.parquet", rows.set_column(place, "weight", pa.array([[1.0]])))
    assert seen(folder).verdict.state is SourceState.BREAKING


def test_most_rows_set_aside_is_breaking_and_some_are_a_change(folder):
    known = seen(folder).known
    good = [{"order": number} for number in range(2, 10)]
    write(folder, "orders-2.parquet", orders(*good, {"order": 10, "shop": "west"}, {"order": 11, "shop": "west"}))
    some = seen(folder, known).verdict
    write(folder, "orders-2.parquet", orders({"order": 2, "shop": "west"}))
    most = seen(folder, known).verdict
    assert (some.state, most.state) == (SourceState.CHANGED, SourceState.BREAKING)
    assert some.because == "2 of 10 rows would be set aside, most often: shop is not an allowed value"
    assert some.read == most.read == "everything"


def test_a_few_rows_set_aside_are_a_note(folder):
    write(folder, "orders-2.parquet", orders(*({"order": number} for number in range(20)), {"order": 3}))
    verdict = seen(folder).verdict
    assert (verdict.state, verdict.read) == (SourceState.NEW, "sample")
    assert any("rows would be set aside" in note for note in verdict.notes)


def test_a_sample_reads_the_beginning_and_the_end_alone(folder):
    many = orders(*({"order": number + 2} for number in range(100)))
    pa.parquet.write_table(many, folder / "orders-2.parquet", row_group_size=10)
    known = seen(folder, crawl=CrawlSpec(sample=4)).verdict
    assert (known.rows, known.read) == (101, "sample")
    assert seen(folder, everything=True).verdict.read == "everything"


def test_a_column_that_the_contract_does_not_know_is_told_once(folder):
    known = seen(folder).known
    write(folder, "orders-2.parquet", orders({"order": 2}).append_column("colour", pa.array(["red"])))
    first = seen(folder, known)
    write(folder, "orders-3.parquet", orders({"order": 3}).append_column("colour", pa.array(["red"])))
    second = seen(folder, first.known)
    assert states(first, second) == ["changed", "new"]
    assert first.verdict.because == "colour is new among the columns"
    assert "'colour' is no column of the contract" in second.verdict.notes


@pytest.mark.parametrize("lost", ["orders-1.parquet", "weather-1.parquet"])
def test_a_source_that_is_gone_is_unreachable_and_what_was_known_stays(folder, lost):
    source = "orders" if lost.startswith("orders") else "weather"
    known = seen(folder, source=source).known
    (folder / lost).unlink()
    gone = seen(folder, known, source=source)
    assert (gone.verdict.state, gone.known) == (SourceState.UNREACHABLE, known)
    assert "No file matches" in gone.verdict.because
    assert not gone.verdict.readable


def test_a_damaged_file_is_unreachable_by_name(folder):
    (folder / "orders-1.parquet").write_bytes(b"PAR1")
    verdict = seen(folder).verdict
    assert verdict.state is SourceState.UNREACHABLE
    assert "orders-1.parquet" in verdict.because


def test_a_page_that_rotted_is_unreachable_by_name(folder):
    many = orders(*({"order": number, "weight": number / 7} for number in range(2000)))
    path = write(folder, "orders-1.parquet", many)
    content = bytearray(path.read_bytes())
    content[200:300] = bytes(100)
    path.write_bytes(bytes(content))
    verdict = seen(folder, crawl=CrawlSpec(sample=5000)).verdict
    assert verdict.state is SourceState.UNREACHABLE
    assert "orders-1.parquet" in verdict.because


def test_a_lookup_is_a_source_of_its_own(folder):
    known = seen(folder, source="weather").known
    assert seen(folder, known, source="weather").verdict.state is SourceState.UNCHANGED
    write(folder, "weather-2.parquet", table({"shop": "north", "at": NOON + HOUR}))
    broken = seen(folder, known, source="weather").verdict
    assert (broken.source, broken.state) == ("weather", SourceState.BREAKING)
    assert "no column 'temp'" in broken.because


@pytest.mark.parametrize("name", ["orders-1.csv", "orders-1.csv.gz"])
def test_text_is_read_whole_for_its_event_time(folder, name):
    text = b"at,order,shop,weight,gift,days_back\n2024-01-01T12:00:00Z,1,north,1,true,0\n"
    (folder / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    verdict = seen(folder, data=spec(source="*.csv*")).verdict
    assert (verdict.state, verdict.newest, verdict.read) == (SourceState.NEW, NOON, "everything")


def test_a_file_without_rows_is_no_fault(folder):
    write(folder, "orders-1.parquet", orders({}).slice(0, 0))
    verdict = seen(folder).verdict
    assert (verdict.state, verdict.newest) == (SourceState.NEW, None)


def test_late_is_what_the_contract_or_the_crawler_says(folder):
    promised = spec(freshness="30 minutes")
    known = seen(folder).known
    stale = seen(folder, known, data=promised).verdict
    assert stale.state is SourceState.STALE
    assert stale.because == "the newest row is of 2024-01-01 12:00, 1 hour ago, and 30 minutes is promised"
    assert seen(folder, known, data=promised, crawl=CrawlSpec(fresh="2 hours")).verdict.state is SourceState.UNCHANGED
    assert seen(folder, source="weather", data=promised).verdict.state is SourceState.NEW


def test_a_unit_that_cannot_be_converted_is_told_as_it_is(folder):
    data = spec(mappings=[{"files": "*", "units": {"weight": "mile"}}])
    assert seen(folder, Known(), data=data).verdict.state is SourceState.UNREACHABLE


# -- the store's own files ----------------------------------------------------------------------------------------------


def test_bit_rot_is_found_and_the_versions_named(folder, head):
    store = Store(folder / "store")
    assert checkup(store, "orders", 1.0, "seed", NOON).damaged == ()
    path = store.path(head.fragments[0].blob)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    store.path(head.profile).unlink()
    found = checkup(store, "orders", 1.0, "seed", NOON)
    assert (found.checked, found.of, len(found.damaged)) == (2, 2, 2)
    assert any("is damaged, needed by orders@v1" in one for one in found.damaged)
    assert any("is missing" in one for one in found.damaged)
    assert "2 of 2 stored files are damaged" in str(found)


def test_a_share_of_the_files_is_hashed_and_the_seed_chooses(folder, head):
    store = Store(folder / "store")
    assert checkup(store, "orders", 0.01, "seed", NOON).checked == 1
    assert checkup(store, "orders", 0.0, "seed", NOON).checked == 0
    assert "all sound" in str(checkup(store, "orders", 0.5, "seed", NOON))
    assert checkup(Store(folder / "empty"), "orders", 1.0, "seed", NOON).of == 0


ENOUGH = {"metric": "rowCount", "name": "enough", "at_least": 3}


def test_a_source_is_held_to_the_contract_s_own_rules_on_its_rows(folder):
    data = spec(quality=[ENOUGH])
    few = seen(folder, data=data)
    still = seen(folder, few.known, data=data)
    write(folder, "orders-2.parquet", orders({"order": 2}, {"order": 3}))
    enough = seen(folder, still.known, data=data)
    assert states(few, still, enough) == ["changed", "changed", "new"]
    assert few.verdict.because == "it has 1 rows, and the contract's 'enough' asks for at least 3 rows"
    assert still.verdict.read == "nothing"
    assert few.verdict.readable


def test_a_rule_on_rows_that_only_warns_is_a_note(folder):
    verdict = seen(folder, data=spec(quality=[ENOUGH | {"severity": "warning"}])).verdict
    assert verdict.state is SourceState.NEW
    assert "it has 1 rows, and the contract's 'enough' asks for at least 3 rows" in verdict.notes


def test_a_lookup_is_not_held_to_the_table_s_rules(folder):
    assert seen(folder, data=spec(quality=[ENOUGH]), source="weather").verdict.state is SourceState.NEW


def test_the_rows_of_a_text_are_counted_where_it_is_read(tmp_path):
    data = spec(source="orders-*.csv", lookups={}, mappings=[], quality=[ENOUGH])
    lines = "at,order,shop,weight,gift,days_back\n2024-01-01,1,north,2.0,true,0\n"
    (tmp_path / "orders-1.csv").write_text(lines, encoding="utf-8")
    few = seen(tmp_path, data=data)
    (tmp_path / "orders-1.csv").write_text(f"{lines}2024-01-02,2,north,,,\n2024-01-02,3,north,,,\n", encoding="utf-8")
    grown = seen(tmp_path, few.known, data=data)
    assert states(few, grown) == ["changed", "new"]
    assert (few.verdict.rows, grown.verdict.rows) == (1, 2)


def test_a_source_that_does_not_tell_its_rows_is_not_judged_by_them():
    known = Known(things={"a": Thing("1", rows=1), "b": Thing("1")})
    assert volume_of(rules_on_rows(spec(quality=[ENOUGH]).quality), known, {"a": "1", "b": "1"}, Sight()) == Volume()


def test_text_is_read_with_the_separator_of_its_mapping(tmp_path):
    lines = "at;order;shop;weight;gift;days_back\n2024-01-01;1;north;2.0;true;0\n"
    (tmp_path / "orders-1.csv").write_text(lines, encoding="utf-8")
    data = spec(source="orders-*.csv", lookups={}, mappings=[{"files": "*.csv", "delimiter": ";"}])
    assert seen(tmp_path, data=data).verdict.state is SourceState.NEW
