"""Files: found, read, and refused by name."""

import gzip
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlray.data import sources
from mlray.errors import DataError
from mlray.spec import SourceSpec
from tests.unit.data.samples import NOON, orders, write

HOUR = timedelta(hours=1)


def hourly(count=6):
    times = [NOON + hour * HOUR for hour in range(count)]
    return pa.table({"at": pa.array(times, pa.timestamp("us", "UTC")), "x": range(count), "extra": ["e"] * count})


def test_files_come_in_order_of_name(tmp_path):
    for name in ("b-2.parquet", "b-1.parquet", "c.parquet"):
        write(tmp_path, f"data/{name}", orders({}))
    found = sources.files(tmp_path, "data/b-*.parquet")
    assert [path.name for path in found] == ["b-1.parquet", "b-2.parquet"]
    assert sources.files(tmp_path, str(tmp_path / "data" / "c.*")) == [tmp_path / "data" / "c.parquet"]


def test_no_file_is_answered_with_what_is_there(tmp_path):
    write(tmp_path, "data/a.parquet", orders({}))
    with pytest.raises(DataError, match=r"No file matches 'data/b\*'.*data has a\.parquet"):
        sources.files(tmp_path, "data/b*")
    with pytest.raises(DataError, match="nowhere is empty or missing"):
        sources.files(tmp_path, "nowhere/b*")


def test_a_files_name_is_its_path_from_the_project_on(tmp_path):
    assert sources.name_of(tmp_path / "data" / "a.csv", tmp_path) == "data/a.csv"
    assert sources.name_of(tmp_path / "a.csv", tmp_path / "project") == (tmp_path / "a.csv").as_posix()


def test_only_the_columns_asked_for_are_read(tmp_path):
    raw = sources.read(write(tmp_path, "a.parquet", hourly()), {"x", "at", "absent"})
    assert raw.table.column_names == ["at", "x"]
    assert raw.positions.tolist() == [0, 1, 2, 3, 4, 5]


