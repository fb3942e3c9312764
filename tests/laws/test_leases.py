"""Laws of leases: nobody starves, guarantees hold, no maximum is passed, nothing idles, weights decide, nothing is chance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mlray.leases import Fair, Request, Resources, Rules, Terms, at_most
from tests.unit.leases.lanes import Lane, Simulated

TENANTS, NODES = "abc", ("n1", "n2")
needs = st.builds(Resources, cpu=st.sampled_from([0.5, 1, 2, 4]), gpu=st.sampled_from([0, 0, 0.25, 1]))
capacities = st.builds(Resources, cpu=st.integers(0, 6).map(float), gpu=st.integers(0, 2).map(float))
terms = st.builds(
    Terms,
    weight=st.sampled_from([0.5, 1, 2, 5]),
    maximum=st.none() | st.builds(at_most, cpu=st.integers(0, 8).map(float)),
    priority=st.sampled_from([10, 50, 50, 90]),
)


class Cluster(RuleBasedStateMachine):
    """Anybody asks, ends, pauses and dies at any time, nodes come, shrink and go, terms change."""

    def __init__(self):
        super().__init__()
        self.fairs = (Fair(), Fair())
        self.now, self.number = 0.0, 0
        self.decided = True

    def tell(self, what, *arguments):
        """Tell both, which must be of one mind."""
        for fair in self.fairs:
            getattr(fair, what)(*arguments, self.now)
        self.decided = False

    @property
    def fair(self):
        return self.fairs[0]

    @initialize(first=capacities, second=capacities)
    def begin(self, first, second):
        self.tell("offer", dict(zip(NODES, (first, second), strict=True)))

    @rule(need=needs, tenant=st.sampled_from(TENANTS), sweep=st.sampled_from("xy"), node=st.sampled_from(NODES))
    def ask(self, need, tenant, sweep, node):
        self.number += 1
        self.tell("wait", Request(f"r{self.number}", tenant, sweep, node, need, self.now))

    @rule(need=needs, tenant=st.sampled_from(TENANTS))
    def ask_with_ray_behind(self, need, tenant):
        self.number += 1
        self.tell("wait", Request(f"r{self.number}", tenant, "x", "n1", need, self.now, backed=True))

    @rule(pick=st.randoms(use_true_random=False))
    def end(self, pick):
        for kind, what in (("held", "release"), ("waiting", "drop")):
            if (names := sorted(getattr(self.fair, kind))) and pick.random() < 0.7:
                self.tell(what, pick.choice(names))

    @rule()
    def pause_what_is_asked_back(self):
        for lease in sorted(self.fair.revoked):
            request = self.fair.held[lease].request
            self.tell("release", lease)
            self.tell("wait", request)

    @rule(need=needs, tenant=st.sampled_from(TENANTS), node=st.sampled_from(NODES))
    def announce(self, need, tenant, node):
        self.number += 1
        if self.fair.tenants.get(tenant) is None or self.fair.tenants[tenant].terms.maximum is None:
            self.tell("hold", Request(f"r{self.number}", tenant, "x", node, need, self.now))

    @rule(tenant=st.sampled_from(TENANTS), given=terms)
    def agree(self, tenant, given):
        self.tell("agree", tenant, given)

    @rule(node=st.sampled_from(NODES), capacity=capacities)
    def change(self, node, capacity):
        self.tell("offer", {**self.fair.nodes, node: capacity})

    @rule(seconds=st.sampled_from([0.1, 0.6, 2, 20, 100]))
    def go_on(self, seconds):
        self.now += seconds

    @rule()
    def decide(self):
        before = {node: self.fair.free(node) for node in NODES}
        held = {name: tenant.held for name, tenant in self.fair.tenants.items()}
        decisions = [fair.decide(self.now) for fair in self.fairs]
        assert decisions[0] == decisions[1]
        self.decided = True
        granted = [self.fair.held[lease].request for lease in decisions[0].grants]
        for node in NODES:
            there = [request.need for request in granted if request.node == node and not request.backed]
            assert not there or sum(there, Resources()).fits(before[node]), "more than there was"
        for tenant in {request.tenant for request in granted}:
            assert self.fair.tenants[tenant].terms.allows(self.fair.tenants[tenant].held), "beyond the maximum"
            assert self.fair.tenants[tenant].held != held[tenant]

    @precondition(lambda self: self.decided)
    @invariant()
    def nothing_idles_that_somebody_could_use(self):
        kept_for = {}
        for lease in self.fair._earmarked:
            request = self.fair.waiting[lease]
            kept_for[request.node] = kept_for.get(request.node, Resources()) + request.need
        for request in self.fair.waiting.values():
            tenant = self.fair.tenants[request.tenant]
            if tenant.terms.allows(tenant.held + request.need):
                assert not request.backed
                # Room that is being cleared for a large request is not free for others meanwhile.
                assert request.node in kept_for or not request.need.fits(self.fair.free(request.node))

    @invariant()
    def the_sums_are_right(self):
        for name, tenant in self.fair.tenants.items():
            held = [lease.request.need for lease in self.fair.held.values() if lease.request.tenant == name]
            assert tenant.held == sum(held, Resources())
            assert tenant.leases == len(held)
        for node in NODES:
            there = [
                lease.request.need
                for lease in self.fair.held.values()
                if lease.request.node == node and not lease.request.backed
            ]
            assert self.fair.free(node) == self.fair.nodes[node] - sum(there, Resources())
        assert self.fair.revoked <= set(self.fair.held)
        assert self.fair._earmarked <= set(self.fair.waiting)


Cluster.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestCluster = Cluster.TestCase


def lanes(tenant, number, pack, sweep="s", cpu=1.0, node="n1"):
    return [Lane(tenant, sweep, node, Resources(cpu=cpu), pack) for _ in range(number)]


def cluster(cpus, seed=0, rules=None, **agreed):
    fair = Fair(rules)
    fair.offer({"n1": Resources(cpu=float(cpus))}, 0)
    for tenant, given_terms in agreed.items():
        fair.agree(tenant, given_terms, 0)
    return Simulated(fair, seed)


packs = st.sampled_from([(1, 2), (0.2, 1), (5, 30), 1000])


@settings(max_examples=12, deadline=None)
@given(
    cpus=st.integers(1, 6),
    seed=st.integers(0, 99),
    kinds=st.lists(
        st.tuples(packs, st.integers(1, 6), st.sampled_from([0.5, 1, 4]), st.sampled_from([10, 50, 90])),
        min_size=2,
        max_size=4,
    ),
)
def test_nobody_starves(cpus, seed, kinds):
    """However the others behave, whatever one's weight and priority: the first lease comes within two minutes."""
    simulated = cluster(cpus, seed)
    for tenant, (pack, number, weight, priority) in zip("abcd", kinds, strict=False):
        simulated.fair.agree(tenant, Terms(weight=weight, priority=priority), 0)
        simulated.start(10.0 * "abcd".index(tenant), *lanes(tenant, number, pack))
    simulated.run(200)
    for tenant, _ in zip("abcd", kinds, strict=False):
        firsts = [lane.first for lane in simulated.lanes if lane.tenant == tenant and lane.first is not None]
        assert firsts
        assert min(firsts) <= 150
        assert simulated.worked(tenant) > 0


