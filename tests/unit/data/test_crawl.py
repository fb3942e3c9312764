"""The first look at a source."""

from datetime import timedelta

import pytest

from mlray.data import SourceState, Store, ingest, look, scan_here
from tests.unit.data.samples import LATER, NOON, orders, spec, table, write

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


def test_a_source_is_new_before_the_first_version(folder):
    verdict = look(spec(), folder, None)
    assert (verdict.state, verdict.files, verdict.newest) == (SourceState.NEW, 1, NOON)
    assert verdict.readable


def test_a_source_that_the_head_has_is_unchanged(folder, head):
    verdict = look(spec(), folder, head)
    assert verdict.state is SourceState.UNCHANGED
    assert "orders@v1 has" in verdict.because


def test_later_rows_are_new(folder, head):
    write(folder, "orders-2.parquet", orders({"at": NOON + HOUR}))
    verdict = look(spec(), folder, head)
    assert (verdict.state, verdict.newest) == (SourceState.NEW, NOON + HOUR)
    assert "orders@v1 ends" in verdict.because


def test_a_column_that_is_gone_breaks_the_contract(folder, head):
    write(folder, "orders-2.parquet", orders({}).drop_columns("gift"))
    verdict = look(spec(), folder, head)
    assert (verdict.state, verdict.because) == (SourceState.BREAKING, "orders-2.parquet has no column 'gift' any more")
    assert not verdict.readable


@pytest.mark.parametrize("lost", ["orders-1.parquet", "weather-1.parquet"])
def test_a_source_that_is_gone_is_unreachable(folder, lost):
    (folder / lost).unlink()
    verdict = look(spec(), folder, None)
    assert verdict.state is SourceState.UNREACHABLE
    assert "No file matches" in verdict.because


def test_a_damaged_file_is_unreachable(folder):
    (folder / "orders-1.parquet").write_bytes(b"PAR1")
    assert look(spec(), folder, None).state is SourceState.UNREACHABLE


def test_csv_is_asked_row_by_row(folder):
    text = "at,order,shop,weight,gift,days_back\n2024-01-01T12:00:00Z,1,north,1,true,0\n"
    (folder / "orders-1.csv").write_text(text, encoding="utf-8")
    assert look(spec(source="*.csv"), folder, None).newest == NOON


def test_a_source_without_rows_is_unchanged(folder):
    write(folder, "orders-1.parquet", orders({}).slice(0, 0))
    assert look(spec(), folder, None).state is SourceState.UNCHANGED
