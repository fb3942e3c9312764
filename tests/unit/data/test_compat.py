"""What a change of a contract breaks, and for whom; and the contracts that a workspace keeps."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlray.data._catalog import Catalog, keep
from mlray.data._compat import compare, loosened
from mlray.data.store.storage import LocalStorage
from mlray.errors import NotFoundError, StoreError
from tests.unit.data.samples import NOON, contract, spec

COLUMNS = spec().model_dump(exclude_defaults=True)["columns"]
ORDER = {"type": "integer", "min": 1}


def changed(**columns):
    return spec(columns={name: told for name, told in (COLUMNS | columns).items() if told is not None})


def worded(words, **other):
    return spec(
        mappings=[*spec().model_dump(exclude_defaults=True)["mappings"], {"files": "*", "values": words, **other}]
    )


@pytest.mark.parametrize(
    ("new", "what", "breaks"),
    [
        (changed(gift=None), "column 'gift' is gone", {"readers", "callers"}),
        (changed(colour="string"), "column 'colour' is new", {"writers", "callers"}),
        (changed(colour={"type": "string", "nullable": True, "known": "later"}), "column 'colour' is new, and may", set()),
        (changed(order={"type": "number", "min": 1}), "'order' is a number, was a integer", {"readers", "writers", "callers"}),
        (changed(order={"type": "integer", "min": 2}), "'order' is at least 2.0, was 1.0", {"writers", "callers"}),
        (changed(order={"type": "integer"}), "'order' is at least None, was 1.0", {"readers"}),
        (changed(weight=COLUMNS["weight"] | {"max": 50}), "'weight' is at most 50.0", {"writers", "callers"}),
        (changed(weight=COLUMNS["weight"] | {"max": 500}), "'weight' is at most 500.0", {"readers"}),
        (changed(weight=COLUMNS["weight"] | {"unit": "gram"}), "'weight' is in gram", {"readers", "writers", "callers"}),
        (changed(weight=COLUMNS["weight"] | {"nullable": False}), "'weight' must not be missing", {"writers", "callers"}),
        (changed(order=ORDER | {"nullable": True}), "'order' may be missing", {"readers"}),
        (changed(gift=COLUMNS["gift"] | {"known": "later"}), "'gift' is known later", {"readers", "callers"}),
        (changed(shop={"type": "string", "allowed": ["east", "north", "south"]}), "'shop' also allows east", {"readers"}),
        (changed(shop={"type": "string"}), "'shop' allows every value", {"readers"}),
        (changed(gift=COLUMNS["gift"] | {"classification": "secret"}), "'gift' is classified secret", {"readers"}),
        (spec(table="other"), "table renamed", {"readers"}),
        (spec(key=["order"]), "key is order, was at, order", {"writers"}),
        (spec(modes={"rows": "freeze"}), "modes changed", {"writers"}),
        (spec(freshness="1 day"), "freshness is 1 day, was None", {"writers"}),
        (spec(quality=[{"metric": "rowCount", "at_least": 1}]), "new rule rowCount", {"writers"}),
        (spec(mappings=[]), "mapping of '*-old.parquet' is gone", {"readers"}),
        (worded({"shop": {"E": "north"}}), "mapping of '*' is new", set()),
    ],
)  # fmt: skip
def test_a_change_names_whom_it_breaks(new, what, breaks):
    (found,) = compare(spec(), new)

    assert found.what.startswith(what)
    assert set(found.breaks) == breaks
    assert ("breaks nobody" in str(found)) == (not breaks)


def test_a_code_that_is_no_longer_allowed_breaks_who_writes_it():
    more = changed(shop={"type": "string", "allowed": ["east", "north", "south"]})

    assert [(one.what, one.breaks) for one in compare(more, spec())] == [
        ("'shop' no longer allows east", ("writers", "callers"))
    ]
    assert "allows only some values" in compare(changed(shop="string"), spec())[0].what


def test_the_other_way_round_a_rule_or_an_agreement_is_gone():
    with_rule = spec(quality=[{"metric": "rowCount", "at_least": 1}], freshness="1 day")

    assert {change.breaks for change in compare(with_rule, spec())} == {("readers",), ()}
    (time,) = (
        one for one in compare(spec(), spec(time="then", columns=COLUMNS | {"then": "timestamp"})) if "time" in one.what
    )
    assert "event time is 'then'" in time.what


def test_contracts_that_say_the_same_do_not_differ():
    assert compare(spec(), spec(source="elsewhere")) == ()


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (spec(), True),
        (changed(order={"type": "integer"}), True),
        (changed(order=ORDER | {"nullable": True}), True),
        (changed(shop={"type": "string", "allowed": ["north", "south", "west"]}), True),
        (changed(shop={"type": "string"}), True),
        (worded({"shop": {"N": "north"}}), True),
        (worded({"shop": {"north": "south"}}), False),
        (worded({"weight": {"-9": ""}}), False),
        (worded({"shop": {"N": "north"}}, zone="Europe/Berlin"), False),
        (spec(mappings=[]), False),
        (changed(order={"type": "integer", "min": 2}), False),
        (changed(colour={"type": "string", "nullable": True}), False),
        (changed(weight=COLUMNS["weight"] | {"unit": "gram"}), False),
        (spec(key=["order"]), False),
        (spec(target={"name": "returned", "column": "days_back", "above": 3}), False),
    ],
)
def test_only_what_was_set_aside_is_tried_again_where_nothing_else_can_change(new, expected):
    assert loosened(spec(), new) is expected


@pytest.fixture
def catalog(tmp_path):
    return Catalog(LocalStorage(tmp_path))


def test_versions_of_a_contract_are_numbered_and_never_change(catalog):
    one = catalog.push("orders", "a", digest="1", now=NOON, author="ana", note="first")
    two = catalog.push("orders", "b", digest="2", now=NOON)

    assert (one.ref, two.ref) == ("orders@v1", "orders@v2")
    assert catalog.push("orders", "b", digest="2", now=NOON) == two
    assert catalog.get("orders") == two
    assert catalog.get("orders@v1") == one
    assert catalog.names() == ["orders"]
    assert catalog.log("orders") == [one, two]
    assert catalog.by_digest("1") == one
    assert catalog.by_digest("9") is None


@pytest.mark.parametrize(
    ("author", "note", "ref"),
    [
        ("ana", "first", "orders@v1"),
        ("ben", "", "orders@v1"),
        ("ana", "second", "orders@v2"),
        ("ben", "first", "orders@v2"),
    ],
    ids=["repeated", "no note", "another note", "another author of it"],
)
def test_a_known_text_is_kept_again_only_for_a_note(catalog, author, note, ref):
    one = catalog.push("orders", "a", digest="1", now=NOON, author="ana", note="first")
    made = catalog.push("orders", "a", digest="1", now=NOON, author=author, note=note)

    assert made.ref == ref
    assert (made == one) is (ref == "orders@v1")
    assert (made.author, made.note) == ((author, note) if made != one else ("ana", "first"))


def test_a_name_that_is_not_there_is_told_with_the_closest(catalog):
    with pytest.raises(NotFoundError, match="`mlray contract push` makes the first"):
        catalog.get("orders")
    catalog.push("orders", "a", digest="1", now=NOON)
    with pytest.raises(NotFoundError, match=r"Did you mean 'orders'"):
        catalog.get("order")
    with pytest.raises(NotFoundError, match=r"has no version 'v7'.*v1 to v1"):
        catalog.get("orders@v7")


def test_of_many_who_push_at_once_each_gets_a_number(catalog):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: catalog.push("orders", f"text {n}", digest=str(n), now=NOON), range(12)))

    assert sorted(one.number for one in made) == list(range(1, 13))
    assert {one.text for one in catalog.log("orders")} == {f"text {n}" for n in range(12)}


def test_a_damaged_entry_is_told_by_name(catalog, tmp_path):
    catalog.push("orders", "a", digest="1", now=NOON)
    next((tmp_path / "contracts" / "orders").iterdir()).write_text(json.dumps({"name": "x"}), encoding="utf-8")

    with pytest.raises(StoreError, match=r"contracts/orders/000001.json .* is damaged"):
        catalog.get("orders")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(StoreError, match="cannot be written"):
        Catalog(LocalStorage(tmp_path / "file")).push("orders", "a", digest="1", now=NOON)


def test_what_rows_were_read_by_is_kept_once(catalog):
    keep(catalog.storage, spec(), contract().digest, NOON)
    keep(catalog.storage, spec(source="elsewhere"), contract().digest, NOON)

    assert len(catalog.log("orders")) == 1


def test_a_contract_is_kept_anew_once_others_may_see_other_columns(catalog):
    classified = spec().model_dump(exclude_defaults=True)
    classified["columns"]["shop"]["classification"] = "restricted"
    viewed = classified | {"views": {"ana": {"restricted": "drop"}}}
    for each in (spec(), spec(**classified), spec(**viewed), spec(**viewed)):
        keep(catalog.storage, each, contract().digest, NOON)

    assert len(catalog.log("orders")) == 3
    assert "mlray.views" in catalog.get("orders").text
