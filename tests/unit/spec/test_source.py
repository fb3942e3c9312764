"""Where rows come from: short as a text, long as a section, and never with a secret in a message."""

import pytest
from pydantic import ValidationError

from mlray.errors import SpecError
from mlray.spec import SourceSpec, read_spec, source_of


@pytest.mark.parametrize(
    ("text", "kind", "scheme", "shown"),
    [
        ("data/day-*.csv", "files", "", "data/day-*.csv"),
        ("file:///srv/day.csv", "files", "file", "file:///srv/day.csv"),
        ("s3://bucket/a/*.parquet?endpoint=x", "files", "s3", "s3://bucket/a/*.parquet"),
        ("https://ann:s3cret@host:8443/a.csv?token=s3cret", "files", "https", "https://ann@host:8443/a.csv"),
        ("kafka://one:9092,two:9092/orders", "kafka", "", "one:9092,two:9092#orders"),
        ("iceberg://lake/shop.orders", "iceberg", "", "lake#shop.orders"),
        ("sqlite:///shop.db#orders", "sql", "sqlite", "sqlite:///shop.db#orders"),
        ("postgresql+psycopg://ann:s3cret@db/x?password=s3cret#orders", "sql", "postgresql+psycopg", "postgresql+psycopg://ann@db/x#orders"),
    ],
)  # fmt: skip
def test_a_text_says_what_it_is(text, kind, scheme, shown):
    source = source_of(text)
    assert (source.kind, source.scheme) == (kind, scheme)
    assert str(source) == shown


def test_only_a_path_is_looked_for_here():
    assert source_of("a.csv").here
    assert source_of("file:///a.csv").here
    assert source_of("file:///a.csv").path == "/a.csv"
    assert not source_of("s3://bucket/a.csv").here
    assert not source_of("sqlite:///a.db#a").here


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({}, "a source has exactly one of files, sql, kafka, iceberg"),
        ({"files": "a.csv", "sql": "sqlite:///a.db", "table": "a"}, "a source has exactly one of"),
        ({"sql": "sqlite:///a.db"}, "it needs either `table` or `query`"),
        ({"sql": "sqlite:///a.db", "table": "a", "query": "select 1"}, "it needs either `table` or `query`"),
        ({"iceberg": "lake"}, "it needs `table: namespace.name`"),
        ({"kafka": "host:9092"}, "it needs `topic`"),
        ({"files": "a.csv", "cursor": {"column": "id"}}, "only `sql` has a cursor column"),
        ({"files": "gopher://host/a.csv"}, "no files are read from 'gopher://'"),
        ({"files": "a.csv", "encoding": "latin-0"}, "no character set has that name"),
    ],
)
def test_what_does_not_go_together_is_told(said, what):
    with pytest.raises(ValidationError, match=what):
        SourceSpec.model_validate(said)


def test_faults_of_a_source_have_their_line(tmp_path):
    text = """project: shop
data:
  source: {sql: 'sqlite:///shop.db', table: orders, cursor: {colum: id}}
  time: at
  columns: {at: timestamp, late: {type: boolean, known: later}}
  target: {name: is_late, column: late}
"""
    (tmp_path / "mlray.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=r"3: unknown key 'colum' in data\.source\.cursor; did you mean 'column'"):
        read_spec(tmp_path)
    (tmp_path / "mlray.yaml").write_text(text.replace("colum:", "column:"), encoding="utf-8")
    assert read_spec(tmp_path).data.origin.cursor.lag == "0 days"
    (tmp_path / "mlray.yaml").write_text(text.replace("{sql: 'sqlite:///shop.db', table: orders, cursor: {colum: id}}", "kafka://host:9092"), encoding="utf-8")  # fmt: skip
    with pytest.raises(SpecError, match=r"3: data\.source: kafka://host:9092 is no source: .*it needs `topic`"):
        read_spec(tmp_path)
