"""A table's edits take rows in whatever form a person has them, and it is shown on one line."""

import numpy as np
import pyarrow as pa
import pytest

from mlray.data import Store, Table
from mlray.errors import DataError


@pytest.fixture
def table(tmp_path):
    return Table(Store(tmp_path / "store"), "t")


def rows(count=10):
    return pa.table({"k": np.arange(count), "x": np.arange(count) / 2, "s": [f"s{n}" for n in range(count)]})


@pytest.fixture
def filled(table):
    table.append(rows(), key=["k"])
    return table


def test_edits_take_frames_and_streams_of_them(table):
    frame = rows().to_pandas()
    table.append(frame.head(6), key=["k"])
    table.append(iter([frame[6:8], rows(10).slice(8).to_batches()[0]]))
    assert table.read().equals(rows())
    table.upsert(frame.head(2).assign(x=[7.0, 8.0]))
    assert table.read()["x"].to_pylist()[:3] == [7.0, 8.0, 1.0]
    table.replace(frame, key=["k"])
    assert table.read().equals(rows())
    table.delete(frame[["k"]].head(8))
    table.delete(frame["k"][8:9])
    assert table.read()["k"].to_pylist() == [9]


@pytest.mark.parametrize("wrong", [[{"k": 1}], {"k": [1]}, None, "k", 7, [1, 2]], ids=str)
@pytest.mark.parametrize("edit", ["append", "upsert", "replace"])
def test_what_is_no_table_is_refused_with_what_would_be_one(filled, edit, wrong):
    with pytest.raises(DataError, match="is no table") as told:
        getattr(filled, edit)(wrong)
    assert "pandas.DataFrame" in told.value.remedy
    assert filled.head.number == 1


def test_a_table_and_its_versions_are_shown_on_one_line(filled):
    line = filled.branch("try")
    assert repr(filled) == f"Table(t in {filled.store.storage.url})"
    assert repr(line).startswith("Table(t@try in ")
    assert repr(filled.at()) == "Snapshot(t@v1: 10 rows × 3 columns)"
