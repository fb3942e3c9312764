"""PostgreSQL as a source, through SQLAlchemy and through ADBC: the same rows, with the types that the server has."""

import uuid

import pytest
import sqlalchemy as sa

from mlray.data.on_sql import columns, mark, tables
from mlray.data.sources import probe
from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec
from tests.contract.test_journal import postgresql  # noqa: F401 (a fixture)
from tests.unit.data.samples import NOON
from tests.unit.data.test_cursor import HOUR, Project

TABLE = """CREATE TABLE {schema}.orders (
    id bigserial PRIMARY KEY, at timestamptz, "order" integer, shop text, weight numeric(8, 2), gift boolean,
    days_back double precision, told uuid DEFAULT gen_random_uuid(), notes jsonb DEFAULT '{{"a": 1}}')"""


class Shop(Project):
    def __init__(self, folder, url, prefix):
        self.schema = f"s{uuid.uuid4().hex}"
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        plain = url.replace("+psycopg", "") if prefix else url
        super().__init__(
            folder,
            source={"sql": prefix + plain, "table": f"{self.schema}.orders", "cursor": {"column": "at", "lag": "2 hours"}},
        )  # fmt: skip
        self.run(f"CREATE SCHEMA {self.schema}", TABLE.format(schema=self.schema))

    def run(self, *statements, **values):
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement), values)

    def add(self, *orders):
        for order, at in orders:
            insert = (
                f'INSERT INTO {self.schema}.orders (at, "order", shop, weight, gift) VALUES (:at, :o, :s, 2.5, true)'
            )
            self.run(insert, at=at, o=order, s="north")


@pytest.fixture(params=["", "adbc+"], ids=["sqlalchemy", "adbc"])
def shop(tmp_path, postgresql, request):  # noqa: F811
    return Shop(tmp_path, postgresql, request.param)


def test_new_and_late_rows_come_once(shop):
    shop.add((1, NOON), (2, NOON + 4 * HOUR))
    one = shop.ingest()
    shop.add((3, NOON + 3 * HOUR), (4, NOON + HOUR), (5, NOON + 9 * HOUR))
    two = shop.ingest()
    assert (shop.orders(one), shop.orders(two)) == ([1, 2], [1, 2, 3, 5])
    assert shop.ingest() == two
    assert shop.store.read(two, ["weight", "gift"]).to_pylist()[0] == {"weight": 2.5, "gift": True}
    assert two.note == f"late rows from {shop.data.origin}"


def test_only_what_is_asked_for_is_landed(shop):
    shop.add((1, NOON), (2, NOON + 4 * HOUR), (3, NOON + 5 * HOUR))
    found = list(tables(shop.data.origin, shop.folder, "at", NOON + 4 * HOUR))
    assert [table["order"].to_pylist() for table in found] == [[2, 3]]
    found = list(tables(shop.data.origin, shop.folder, "at", NOON + 4 * HOUR, again=False))
    assert [table["order"].to_pylist() for table in found] == [[3]]


def test_a_probe_counts(shop):
    shop.add((1, NOON), (2, NOON + HOUR))
    assert columns(shop.data.origin, shop.folder)[:3] == ("id", "at", "order")
    assert mark(shop.data.origin, shop.folder, "id") == "2, 2"
    assert probe(shop.data, shop.folder).marks[0][1].startswith("2, 2024-01-01")


def test_what_is_wrong_is_told(shop):
    shop.add((1, NOON))
    said = shop.data.origin.model_dump()
    with pytest.raises(DataError, match="does not exist"):
        list(tables(SourceSpec.model_validate(said | {"table": "nowhere"}), shop.folder))
    with pytest.raises(DataError, match="syntax error"):
        list(tables(SourceSpec.model_validate(said | {"table": None, "query": "SELEC 1"}), shop.folder))
    gone = said["sql"].replace("/tmp/", "/nowhere/")
    with pytest.raises(UnavailableError, match="does not answer"):
        list(tables(SourceSpec.model_validate(said | {"sql": gone}), shop.folder))


def test_a_server_that_goes_away_in_the_middle_commits_nothing(tmp_path, postgresql, monkeypatch):  # noqa: F811
    shop = Shop(tmp_path, postgresql, "")
    shop.add((1, NOON))
    one = shop.ingest()
    monkeypatch.setattr("mlray.data.on_sql.FETCH", 10)
    monkeypatch.setattr("mlray.data.on_sql.ROWS", 100)
    shop.run(
        f'INSERT INTO {shop.schema}.orders (at, "order", shop)'
        f" SELECT timestamptz '2024-01-02' + n * interval '1 second', n, 'north' FROM generate_series(2, 20000) n"
    )
    real, killed = tables, []

    def cut(*given, **named):
        for table in real(*given, **named):
            if not killed:
                killed.append(True)
                shop.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%FETCH%' AND pid <> pg_backend_pid()"
                )
            yield table

    monkeypatch.setattr("mlray.data._land_sql.tables", cut)
    with pytest.raises(UnavailableError, match="does not answer: "):
        shop.ingest()
    assert killed
    assert shop.store.head("orders") == one
