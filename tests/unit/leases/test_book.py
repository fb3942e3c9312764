"""The broker's book: leases, lives, stops, and a new process that knows nothing."""

import pytest

from mlray.errors import InputError
from mlray.leases import Resources, Terms, at_most
from mlray.leases._book import Book, Claim
from mlray.leases._demand import Want
from mlray.leases._shares import Shares

ONE = Resources(cpu=1)


def book(cpus=1, now=0.0):
    found = Book()
    found.offer({"n1": Resources(cpu=cpus)}, {"n1": Resources(cpu=4)}, now)
    return found


def claim(name="a1", need=ONE, sweep="s", lane=None, holder="", node="n1", backed=False):
    return Claim(name, name[0], sweep, lane or name, node, need, backed, holder)


def held(found, name="a1", now=0.0, **changes):
    assert found.ask(claim(name, **changes), now) == "waits"
    assert found.grant(now) == (name,)
    return claim(name, **changes)


def test_a_lane_asks_works_and_gives_back():
    found = book()
    lane = held(found)
    assert found.ask(lane, 1) == "held"
    assert found.word(lane, 1) == "go"
    assert found.ask(claim("b1"), 2) == "waits"
    found.release("a1", 3.0, 4)
    assert found.grant(4) == ("b1",)
    found.release("b1", None, 6)
    assert found.idle
    told = found.standing(6)
    assert [(each.name, each.leases, each.seconds, each.waited) for each in told.tenants] == [
        ("a", 1, 3.0, 0.0),
        ("b", 1, 2.0, 2.0),
    ]


def test_who_asks_again_soon_keeps_its_place():
    found = book()
    held(found)
    found.ask(claim("b1"), 1)
    found.ask(claim("b2"), 2)
    found.give_up("b1", 3)
    assert found.ask(claim("b3", lane="b1"), 4) == "waits"
    found.release("a1", None, 5)
    assert found.grant(5) == ("b3",)


def test_a_place_is_not_kept_for_ever():
    found = book()
    held(found)
    found.ask(claim("b1"), 1)
    found.give_up("b1", 2)
    found.ask(claim("b2"), 3)
    found.expire((), 8)
    found.ask(claim("b3", lane="b1"), 9)
    found.release("a1", None, 10)
    assert found.grant(10) == ("b2",)


def test_giving_up_what_is_held_or_unknown_changes_nothing():
    found = book()
    held(found)
    found.give_up("a1", 1)
    found.give_up("zz", 1)
    assert "a1" in found.fair.held


def test_a_lane_that_asks_for_another_lease_has_lost_sight_of_the_one_before():
    found = book()
    held(found, "a1", lane="l")
    found.ask(claim("a2", lane="l"), 5)
    assert found.grant(5) == ("a2",)


def paused(cpus=1):
    found = book(cpus)
    lane = held(found)
    found.claim("b", Terms(guarantee=ONE), 1)
    found.ask(claim("b1"), 2)
    found.grant(2)
    assert found.word(lane, 3) == "pause"
    assert found.grant(3) == ("b1",)
    return found, lane


def test_a_lease_that_is_asked_back_pauses_and_goes_on_later():
    found, lane = paused()
    assert found.word(lane, 4) == "pause"
    assert found.ask(lane, 4) == "waits"
    found.give_up("a1", 14)
    assert found.ask(lane, 14) == "waits"
    found.release("b1", None, 15)
    assert found.grant(15) == ("a1",)
    assert found.word(lane, 16) == "go"
    found.release("a1", None, 20)
    told = {each.name: each for each in found.standing(20).tenants}
    assert (told["a"].leases, told["a"].seconds) == (1, 8.0)


def test_a_paused_lease_may_be_given_back_too():
    found, lane = paused()
    found.release("a1", None, 5)
    found.release("a1", None, 5)
    assert found.word(lane, 6) == "stop"


def test_a_stopped_sweep_hears_it_everywhere():
    found = book()
    lane = held(found)
    found.ask(claim("a2"), 1)
    found.ask(claim("a3", sweep="t"), 1)
    assert found.stop("s", 2) == ("a2",)
    assert found.stopped("s")
    assert found.word(lane, 3) == "stop"
    assert found.ask(claim("a4"), 3) == "stopped"
    assert found.want(Want("a", "s", 3, ONE, 3), None, None) == 0
    found.release("a1", None, 4)
    assert found.grant(4) == ("a3",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"need": Resources(cpu=5)}, "needs 5 CPUs; its node has 4 CPUs in all"),
        ({"need": Resources(gpu=1)}, "needs 1 GPU; its node has 4 CPUs in all"),
        ({"need": Resources(cpu=3)}, "needs 3 CPUs; 'a' may hold 2 CPUs.* at most"),
    ],
)
def test_what_can_never_be_granted_is_refused_at_once(changes, said):
    found = book(4)
    found.claim("a", Terms(maximum=at_most(cpu=2)) if "may hold" in said else Terms(), 0)
    with pytest.raises(InputError, match=said):
        found.ask(claim(**changes), 0)
    assert found.idle


def test_what_ray_holds_may_be_larger_than_a_node():
    found = book()
    assert held(found, need=Resources(cpu=64), backed=True)


def test_a_dead_holder_loses_its_lease():
    found = book()
    held(found, holder="actor-1")
    assert found.silent(2) == frozenset()
    assert found.silent(4) == {"actor-1"}
    assert found.expire((), 4) == ()
    assert found.expire(("actor-1",), 4) == ("a1",)
    held(found, "b1", now=5)