@settings(max_examples=15, deadline=None)
@given(big=st.integers(2, 6), seed=st.integers(0, 99), pack=packs)
def test_a_large_request_does_not_starve_among_small_ones(big, seed, pack):
    simulated = cluster(big, seed).start(0, *lanes("a", 2 * big, pack))
    simulated.start(5, *lanes("b", 1, 5, cpu=float(big))).run(60)
    assert simulated.lanes[-1].first <= 20


@settings(max_examples=15, deadline=None)
@given(
    own=st.integers(1, 4),
    spare=st.integers(0, 3),
    seed=st.integers(0, 99),
    pack=packs,
    weight=st.sampled_from([0.1, 1, 10]),
    priority=st.integers(0, 100),
)
def test_guarantees_hold(own, spare, seed, pack, weight, priority):
    """At the first rung after it asks, a tenant has its guarantee, whatever weights and priorities there are."""
    simulated = cluster(
        own + spare,
        seed,
        a=Terms(weight=weight, priority=priority),
        b=Terms(guarantee=Resources(cpu=float(own)), priority=100 - priority),
    )
    simulated.start(0, *lanes("a", own + spare + 2, pack)).start(20, *lanes("b", own, 1000))

    def look(now):
        if now.now >= 21.1:
            assert now.fair.tenants["b"].held == Resources(cpu=float(own))

    simulated.run(60, look)


