"""Amounts, terms, and the operator's file."""

import math

import pytest

from mlray.errors import InputError, SpecError
from mlray.leases import Resources, Terms, at_most, read_terms
from mlray.leases._shares import Shares, read_shares, terms_json


def test_ten_tenths_are_one():
    together = Resources()
    for _ in range(10):
        together += Resources(cpu=0.1, gpu=0.1)
    assert together == Resources(cpu=1, gpu=1)
    assert together - Resources(cpu=1, gpu=1) == Resources()


@pytest.mark.parametrize(
    ("need", "room", "fits"),
    [
        (Resources(cpu=1), Resources(cpu=1), True),
        (Resources(cpu=1.5), Resources(cpu=1), False),
        (Resources(gpu=0.5), Resources(cpu=-1, gpu=0.5), True),
        (Resources(cpu=1, memory=2), Resources(cpu=1, memory=1), False),
        (Resources(cpu=1, gpu=1), Resources(cpu=8), False),
        (Resources(), Resources(cpu=-1), True),
    ],
    ids=["exactly", "too much", "what is not needed does not matter", "memory", "no such device", "nothing"],
)
def test_all_of_it_must_fit(need, room, fits):
    assert need.fits(room) is fits


def test_the_dominant_share_is_that_of_the_scarcest_resource():
    total = Resources(cpu=10, gpu=2, memory=100)
    assert Resources(cpu=1, gpu=1, memory=10).share(total) == 0.5
    assert Resources(memory=30).share(total) == 0.3
    assert Resources(cpu=1).share(Resources()) == 0


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (Resources(), "nothing"),
        (Resources(cpu=1), "1 CPU"),
        (Resources(cpu=2, gpu=0.5, memory=2**31), "2 CPUs, 0.5 GPUs, 2 GiB"),
    ],
)
def test_an_amount_is_said_as_people_say_it(amount, said):
    assert str(amount) == said


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"weight": 0}, "must be positive, not 0"),
        ({"weight": math.inf}, "must be positive, not inf"),
        ({"priority": 101}, "between 0 and 100, not at 101"),
        ({"guarantee": Resources(cpu=-1)}, "less than nothing: -1 CPUs"),
        ({"maximum": at_most(gpu=-1)}, "less than nothing"),
        ({"guarantee": Resources(cpu=4), "maximum": at_most(cpu=2)}, "guarantee of 4 CPUs exceeds the maximum of 2"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused(terms, said):
    with pytest.raises(InputError, match=said):
        Terms(**terms)


def test_a_maximum_limits_what_it_names():
    terms = Terms(maximum=at_most(cpu=2))
    assert terms.allows(Resources(cpu=2, gpu=50))
    assert not terms.allows(Resources(cpu=3))
    assert Terms().allows(Resources(cpu=10**9))


FILE = """
tenants:
  pricing: {weight: 2, guarantee: {cpu: 4}, maximum: {cpu: 16, memory: 64 GiB}, priority: 60}
others: {maximum: {cpu: 8}}
"""


def test_an_operators_file_has_the_last_word():
    shares = read_shares(FILE, "shares.yaml")
    pricing = Terms(Resources(cpu=4), 2, at_most(cpu=16, memory=64 * 2**30), 60)
    assert shares.terms("pricing", Terms(weight=100)) == pricing
    assert shares.terms("research", Terms(weight=100)) == Terms(maximum=at_most(cpu=8))


def test_where_an_operator_names_no_others_they_are_all_alike():
    assert read_shares("tenants: {a: {weight: 3}}", "shares.yaml").terms("b", Terms(weight=100)) == Terms()
    assert read_shares("", "shares.yaml").terms("b", Terms(weight=100)) == Terms()


def test_without_a_file_tenants_have_what_they_claim():
    assert Shares().terms("a", Terms(weight=3)) == Terms(weight=3)
    assert Shares().terms("a") == Terms()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tenants: [a]", r"f: tenants: \['a'\] is no mapping"),
        ("tenant: {}", "f: 'tenant' is unknown; did you mean 'tenants'"),
        ("tenants: {a: {wieght: 2}}", "f: tenants.a: 'wieght' is unknown; did you mean 'weight'"),
        ("tenants: {a: {zzz: 2}}", "f: tenants.a: 'zzz' is unknown; known are guarantee, weight, maximum, priority"),
        ("tenants: {a: {weight: much}}", "f: tenants.a.weight: 'much' is no amount"),
        ("tenants: {a: {weight: yes}}", "f: tenants.a.weight: True is no amount"),
        ("tenants: {a: {weight: .nan}}", "f: tenants.a.weight: nan is no amount"),
        ("tenants: {a: {guarantee: {memory: 3 apples}}}", "f: tenants.a.guarantee.memory: '3 apples' is no amount"),
        ("tenants: {a: {weight: -1}}", "f: tenants.a: A tenant's weight must be positive"),
        ("others: 3", "f: others: 3 is no mapping"),
        ("a: [", "f: not YAML"),
    ],
)
def test_a_slip_in_the_operators_file_is_named_with_its_place(content, said):
    with pytest.raises(SpecError, match=said):
        read_shares(content, "f")


@pytest.mark.parametrize(
    ("said", "amount"),
    [("64 GiB", 64 * 2**30), ("64GB", 64e9), ("1.5 TB", 1.5e12), (5, 5), ("12", 12)],
)
def test_bytes_may_carry_a_unit(said, amount):
    assert read_terms({"guarantee": {"memory": said}}, "f").guarantee == Resources(memory=amount)


def test_every_slip_is_named_at_once():
    with pytest.raises(SpecError) as caught:
        read_shares("tenants: {a: {weight: -1}, b: {weight: x}}", "f")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("terms", [Terms(), Terms(Resources(cpu=1), 2, at_most(cpu=4), 10)])
def test_terms_survive_as_json(terms):
    assert read_terms(terms_json(terms), "mlray.yaml") == terms


def test_a_claim_with_a_slip_is_refused():
    with pytest.raises(SpecError, match=r"mlray.yaml: sharing.weight: None is no amount"):
        read_terms({"weight": None}, "mlray.yaml: sharing")