def test_a_lease_that_nobody_renews_is_lost():
    found = book()
    lane = held(found)
    found.renew([lane], 10)
    assert found.expire((), 20) == ()
    assert found.expire((), 26) == ("a1",)


def test_who_was_only_slow_comes_back_with_its_lease():
    found = book()
    lane = held(found)
    found.expire((), 20)
    assert found.word(lane, 21) == "go"
    assert "a1" in found.fair.held


def test_who_waits_is_not_lost_and_a_paused_one_not_soon():
    found, _ = paused()
    found.ask(claim("a2"), 4)
    found.renew([claim("b1")], 100)
    assert found.expire((), 101) == ()
    found.renew([claim("b1")], 4000)
    assert found.expire((), 4001) == ("a1",)


def test_a_node_that_is_gone_takes_its_leases_along():
    found = book()
    held(found)
    found.offer({}, {}, 1)
    assert "a1" in found.fair.held, "an empty answer is no answer"
    found.offer({"n2": ONE}, {"n2": ONE}, 2)
    assert not found.fair.held


def test_a_renewal_under_way_does_not_bring_back_what_was_given_back():
    found = book()
    lane = held(found)
    found.release("a1", None, 1)
    found.renew([lane], 2)
    assert not found.fair.held
    found.expire((), 100)


def test_a_new_process_learns_from_the_holders_before_it_grants():
    before = book(2)
    lane = held(before)
    before.claim("a", Terms(weight=3), 0)
    before.stop("old", 1)
    before.release("zz", None, 1)
    kept = before.kept(5)

    found = Book()
    found.restore(kept, 100)
    found.offer({"n1": Resources(cpu=2)}, {"n1": Resources(cpu=4)}, 100)
    found.ask(claim("b1"), 100)
    found.ask(claim("b2"), 100)
    assert found.grant(101) == ()
    found.renew([lane], 102)
    assert found.grant(105) == ("b1",)
    assert found.terms("a") == Terms(weight=3)
    assert found.stopped("old")
    assert 4 < found.fair.used(100)["a"] * 2 < 6
    assert {each.name: each.leases for each in found.standing(105).tenants}["a"] == 1


def test_a_new_process_with_nothing_kept_begins_anew():
    found = Book()
    found.restore({}, 0)
    assert found.idle


def test_a_holder_unknown_to_a_new_process_announces_itself_by_asking():
    found = book()
    assert found.word(claim(), 1) == "go"
    assert "a1" in found.fair.held


def test_an_operators_terms_replace_what_is_claimed():
    found = book(2)
    assert found.claim("a", Terms(weight=3), 0) == Terms(weight=3)
    held(found, "b1")
    found.govern(Shares({"a": Terms(weight=2)}, Terms(priority=1)), 1)
    assert found.claim("a", Terms(weight=9), 2) == Terms(weight=2)
    assert found.fair.tenants["b"].terms == Terms(priority=1)


def test_what_is_remembered_ends():
    found = book()
    for number in range(300):
        held(found, f"a{number}", now=number, sweep=f"s{number}")
        found.release(f"a{number}", None, number)
    found.stop("s1", 300)
    found.expire((), 301)
    assert len(found._over) <= 61
    assert len(found.tallies._sweeps) == 200
    found.expire((), 5000)
    assert not found.stopped("s1")
    assert not found._over


def test_people_see_who_holds_what():
    found = book(2)
    held(found, now=1)
    held(found, "b1", now=2, sweep="t")
    found.ask(claim("b2", sweep="t"), 3)
    found.fault = "shares.yaml: wrong"
    told = found.standing(5)
    assert told.lines() == [
        "tenant / sweep                share  lanes  waiting  wait s    lane s",
        "a                               50%      1        0     0.0       4.0",
        "  s                                      1        0     0.0       4.0",
        "b                               50%      1        1     2.0       3.0",
        "  t                                      1        1     2.0       3.0",
        "shares.yaml: wrong",
    ]
    seen = told.to_json()
    assert seen["nodes"] == [
        {"name": "n1", "capacity": {"cpu": 2, "gpu": 0.0, "memory": 0.0}, "free": {"cpu": 0, "gpu": 0.0, "memory": 0.0}}
    ]
    assert [tenant["name"] for tenant in seen["tenants"]] == ["a", "b"]
    found.stop("t", 5)
    assert "  t (stopping)" in found.standing(5).lines()[4]


def test_an_unlimited_amount_is_nothing_in_json():
    found = book()
    found.claim("a", Terms(maximum=at_most(cpu=2)), 0)
    held(found)
    assert found.standing(1).to_json()["tenants"][0]["terms"]["maximum"] == {"cpu": 2, "gpu": None, "memory": None}


def test_an_empty_cluster_says_so():
    assert book().standing(1).lines() == ["No tenant holds or wants anything; nodes: 1."]


def test_a_request_that_is_repeated_waits_once():
    found = book()
    held(found)
    for now in (1, 2):
        assert found.ask(claim("b1"), now) == "waits"
    assert list(found.fair.waiting) == ["b1"]


def test_a_lane_that_announces_two_leases_may_give_back_either():
    found = book(2)
    found.renew([claim("a1", lane="l"), claim("a2", lane="l")], 1)
    found.release("a1", None, 2)
    assert found.ask(claim("a3", lane="l"), 3) == "waits"
    assert found.grant(3) == ("a3",)
    assert list(found.fair.held) == ["a3"]
