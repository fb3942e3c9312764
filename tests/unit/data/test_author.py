"""Who a version is by: whoever says so, else the user of the process that commits it."""

import socket

import pyarrow as pa
import pytest

from mlray.clock import ManualClock
from mlray.data import Store
from mlray.data._author import AUTHOR, usual_author
from mlray.data._catalog import Catalog
from mlray.data.table import Table
from tests.unit.data.samples import NOON


@pytest.fixture
def table(tmp_path):
    return Table(Store(tmp_path / "store"), "orders", clock=ManualClock(NOON))


def test_a_version_is_by_the_user_of_this_machine_where_nobody_says_more(table, monkeypatch):
    monkeypatch.delenv(AUTHOR, raising=False)
    monkeypatch.setenv("LOGNAME", "ann")
    made = table.append(pa.table({"id": [1]}), key=["id"])
    assert made.author == f"ann@{socket.gethostname()}"
    assert table.store.version("orders", 1).author == made.author


def test_the_environment_names_the_author_of_all_commits(table, monkeypatch):
    monkeypatch.setenv(AUTHOR, "nightly import")
    first = table.append(pa.table({"id": [1]}), key=["id"])
    second = table.append(pa.table({"id": [2]}), author="bob")
    assert (first.author, second.author) == ("nightly import", "bob")
    pushed = Catalog(table.store.storage).push("orders", "text", digest="d", now=NOON)
    assert pushed.author == "nightly import"


def test_the_author_is_no_part_of_what_a_version_is(tmp_path):
    one, two = (Table(Store(tmp_path / name), "orders", clock=ManualClock(NOON)) for name in "ab")
    rows = pa.table({"id": [1]})
    assert one.append(rows, author="ann").digest == two.append(rows, author="bob").digest


def test_a_user_without_a_name_is_a_number(monkeypatch):
    def nobody():
        raise KeyError("uid not found")  # as in a container whose user no file knows

    monkeypatch.delenv(AUTHOR, raising=False)
    monkeypatch.setattr("mlray.data._author.getuser", nobody)
    assert usual_author().partition("@")[0].isdigit()