@settings(max_examples=12, deadline=None)
@given(cpus=st.integers(1, 8), seed=st.integers(0, 999), late=st.sampled_from([0.0, 7.0, 100.0]))
def test_two_equal_teams_have_equal_parts_of_a_minute(cpus, seed, late):
    simulated = cluster(cpus, seed).start(0, *lanes("a", cpus, (1, 2))).start(late, *lanes("b", cpus, (1, 2)))
    before = simulated.run(late).worked("a")
    simulated.run(late + 60)
    had = simulated.worked("a") - before
    assert simulated.worked("b") / (had + simulated.worked("b")) == pytest.approx(0.5, abs=0.05)
    assert min(lane.first for lane in simulated.lanes if lane.tenant == "b" and lane.first is not None) <= late + 2


@settings(max_examples=10, deadline=None)
@given(
    cpus=st.integers(1, 5),
    seed=st.integers(0, 999),
    weights=st.lists(st.sampled_from([1, 2, 3, 5]), min_size=2, max_size=3),
)
def test_weights_decide_in_the_long_run_even_where_leases_do_not_divide(cpus, seed, weights):
    agreed = {tenant: Terms(weight=weight) for tenant, weight in zip(TENANTS, weights, strict=False)}
    simulated = cluster(cpus, seed, **agreed)
    for tenant in agreed:
        simulated.start(0, *lanes(tenant, cpus, (1, 2)))
    simulated.run(180)
    whole = sum(simulated.worked(tenant) for tenant in agreed)
    for tenant, given_terms in agreed.items():
        assert simulated.worked(tenant) / whole == pytest.approx(given_terms.weight / sum(weights), abs=0.04)


@settings(max_examples=12, deadline=None)
@given(cpus=st.integers(1, 6), seed=st.integers(0, 99), pack=packs, sweeps=st.integers(2, 3))
def test_a_cluster_is_never_idle_while_lanes_wait(cpus, seed, pack, sweeps):
    simulated = cluster(cpus, seed)
    for number in range(sweeps):
        simulated.start(0, *lanes("ab"[number % 2], cpus, pack, sweep=f"s{number}"))
    simulated.run(60)
    assert simulated.worked("a") + simulated.worked("b") >= 60 - 1.5


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), pack=packs, cpus=st.integers(1, 4))
def test_the_same_events_give_the_same_decisions(seed, pack, cpus):
    def log():
        simulated = cluster(cpus, seed, b=Terms(weight=2)).start(0, *lanes("a", 4, pack))
        return simulated.start(3, *lanes("b", 3, pack)).run(40).log

    assert log() == log()


@settings(max_examples=12, deadline=None)
@given(st.integers(2, 5), st.integers(0, 99))
def test_two_sweeps_of_one_team_have_equal_parts(cpus, seed):
    simulated = cluster(cpus, seed, rules=Rules())
    simulated.start(0, *lanes("a", 3 * cpus, (1, 2), sweep="x")).start(4, *lanes("a", cpus, (1, 2), sweep="y"))
    before = simulated.run(4).worked("a")
    simulated.run(64)
    first, second = simulated.worked("a", "x") - before, simulated.worked("a", "y")
    assert second / (first + second) == pytest.approx(0.5, abs=0.06)
