"""Price books: what is read, what is refused, what computing costs."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from mlray.costs import PriceBook
from mlray.errors import InputError, NotFoundError, SpecError

ROOT = Path(__file__).parents[3]
BOOK = """
book: ours
currency: USD
date: 2026-01-31
source: the invoice of January
nodes:
  small: {cpus: 4, memory_gib: 16, on_demand: 0.20, spot: 0.08}
  gpu: {cpus: 8, memory_gib: 32, gpus: 2, gpu: L4, on_demand: 1.60}
"""


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    (tmp_path / "ours.yaml").write_text(BOOK)
    return PriceBook.load("ours.yaml", folder=tmp_path)


def test_the_laptop_book_comes_with_the_package_and_says_where_its_price_is_from():
    laptop = PriceBook.load("laptop")
    assert laptop.hourly("laptop") == Decimal("0.05")
    assert "0.2016" in laptop.source
    assert laptop.basis
    assert laptop.date


def test_the_example_book_of_aws_can_be_read():
    aws = PriceBook.load(ROOT / "cluster/prices/aws.yaml")
    assert {"m7i.xlarge", "g5.xlarge", "g6.xlarge"} <= set(aws.nodes)
    assert aws.hourly("m7i.xlarge") == Decimal("0.2016")
    assert aws.region == "us-east-1"
    assert all(node.spot < node.on_demand for node in aws.nodes.values())
    assert all(bool(node.gpus) == bool(node.gpu) for node in aws.nodes.values())


def test_a_book_keeps_what_its_file_says(book):
    assert (book.name, book.currency, book.date) == ("ours", "USD", date(2026, 1, 31))
    assert book.node("gpu").gpu == "L4"
    assert book.hourly("small", market="spot") == Decimal("0.08")


@pytest.mark.parametrize(
    ("node", "seconds", "held", "cost"),
    [
        ("small", 3600, {}, "0.2"),
        ("small", 1800, {}, "0.1"),
        ("small", 3600, {"cpus": 1}, "0.05"),
        ("small", 3600, {"cpus": 8}, "0.4"),
        ("small", 3600, {"market": "spot"}, "0.08"),
        ("gpu", 3600, {"gpus": 1}, "0.8"),
        ("gpu", 3600, {"gpus": 1, "cpus": 1}, "0.8"),
        ("gpu", 3600, {"gpus": 0, "cpus": 2}, "0.4"),
        ("gpu", 3600, {"gpus": 0.5, "cpus": 6}, "1.2"),
        ("small", 1, {"cpus": 1}, "0.000013889"),
        ("small", 0, {}, "0"),
    ],
    ids=[
        "hour",
        "half",
        "one CPU",
        "two nodes",
        "spot",
        "a GPU",
        "GPU decides",
        "no GPU",
        "CPUs decide",
        "second",
        "0",
    ],
)
def test_work_pays_for_the_scarcest_thing_it_holds(book, node, seconds, held, cost):
    assert book.compute(node, seconds, **held) == Decimal(cost)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e30])
def test_a_time_that_is_none_is_refused(book, seconds):
    with pytest.raises(InputError) as caught:
        book.compute("small", seconds)
    assert caught.value.remedy


@pytest.mark.parametrize("held", [{"cpus": -1}, {"cpus": float("nan")}, {"gpus": float("inf")}, {"gpus": -0.5}])
def test_a_share_that_is_none_is_refused(book, held):
    with pytest.raises(InputError, match=f"{next(iter(held))} is"):
        book.compute("gpu", 60, **held)


def test_an_unknown_node_type_names_the_closest(book):
    with pytest.raises(NotFoundError, match=r"'smal' is not in the price book 'ours'") as caught:
        book.hourly("smal")
    assert caught.value.remedy == "Did you mean 'small'? It has: small, gpu."
    with pytest.raises(NotFoundError) as caught:
        book.hourly("x9.zz")
    assert caught.value.remedy == "It has: small, gpu."


def test_a_price_that_is_not_offered_is_not_guessed(book):
    with pytest.raises(NotFoundError, match="no spot price for 'gpu'"):
        book.hourly("gpu", market="spot")
    with pytest.raises(NotFoundError, match="'small' has no GPU"):
        book.compute("small", 60, gpus=1)


def test_an_unknown_book_lists_what_comes_with_mlray():
    with pytest.raises(NotFoundError, match="'lapptop' is neither") as caught:
        PriceBook.load("lapptop")
    assert "Known books: laptop" in caught.value.remedy


def test_every_fault_of_a_book_is_told_at_once(tmp_path):
    broken = "book: x\ncurrency: EUR\nnodes:\n  a: {cpus: 0, memory_gib: 1, on_demand: -1, speed: 9}\n"
    (tmp_path / "x.yaml").write_text(broken)
    with pytest.raises(SpecError) as caught:
        PriceBook.load(tmp_path / "x.yaml")
    told = "\n".join(caught.value.problems)
    for place in ("currency", "date", "source", "nodes.a.cpus", "nodes.a.on_demand", "nodes.a.speed"):
        assert f"x.yaml: {place}:" in told
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [1,", "x.yaml:"), ("- 1", "x.yaml: the file: "), ("", "x.yaml: the file: "), ("a: *x", "undefined alias")],
    ids=["not YAML", "a list", "empty", "alias"],
)
def test_a_file_that_is_no_book_is_named(tmp_path, text, says):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        PriceBook.load(tmp_path / "x.yaml")
    assert says in str(caught.value)
    assert caught.value.remedy
