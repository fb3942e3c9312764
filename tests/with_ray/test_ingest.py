"""Ingestion through Ray Data: the same versions as without Ray, and errors that arrive whole."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlray.data import Store, ingest, scan_here
from mlray.data.on_ray import scan_on_ray
from mlray.errors import DataError
from mlray.spec import read_spec

pytestmark = [
    pytest.mark.ray,
    pytest.mark.usefixtures("ray_session"),
    # Ray sets and defines its own deprecated settings and fields.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
    pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`"),
]

FLIGHTS = Path(__file__).parents[2] / "jobs" / "flights"
APRIL = datetime(2013, 4, 1, tzinfo=UTC)


def read_flights(store, run, folder=FLIGHTS, until=APRIL, heard=None):
    spec = read_spec(FLIGHTS)

    def progress(done, total, note=""):
        if heard is not None:
            heard.append((done, total))

    return ingest(spec.data, folder, store, until=until, now=APRIL, run=run, progress=progress)


def test_ray_makes_the_same_version_as_one_process(tmp_path):
    heard = []
    on_ray = read_flights(Store(tmp_path / "ray"), scan_on_ray, heard=heard)
    here = read_flights(Store(tmp_path / "here"), scan_here)
    assert on_ray.digest == here.digest
    assert on_ray.quality == here.quality
    assert on_ray.profile == here.profile
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_first_quarter_is_read_through_the_contract(tmp_path):
    store = Store(tmp_path / "store")
    version = read_flights(store, scan_on_ray)
    assert version.rows == 80_687
    assert version.quality.set_aside == {"weather: wind_speed above 150": 1}
    assert version.quality.mapped == {"distance_km → distance": 24_951, "distance: kilometre → mile": 24_951}
    assert store.verify(version) == len(version.fragments) + 2
    miles = store.read(version, ["distance"])["distance"].to_pylist()
    assert all(mile == round(mile) for mile in miles)


def test_reading_goes_on_where_it_stopped(tmp_path):
    store = Store(tmp_path / "store")
    one = read_flights(store, scan_on_ray)
    assert read_flights(store, scan_on_ray) == one
    two = read_flights(store, scan_on_ray, until=datetime(2013, 5, 1, tzinfo=UTC))
    assert two.number == 2
    assert two.fragments[: len(one.fragments)] == one.fragments
    assert two.rows == 109_040


def test_a_damaged_file_is_named_and_nothing_is_committed(tmp_path):
    for path in (FLIGHTS / "data").glob("*-2013-0[12].parquet"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / path.name).write_bytes(path.read_bytes())
    broken = tmp_path / "data" / "flights-2013-02.parquet"
    content = bytearray(broken.read_bytes())
    # The footer stays whole, so that only the task that reads the pages can notice.
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    broken.write_bytes(content)
    assert pq.read_schema(broken)
    store = Store(tmp_path / "store")
    with pytest.raises(DataError, match=r"flights-2013-02\.parquet is not whole.*nothing was committed"):
        read_flights(store, scan_on_ray, folder=tmp_path)
    assert store.head("departures") is None


def test_nothing_to_read_starts_nothing():
    assert list(scan_on_ray([])) == []


def test_an_ingestion_on_one_cpu_makes_the_same_version(tmp_path):
    one = read_flights(Store(tmp_path / "ray"), partial(scan_on_ray, cpus=1))
    assert one.digest == read_flights(Store(tmp_path / "here"), scan_here).digest


def test_no_cpu_at_all_is_refused():
    with pytest.raises(DataError, match="0 CPUs carry nothing out"):
        list(scan_on_ray([], cpus=0))