def test_row_groups_outside_the_window_are_skipped_and_places_kept(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(hourly(), path, row_group_size=2)
    raw = sources.read(path, {"x"}, "at", NOON + 2 * HOUR, NOON + 4 * HOUR)
    assert raw.table["x"].to_pylist() == [2, 3]
    assert raw.positions.tolist() == [2, 3]
    nothing = sources.read(path, {"x"}, "at", NOON + 20 * HOUR, NOON + 40 * HOUR)
    assert (nothing.table.num_rows, len(nothing.positions)) == (0, 0)


def test_row_groups_with_missing_times_are_never_skipped(tmp_path):
    table = pa.table({"at": pa.array([NOON, None], pa.timestamp("us", "UTC")), "x": [1, 2]})
    path = write(tmp_path, "a.parquet", table)
    assert sources.read(path, {"x"}, "at", NOON + 2 * HOUR, NOON + 4 * HOUR).table.num_rows == 2
    assert sources.span(path, "at") is None


def test_the_span_comes_from_the_footer(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(hourly(), path, row_group_size=2)
    assert sources.span(path, "at") == (NOON, NOON + 5 * HOUR)
    assert sources.span(path, "x") is None
    assert sources.span(path, "absent") is None


def test_a_naive_span_is_utc(tmp_path):
    times = pa.array([datetime(2024, 1, 1, 12)], pa.timestamp("ms"))  # noqa: DTZ001
    path = write(tmp_path, "a.parquet", pa.table({"n": [{"at": 1}], "at": times}))
    assert sources.span(path, "at") == (NOON, NOON)


@pytest.mark.parametrize("empty", [True, False], ids=["no rows", "no statistics"])
def test_a_footer_that_does_not_tell_gives_no_span(tmp_path, empty):
    path = tmp_path / "a.parquet"
    pq.write_table(hourly(0 if empty else 2), path, write_statistics=empty)
    assert sources.span(path, "at") is None


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.csv.gz"])
def test_csv_values_are_text_and_empty_ones_missing(tmp_path, name):
    text = 'at,x,extra\n2024-01-01,007,\n2024-01-02,NA,"a,b"\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert sources.columns_of(path) == ("at", "x", "extra")
    raw = sources.read(path, {"x", "extra"})
    assert raw.table.to_pylist() == [{"x": "007", "extra": None}, {"x": None, "extra": "a,b"}]
    assert raw.positions.tolist() == [0, 1]
    assert sources.span(path, "at") is None


def test_a_parquet_file_lists_its_columns(tmp_path):
    assert sources.columns_of(write(tmp_path, "a.pq", hourly())) == ("at", "x", "extra")


def test_a_truncated_parquet_file_is_refused_by_name(tmp_path):
    path = write(tmp_path, "a.parquet", hourly())
    path.write_bytes(path.read_bytes()[:-20])
    for ask in (lambda: sources.read(path, {"x"}), lambda: sources.span(path, "at"), lambda: sources.columns_of(path)):
        with pytest.raises(DataError, match=r"a\.parquet is not whole, or not Parquet.*nothing was committed"):
            ask()


def test_damaged_pages_are_refused_by_name(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(hourly(600), path, write_page_checksum=True, use_dictionary=False, compression="none")
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet is not whole"):
        sources.read(path, {"at", "x"})


TEXT = "at,x\n2024-01-01,1\n"
LINES = '{"at": "2024-01-01", "x": 1}\n'


def workbook():
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
    return sink.getvalue()


def parquet():
    sink = io.BytesIO()
    pq.write_table(hourly(), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "what", "remedy"),
    [
        ("a.csv", LINES.encode(), "JSON lines, though its name says CSV", "Rename it to .jsonl, or write `format: json`"),
        ("a.csv", LINES.encode("utf-8-sig"), "JSON lines, though its name says CSV", "Rename it to .jsonl"),
        ("a.csv", parquet(), "Parquet, though its name says CSV", "Rename it to .parquet, or write `format: parquet`"),
        ("a.jsonl", parquet(), "Parquet, though its name says JSON lines", "Rename it to .parquet"),
        ("a.csv", workbook(), "a workbook (xlsx) or another ZIP archive", "Export its sheet as CSV, or unpack it"),
        ("a.jsonl", workbook(), "a workbook (xlsx) or another ZIP archive", "Export its sheet as CSV"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook (xls)", "Export its sheet as CSV"),
        ("a.csv.gz", gzip.compress(gzip.compress(TEXT.encode())), "packed with gzip", "Unpack it"),
        ("a.csv.gz", gzip.compress(parquet()), "Parquet, though its name says CSV", "Rename it to .parquet"),
        ("a.parquet", TEXT.encode(), "text that begins 'at,x'", "If it is CSV: rename it to .csv, or write `format: csv`"),
        ("a.parquet", TEXT.encode("utf-16"), "text that begins 'at,x'", "If it is CSV: rename it to .csv"),
        ("a.parquet", "größe\n1\n".encode("cp1252"), "text that begins 'gr", "If it is CSV: rename it to .csv"),
        ("a.parquet", LINES.encode(), "JSON lines, though its name says Parquet", "Rename it to .jsonl"),
        ("a.parquet", workbook(), "a workbook (xlsx) or another ZIP archive", "Export its sheet as CSV"),
        ("a.parquet", gzip.compress(TEXT.encode()), "packed with gzip, though its name says Parquet", "Unpack it"),
    ],
)  # fmt: skip
def test_a_file_that_is_another_kind_is_told_what_it_is(tmp_path, name, content, what, remedy):
    path = tmp_path / name
    path.write_bytes(content)
    for ask in (lambda: sources.read(path, {"x"}), lambda: sources.columns_of(path)):
        with pytest.raises(DataError) as caught:
            ask()
        assert caught.value.problem.startswith(f"{path} is {what}")
        assert caught.value.remedy.startswith(remedy)
        assert caught.value.remedy.endswith("nothing was committed.")


@pytest.mark.parametrize(
    ("format_", "content", "remedy"),
    [
        ("csv", parquet(), "Write `format: parquet` in the source; nothing was committed."),
        ("csv", LINES.encode(), "Write `format: json` in the source; nothing was committed."),
        ("parquet", TEXT.encode(), "If it is CSV: write `format: csv` in the source; nothing was committed."),
    ],
)
def test_a_format_that_the_source_names_is_what_is_to_be_changed(tmp_path, format_, content, remedy):
    (tmp_path / "a.dat").write_bytes(content)
    (file,) = sources.find(SourceSpec(files="a.dat", format=format_), tmp_path)
    with pytest.raises(DataError, match="though its source says") as caught:
        sources.columns_of(file)
    assert caught.value.remedy == remedy


@pytest.mark.parametrize("content", [b"", b"PAR1 without an end", bytes(range(256))])
def test_what_may_be_damaged_parquet_is_not_taken_for_anything_else(tmp_path, content):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet is not whole, or not Parquet"):
        sources.read(path, {"x"})


@pytest.mark.parametrize("header", ["{id},x", "{}", '{"id"},x', "a\0,x"])
def test_an_odd_header_is_a_header(tmp_path, header):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n{','.join('1' * (header.count(',') + 1))}\n", encoding="utf-8")
    assert len(sources.columns_of(path)) == header.count(",") + 1


def test_parquet_named_csv_is_refused_with_the_right_name(tmp_path):
    path = write(tmp_path, "a.csv", hourly())
    with pytest.raises(DataError, match=r"is Parquet, though its name says CSV\. Rename it"):
        sources.read(path, {"x"})


@pytest.mark.parametrize("content", [b"at,x\n2024-01-01,1\n2024-01-0", b"", b"at,x\n\xff\xfe,1\n"])
def test_csv_that_is_cut_or_empty_or_not_text_is_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.csv is not whole, or not CSV"):
        sources.read(path, {"at", "x"})


def test_an_empty_csv_with_a_header_has_no_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("at,x\n", encoding="utf-8")
    assert sources.read(path, {"x"}).table.num_rows == 0


def test_a_value_of_several_lines_is_one_value(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('x,note\n1,"two\nlines"\n', encoding="utf-8")
    assert sources.read(path, {"note"}).table["note"].to_pylist() == ["two\nlines"]


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,x\n1,2\n", encoding="utf-8")
    pq.write_table(pa.table([[1], [2]], names=["x", "x"]), tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(DataError, match=rf"{name} has the column 'x' twice"):
            sources.read(tmp_path / name, {"x"})


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="neither Parquet nor CSV"):
        sources.read(tmp_path / "a.xlsx", {"x"})


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_a_file_that_went_away_is_named(tmp_path, name):
    with pytest.raises(DataError, match="cannot be opened: No such file"):
        sources.read(tmp_path / name, {"x"})


def test_times_with_an_offset_span_in_utc(tmp_path):
    times = pa.array([NOON], pa.timestamp("us", "America/New_York"))
    assert sources.span(write(tmp_path, "a.parquet", pa.table({"at": times})), "at") == (NOON, NOON.astimezone(UTC))


def test_json_lines_of_mixed_types_are_text_and_a_line_that_is_none_is_named(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1, "b": 1}\n{"a": "x", "b": 2.5}\n')
    assert sources.read(file, ["a", "b"]).table.to_pydict() == {"a": ["1", "x"], "b": [1.0, 2.5]}
    file.write_text('{"a": 1}\n\n{broken\n')
    with pytest.raises(DataError, match=r"line 3 is no JSON object: \{broken"):
        sources.read(file, ["a"])


@pytest.mark.parametrize(("between", "shown"), [(";", ";"), ("\t", "\\t"), ("|", "|")])
def test_another_separator_is_named_with_what_to_write(tmp_path, between, shown):
    file = tmp_path / "a.csv"
    file.write_text(f"at{between}x\n2024-01-01{between}1\n")
    with pytest.raises(DataError, match="it looks as if") as caught:
        sources.columns_of(file)
    assert f'delimiter: "{shown}"' in caught.value.remedy


@pytest.mark.parametrize(
    ("written", "read", "shown"),
    [
        ("utf-16", "utf-8", "is in UTF-16, and is read as utf-8"),
        ("utf-16", "utf-32", "is in UTF-16, and is read as utf-32"),
        ("utf-32", "utf-8", "is in UTF-32, and is read as utf-8"),
        ("utf-32", "utf-16", "is in UTF-32, and is read as utf-16"),
        ("utf-16-le", "latin-1", "looks like UTF-16, the low byte first, without a mark"),
        ("utf-16-be", "utf-8", "looks like UTF-16, the high byte first, without a mark"),
        ("utf-16-be", "utf-16", "looks like UTF-16, the high byte first, without a mark"),
        ("utf-32-le", "utf-8", "looks like UTF-32, the low byte first, without a mark"),
        ("utf-32-be", "utf-8", "looks like UTF-32, the high byte first, without a mark"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_wide_letters_are_known_and_the_remedy_helps(tmp_path, name, written, read, shown):
    content = (LINES if name == "a.jsonl" else TEXT).encode(written)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    (file,) = sources.find(SourceSpec(files=name, encoding=read), tmp_path)
    with pytest.raises(DataError) as caught:
        sources.columns_of(file)
    assert caught.value.problem.startswith(f"{tmp_path / name} {shown}")
    assert f"encoding: {written}}}" in caught.value.remedy
    (file,) = sources.find(SourceSpec(files=name, encoding=written), tmp_path)
    assert sources.columns_of(file) == ("at", "x")


@pytest.fixture
def threads():
    """As many threads as a computer usually has: one alone would count the rows by itself."""
    usual = pa.cpu_count()
    pa.set_cpu_count(4)
    yield
    pa.set_cpu_count(usual)


@pytest.mark.parametrize("row", [2, 6, 151, 60_001])
@pytest.mark.parametrize(("value", "encoding"), [("x", "utf-8"), ('"two\n\nlines, ""x"""', "utf-8"), ("ä", "cp1252")])
@pytest.mark.usefixtures("threads")
def test_a_ragged_row_is_told_with_its_number(tmp_path, row, value, encoding):
    lines = ["at,x,note", *(f"2024-01-01,{number},{value}" for number in range(max(200, row + 20)))]
    # What looks like a number at first and like none later is no reason to stop before the row.
    lines[row - 1] += ",9"
    (tmp_path / "a.csv").write_bytes("\n".join([*lines, "2024-01-01,z,1,1"]).encode(encoding))
    (file,) = sources.find(SourceSpec(files="a.csv", encoding=encoding), tmp_path)
    with pytest.raises(DataError) as caught:
        sources.read(file, {"x"})
    assert caught.value.problem.startswith(f"{tmp_path / 'a.csv'} is not whole, or not CSV in every line")
    assert f"Row #{row}: Expected 3 columns, got 4: 2024-01-01,{row - 2},{value[:4]}" in caught.value.problem
    assert "The header is row 1" in caught.value.remedy
