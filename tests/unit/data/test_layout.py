"""The layout of Parquet files: chosen by column, and nothing that a reader would notice."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlray.data._layout import Writer, layout, recurring

ROWS = 1_000
RANDOM = np.random.default_rng(0)
TABLE = pa.table(
    {
        "id": np.arange(ROWS),
        "noise": RANDOM.random(ROWS),
        "few": np.arange(ROWS) % 3,
        "word": [f"w{number % 3}" for number in range(ROWS)],
        "visit": [f"visit {number}" for number in range(ROWS)],
        "yes": np.arange(ROWS) % 2 == 0,
        "at": pa.array(np.arange(ROWS), pa.timestamp("us", "Europe/Rome")),
        "raw": pa.array([bytes([number % 250, number // 250]) for number in range(ROWS)]),
        "list": [[number] for number in range(ROWS)],
        "nothing": pa.nulls(ROWS),
    }
)


def test_values_that_recur_get_a_dictionary_and_others_what_suits_them():
    chosen = layout(TABLE)
    assert chosen["use_dictionary"] == ["few", "word", "list"]
    assert chosen["column_encoding"] == {
        "id": "DELTA_BINARY_PACKED",
        "noise": "BYTE_STREAM_SPLIT",
        "visit": "DELTA_LENGTH_BYTE_ARRAY",
        "at": "DELTA_BINARY_PACKED",
    }


def test_a_dictionary_is_laid_out_as_its_values():
    coded = TABLE.set_column(3, "word", TABLE["word"].dictionary_encode())
    coded = coded.set_column(4, "visit", coded["visit"].dictionary_encode())
    assert layout(coded) == layout(TABLE)


@pytest.mark.parametrize("cut", [1, 7, 400, 5_000])
def test_what_is_written_is_read_back_however_it_was_cut(tmp_path, cut):
    with Writer(tmp_path / "x.parquet", {b"mlray.time": b"at"}, group_rows=300) as writer:
        for start in range(0, ROWS, cut):
            for batch in TABLE.slice(start, cut).to_batches():
                writer.write(batch)
    assert writer.rows == ROWS
    read = pq.read_table(tmp_path / "x.parquet")
    assert read.equals(TABLE)
    assert read.schema.metadata == {b"mlray.time": b"at"}
    metadata = pq.read_metadata(tmp_path / "x.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [300, 300, 300, 100]


def test_batches_may_come_as_dictionary_or_as_text(tmp_path):
    words = TABLE.select(["word"])
    coded = words.set_column(0, "word", words["word"].dictionary_encode())
    for name, order in {"coded": [coded, words], "plain": [words, coded]}.items():
        with Writer(tmp_path / name) as writer:
            for table in order:
                writer.write(table.to_batches()[0])
        read = pq.read_table(tmp_path / name)
        assert read.equals(pa.concat_tables([words, words]))
    assert recurring(pq.read_metadata(tmp_path / "coded")) == ["word"]


def test_a_file_without_rows_has_its_columns(tmp_path):
    with Writer(tmp_path / "x.parquet") as writer:
        writer.close(TABLE.schema)
    assert pq.read_table(tmp_path / "x.parquet").equals(TABLE.slice(0, 0))
    assert recurring(pq.read_metadata(tmp_path / "x.parquet")) == []


def test_a_writer_that_was_given_nothing_writes_nothing(tmp_path):
    with Writer(tmp_path / "x.parquet"):
        pass
    assert not (tmp_path / "x.parquet").exists()


def test_a_writer_is_closed_when_the_rows_fail(tmp_path):
    def write():
        with Writer(tmp_path / "x.parquet", group_rows=10) as writer:
            writer.write(TABLE.to_batches()[0])
            raise KeyError("the rows failed")

    with pytest.raises(KeyError):
        write()
