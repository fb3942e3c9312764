"""The scheduler, event by event and in simulated clusters."""

from itertools import pairwise

import pytest

from mlray.leases import Decisions, Fair, Request, Resources, Rules, Terms, at_most
from tests.unit.leases.lanes import Lane, Simulated

ONE = Resources(cpu=1)


def fair(cpus=2, now=0.0, rules=None, **terms):
    found = Fair(rules)
    found.offer({"n1": Resources(cpu=cpus)}, now)
    for tenant, given in terms.items():
        found.agree(tenant, given, now)
    return found


def wish(name, need=ONE, since=0.0, sweep="s", node="n1", backed=False):
    """A request named after its tenant: `a1` is the first of `a`."""
    return Request(name, name[0], sweep, node, need, since, backed)


def granted(found, *requests, now=0.0):
    for request in requests:
        found.wait(request, now)
    return found.decide(now).grants


def lanes(tenant, number, pack, sweep="s", cpu=1, **changes):
    return [Lane(tenant, sweep, "n1", Resources(cpu=cpu), pack, **changes) for _ in range(number)]


def test_free_room_goes_to_whoever_has_least():
    found = fair(cpus=3)
    assert granted(found, wish("a1"), wish("a2"), wish("a3"), wish("b1", since=0.1)) == ("a1", "b1", "a2")


def test_a_lease_that_is_given_back_goes_to_who_used_less():
    found = fair(cpus=1)
    assert granted(found, wish("a1"), wish("a2"), wish("b1", since=5)) == ("a1",)
    found.release("a1", 10)
    assert found.decide(10) == Decisions(("b1",), ())


def test_weights_decide_in_proportion():
    found = fair(cpus=6, a=Terms(weight=2))
    grants = granted(found, *(wish(f"a{n}") for n in range(6)), *(wish(f"b{n}") for n in range(6)))
    assert sum(lease[0] == "a" for lease in grants) == 4


def test_the_dominant_resource_counts():
    found = Fair()
    found.offer({"n1": Resources(cpu=9, memory=18)}, 0)
    wishes = [wish(f"a{n}", Resources(cpu=1, memory=4)) for n in range(9)]
    wishes += [wish(f"b{n}", Resources(cpu=3, memory=1)) for n in range(9)]
    grants = granted(found, *wishes)
    # The example of the paper (NSDI 2011, section 4): three tasks of the one, two of the other.
    assert (sum(lease[0] == "a" for lease in grants), sum(lease[0] == "b" for lease in grants)) == (3, 2)


def test_nobody_passes_its_maximum_although_room_is_left():
    found = fair(cpus=4, a=Terms(maximum=at_most(cpu=2)))
    assert granted(found, wish("a1"), wish("a2"), wish("a3")) == ("a1", "a2")
    found.release("a1", 1)
    assert found.decide(1).grants == ("a3",)


def test_a_lowered_maximum_asks_back_the_newest():
    found = fair(cpus=4)
    granted(found, wish("a1"))
    granted(found, wish("a2"), now=1)
    found.agree("a", Terms(maximum=at_most(cpu=1)), 2)
    assert found.decide(2) == Decisions((), ("a2",))
    found.agree("a", Terms(), 3)
    found.decide(3)
    assert found.revoked == frozenset()


def test_priority_goes_first_beyond_the_guarantees():
    found = fair(cpus=2, a=Terms(priority=90), b=Terms(guarantee=ONE), c=Terms(priority=10))
    wishes = [wish(name) for name in ("a1", "a2", "a3", "b1", "b2", "c1")]
    assert granted(found, *wishes) == ("b1", "a1")


def test_a_guarantee_is_lent_and_asked_back_at_once():
    found = fair(cpus=2, b=Terms(guarantee=ONE))
    assert granted(found, wish("a1"), wish("a2", since=0.5)) == ("a1", "a2")
    found.wait(wish("b1", since=1), 1)
    assert found.decide(1) == Decisions((), ("a2",))
    found.release("a2", 1.5)
    assert found.decide(1.5).grants == ("b1",)


def test_beyond_guarantees_one_waits_a_moment_before_others_make_room():
    found = fair(cpus=2)
    granted(found, wish("a1"), wish("a2"))
    found.wait(wish("b1", since=5), 5)
    assert found.decide(5) == Decisions()
    assert found.decide(5.9) == Decisions()
    assert found.decide(6.5) == Decisions((), ("a2",))


def test_nothing_is_asked_back_while_everybody_has_its_part():
    found = fair(cpus=2)
    granted(found, wish("a1"), wish("b1"), wish("a2"), wish("b2"))
    for tenth in range(1, 600):
        assert found.decide(tenth / 10) == Decisions()


