"""The journal in memory, where the contract's tests do not look: threads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from mlray.journal import MemoryJournal, open_journal

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


def test_threads_that_append_at_once_lose_nothing():
    journal = MemoryJournal()

    def write(name: int) -> None:
        for number in range(200):
            journal.append("note", "flights", {"number": number}, at=NOON, key=f"{name % 2} {number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert journal.verify() == 400


def test_each_journal_in_memory_is_its_own():
    one, other = open_journal("memory://"), open_journal("memory://")
    one.append("note", "flights", {}, at=NOON)
    assert (one.verify(), other.verify()) == (1, 0)


def test_an_entry_shows_itself_in_one_line_and_as_a_table():
    entry = MemoryJournal().append("decision", "flights", {"act": "hold"}, at=NOON)
    assert str(entry) == "1 2013-04-01 12:00 decision flights"
    assert "<caption>Entry</caption>" in entry._repr_html_()
