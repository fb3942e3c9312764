"""What an autoscaler is asked for."""

import math

import pytest

from mlray.leases import Resources, Terms, at_most
from mlray.leases._book import Book
from mlray.leases._demand import Want, Wants, affordable, bundles, lanes_within
from mlray.leases._nodes import leasable, size

ONE = Resources(cpu=1)


def want(lanes=4, tenant="a", sweep="s", need=ONE, at=0.0):
    return Want(tenant, sweep, lanes, need, at)


@pytest.mark.parametrize(
    ("left", "price", "lanes"),
    [
        (None, 1.0, math.inf),
        (5.0, None, math.inf),
        (5.0, 0.0, math.inf),
        (2.4, 0.001, 20),
        (0.0, 0.001, 0),
        (0.01, 1.0, 1),
    ],
    ids=["no budget", "no price", "free", "as long as it lasts", "nothing left", "one while anything is left"],
)
def test_money_buys_lanes_for_two_minutes_at_least(left, price, lanes):
    assert affordable(left, price) == lanes


@pytest.mark.parametrize(
    ("terms", "need", "lanes"),
    [
        (Terms(), ONE, 8),
        (Terms(maximum=at_most(cpu=5)), Resources(cpu=2), 2),
        (Terms(maximum=at_most(gpu=1)), Resources(cpu=2), 8),
        (Terms(maximum=at_most(gpu=1)), Resources(cpu=2, gpu=0.25), 4),
        (Terms(maximum=at_most(gpu=1)), Resources(), 8),
    ],
)
def test_a_maximum_allows_so_many_lanes(terms, need, lanes):
    assert lanes_within(terms, need, 8) == lanes


def test_one_bundle_is_asked_for_per_lane_and_what_others_use_besides():
    assert bundles([want(2, need=Resources(cpu=1, gpu=0.5))], {}, [Resources(cpu=3), Resources()]) == [
        {"CPU": 1, "GPU": 0.5},
        {"CPU": 1, "GPU": 0.5},
        {"CPU": 3},
    ]
    assert bundles([], {}, [Resources(cpu=3)]) == []


def test_the_sweeps_of_a_tenant_do_not_pass_its_maximum_together():
    asked = bundles([want(3), want(3, sweep="t"), want(3, tenant="b")], {"a": Terms(maximum=at_most(cpu=4))})
    assert len(asked) == 4 + 3


def test_what_is_wanted_is_forgotten_if_it_is_not_said_again():
    wants = Wants()
    assert wants.put(want(), Terms(), None, None) == 4
    assert wants.asked == 4
    wants.tidy(30)
    assert wants
    wants.tidy(31)
    assert not wants


def test_nothing_is_wanted_without_money():
    wants = Wants()
    wants.put(want(), Terms(), None, None)
    assert wants.put(want(), Terms(), 0.0, 1.0) == 0
    assert wants.bundles(lambda _: Terms()) == []


def test_the_book_asks_for_lanes_and_for_what_ray_holds_for_others():
    book = Book()
    book.offer({"n1": Resources(cpu=1)}, {"n1": Resources(cpu=4, gpu=1)}, 0)
    assert book.want(want(3), 1.2, 0.01) == 1
    assert book.bundles() == [{"CPU": 1}, {"CPU": 3, "GPU": 1}]
    assert not book.idle
    book.stop("s", 1)
    assert book.bundles() == []


def test_small_shares_that_lanes_and_endpoints_claim_leave_whole_cores():
    assert leasable({"CPU": 1.996, "GPU": 0.75, "memory": 2e9}) == Resources(2, 0.75, 2e9)
    assert leasable({"CPU": 1.7}) == Resources(cpu=1)
    assert leasable({}) == Resources()
    assert size({"CPU": 2.0, "GPU": 1.0, "memory": 5.0}) == Resources(2, 1, 5)