def test_who_gives_up_takes_the_asking_back_along():
    found = fair(cpus=2)
    granted(found, wish("a1"), wish("a2"))
    found.wait(wish("b1", since=5), 5)
    found.decide(7)
    assert found.revoked == {"a2"}
    found.drop("b1", 7.5)
    found.decide(7.6)
    assert found.revoked == frozenset()


def test_a_large_request_gets_room_of_its_own():
    found = fair(cpus=4)
    granted(found, *(wish(f"a{n}") for n in range(8)))
    found.wait(wish("b1", Resources(cpu=4), since=1), 1)
    now = 1.0
    while not found.revoked:
        now += 0.5
        found.decide(now)
    assert len(found.revoked) == 4
    for lease in sorted(found.revoked):
        found.release(lease, now)
        grants = found.decide(now).grants
        assert all(grant == "b1" for grant in grants)
    assert "b1" in found.held


def test_what_is_not_needed_for_the_large_request_stays_in_use():
    found = fair(cpus=4)
    granted(found, *(wish(f"a{n}") for n in range(4)))
    found.wait(wish("b1", Resources(cpu=2), since=0), 0)
    found.wait(wish("a9", since=5), 5)
    found.decide(5)
    assert len(found.revoked) == 2
    kept = sorted(set(found.held) - found.revoked)
    found.release(kept[0], 5.1)
    assert found.decide(5.1).grants == ("a9",)


def test_only_what_helps_is_asked_back():
    found = Fair()
    found.offer({"n1": Resources(cpu=8, gpu=1)}, 0)
    with_gpu = Resources(cpu=1, gpu=1)
    granted(found, wish("a1", with_gpu), *(wish(f"a{n}") for n in range(2, 6)))
    found.wait(wish("b1", with_gpu, since=0), 0)
    for half in range(1, 40):
        found.decide(half / 2)
    assert found.revoked == {"a1"}


@pytest.mark.parametrize("lacking", ["gpu", "memory", "cpu"])
def test_room_is_made_in_whatever_lacks(lacking):
    need = Resources(**{lacking: 1.0})
    found = Fair()
    found.offer({"n1": need}, 0)
    granted(found, wish("a1", need))
    found.wait(wish("b1", need), 0)
    for half in range(1, 40):
        found.decide(half / 2)
    assert found.revoked == {"a1"}


def test_leases_without_end_are_held_in_turns():
    simulated = Simulated(fair(cpus=1)).start(0, *lanes("a", 1, 1000), *lanes("b", 1, 1000))
    simulated.run(200)
    assert simulated.worked("a") == pytest.approx(100, abs=8)
    assert simulated.worked("b") == pytest.approx(100, abs=8)
    pauses = [when for when, what, _ in simulated.log if what == "pause"]
    assert min(after - before for before, after in pairwise(pauses)) >= 5


def test_who_has_the_lowest_priority_gets_a_turn_now_and_then():
    found = fair(cpus=1, a=Terms(priority=90))
    simulated = Simulated(found).start(0, *lanes("a", 2, 1.5), *lanes("b", 1, 1000))
    simulated.run(300)
    assert 10 <= simulated.worked("b") <= 60


def test_higher_priority_takes_over_at_the_next_rung():
    found = fair(cpus=1, b=Terms(priority=60))
    simulated = Simulated(found).start(0, *lanes("a", 1, 1000)).start(10, *lanes("b", 1, 5, packs=1))
    simulated.run(30)
    assert 11 <= simulated.lanes[1].first <= 12
    assert simulated.lanes[1].worked == 5
    assert simulated.lanes[0].worked == pytest.approx(25, abs=0.6)


def test_a_node_that_shrinks_asks_back_what_is_too_much():
    found = fair(cpus=3)
    granted(found, wish("a1"), wish("a2"), wish("b1"))
    found.offer({"n1": Resources(cpu=2)}, 5)
    assert found.free("n1") == Resources(cpu=-1)
    assert found.decide(5).revokes == ("a2",)
    found.offer({}, 6)
    found.decide(6)
    assert found.revoked == {"a1", "a2", "b1"}


def test_a_request_fits_on_its_own_node_or_waits():
    found = Fair()
    found.offer({"n1": ONE, "n2": ONE}, 0)
    assert granted(found, wish("a1"), wish("a2"), wish("a3", node="n2"), wish("a4", node="n3")) == ("a1", "a3")


def test_what_ray_holds_counts_but_takes_no_room():
    found = fair(cpus=1)
    assert granted(found, wish("a1", backed=True), wish("a2", since=1), wish("b1", since=2)) == ("a1", "b1")
    found.offer({"n1": ONE}, 2)
    assert found.total == Resources(cpu=2)
    assert found.free("n1") == Resources()
    found.release("a1", 3)
    assert found.total == ONE


