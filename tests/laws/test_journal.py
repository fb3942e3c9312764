"""Laws of the chain: whatever is written stays, and whatever is done to it shows."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlray.errors import JournalError
from mlray.journal import MemoryJournal

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    plain | text, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
)
data = st.dictionaries(text, values, max_size=4)
names = st.sampled_from(["decision", "promise", "note"])
keys = st.none() | st.sampled_from(["a", "b", "c"])


def journal_of(count: int) -> MemoryJournal:
    journal = MemoryJournal()
    for number in range(count):
        journal.append("note", "flights", {"number": number}, at=NOON, key=f"k{number}")
    return journal


@given(data)
def test_data_comes_back_as_json_has_it(written):
    entry = MemoryJournal().append("note", "flights", written, at=NOON)
    assert entry.data == json.loads(json.dumps(written))


@given(st.lists(st.tuples(names, names, keys)))
def test_a_key_counts_once_and_places_have_no_gaps(appends):
    journal = MemoryJournal()
    returned = [journal.append(kind, subject, {}, at=NOON, key=key) for kind, subject, key in appends]
    firsts = {}
    for (_, _, key), entry in zip(appends, returned, strict=True):
        assert key is None or firsts.setdefault(key, entry) == entry
    kept = journal.entries()
    assert [entry.seq for entry in kept] == list(range(1, len(kept) + 1))
    assert journal.verify() == len(kept) == len(firsts) + sum(key is None for _, _, key in appends)


@given(st.integers(1, 8), st.data())
def test_any_changed_field_of_any_entry_is_found_and_named(count, draw):
    journal = journal_of(count)
    seq = draw.draw(st.integers(1, count))
    field = draw.draw(st.sampled_from(["at", "kind", "subject", "key", "data", "previous", "digest"]))
    row = journal._kept[seq - 1]
    changed = draw.draw((st.none() | text | st.binary(max_size=3)).filter(lambda value: value != getattr(row, field)))
    journal._kept[seq - 1] = row._replace(**{field: changed})
    with pytest.raises(JournalError, match=f"entry {seq} "):
        journal.verify()


@given(st.integers(1, 8), st.data())
def test_any_missing_entries_are_found_and_the_first_is_named(count, draw):
    journal = journal_of(count)
    lost = draw.draw(st.sets(st.integers(1, count), min_size=1))
    journal._kept = [row for row in journal._kept if row.seq not in lost]
    with pytest.raises(JournalError, match=f"entry {min(lost)} is missing"):
        journal.verify()


@given(st.integers(2, 8), st.data())
def test_any_other_order_is_found_and_the_first_in_a_wrong_place_is_named(count, draw):
    journal = journal_of(count)
    order = draw.draw(st.permutations(range(count)).filter(lambda order: list(order) != sorted(order)))
    journal._kept = [journal._kept[old]._replace(seq=new + 1) for new, old in enumerate(order)]
    wrong = next(new for new, old in enumerate(order) if new != old)
    with pytest.raises(JournalError, match=rf"entry {wrong + 1} .*was written as entry {order[wrong] + 1}"):
        journal.verify()


@given(st.integers(0, 6), st.integers(0, 6))
def test_an_append_on_condition_goes_through_exactly_when_nothing_came_between(count, believed):
    journal = journal_of(count)
    entry = journal.append_after(believed, "note", "flights", {}, at=NOON)
    assert (entry is not None) == (believed == count)
    assert journal.verify() == count + (entry is not None)