def test_what_ray_holds_is_asked_back_only_beyond_the_maximum():
    found = fair(cpus=1, a=Terms(maximum=ONE))
    assert granted(found, wish("a1", backed=True), wish("a2", backed=True)) == ("a1",)
    found.wait(wish("b1", need=Resources(cpu=1)), 0)
    found.decide(20)
    assert found.revoked == frozenset()
    found.agree("a", Terms(maximum=Resources()), 30)
    assert found.decide(30).revokes == ("a1",)


def test_sweeps_of_one_tenant_share_alike():
    found = fair(cpus=4)
    grants = granted(
        found, *(wish(f"a{n}", sweep="x") for n in range(8)), *(wish(f"a{n}", sweep="y", since=1) for n in range(8, 12))
    )
    assert sum(lease in {"a8", "a9", "a10", "a11"} for lease in grants) == 2


def test_the_longest_waiting_lane_of_a_sweep_comes_first():
    found = fair(cpus=1)
    granted(found, wish("a1"))
    for name, since in (("a2", 3), ("a3", 1), ("a4", 2)):
        found.wait(wish(name, since=since), 4)
    found.release("a1", 5)
    assert found.decide(5).grants == ("a3",)


def test_a_holder_that_announces_itself_is_entered_even_without_room():
    found = fair(cpus=1)
    granted(found, wish("a1"))
    found.hold(wish("b1"), 1)
    found.hold(wish("b1"), 1)
    assert found.free("n1") == Resources(cpu=-1)
    assert len(found.decide(1).revokes) == 1


def test_what_happens_twice_happens_once():
    found = fair(cpus=1)
    found.wait(wish("a1", since=3), 3)
    found.wait(wish("a1", since=2), 3)
    assert found.decide(3).grants == ("a1",)
    found.wait(wish("a1"), 3)
    assert not found.waiting
    for _ in range(2):
        found.release("a1", 4)
        found.drop("a1", 4)
    assert found.free("n1") == ONE


def test_time_never_runs_backwards():
    found = fair(cpus=1)
    granted(found, wish("a1"), now=5)
    found.release("a1", 2)
    assert found.used(1) == {"a": 0.0}


def test_half_of_what_was_used_is_forgotten_after_the_half_life():
    found = fair(cpus=1, rules=Rules(half_life=10))
    granted(found, wish("a1"))
    found.release("a1", 10)
    used = found.used(10)["a"]
    assert 6 < used < 10
    assert found.used(20)["a"] == pytest.approx(used / 2)


def test_who_ran_alone_all_night_is_not_locked_out_in_the_morning():
    found = fair(cpus=2)
    simulated = Simulated(found, seed=1).start(0, *lanes("a", 2, (1, 2))).start(900, *lanes("b", 2, (1, 2)))
    before = simulated.run(900).worked("a")
    simulated.run(920)
    assert simulated.worked("a") - before >= 7


def test_who_was_away_does_not_come_back_with_a_claim_to_everything():
    found = fair(cpus=1)
    found.remember("a", 500.0, 0)
    simulated = Simulated(found, seed=2).start(0, *lanes("b", 1, (1, 2))).start(5, *lanes("a", 1, (1, 2)))
    simulated.run(65)
    assert simulated.worked("a") == pytest.approx(30, abs=3)


def test_sweeps_that_are_over_are_forgotten():
    found = fair(cpus=1)
    for number in range(100):
        granted(found, wish(f"a{number}", sweep=f"s{number}"), now=number)
        found.release(f"a{number}", number)
    found.offer({"n1": ONE}, 120)
    assert not found.tenants["a"].sweeps
    assert found.nodes == {"n1": ONE}


def test_room_that_is_cleared_on_one_node_concerns_no_other():
    found = Fair()
    found.offer({"n1": Resources(cpu=2), "n2": Resources(cpu=2)}, 0)
    granted(found, *(wish(f"a{n}") for n in range(2)), *(wish(f"a{n}", node="n2") for n in range(2, 4)))
    found.wait(wish("b1", Resources(cpu=2)), 0)
    found.wait(wish("b2", Resources(cpu=2), node="n2"), 0)
    found.decide(20)
    assert found.revoked == {"a0", "a1", "a2", "a3"}
    found.wait(wish("c1", since=20), 20)
    found.release("a0", 20.1)
    assert found.decide(20.1).grants == ()


def test_an_account_is_settled_once_per_moment():
    found = fair()
    granted(found, wish("a1"))
    assert found.used(5) == found.used(5)
    found.agree("b", Terms(), 5)
    assert found.used(5)["b"] == 0
    found.tenants["b"].account.settle(5, 10)
    assert found.used(5)["b"] == 0
