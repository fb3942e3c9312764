"""What the journal says about sources, folded."""

from dataclasses import dataclass, field, replace

import pytest

from mlray.coordinator.crawler import due_sources, wanted
from mlray.coordinator.state import State, fold
from mlray.coordinator.watched import KEPT, after, fold_sources, gist, paused, untold
from mlray.records import SourceState, Verdict
from mlray.spec import NotifySpec
from tests.unit.coordinator.facts import DAY, NOON, spec

TELL = NotifySpec(webhook="http://127.0.0.1:1/hook")


@dataclass(frozen=True)
class Said:
    kind: str
    data: dict = field(default_factory=dict)
    seq: int = 1


def found(state="new", because="rows", at=NOON, **more):
    return Said("crawl", Verdict("rows", SourceState(state), because, at, listing="l", **more).to_json())


def resumed(source="rows"):
    return Said("resume", {"source": source})


def told(verdict, *, delivered=True):
    return Said("notice", {"source": "rows", "gist": gist(verdict), "delivered": delivered})


def waiting(known):
    return [verdict.because for verdict in untold(known, TELL, NOON)]


def test_a_breaking_source_stays_paused_until_a_person_resumes_it():
    broken = fold_sources([found("breaking", "no column 'x'"), found("new", at=NOON + DAY)])
    assert paused(broken) == "the source 'rows' is paused: no column 'x'"
    assert (broken["rows"].since, broken["rows"].verdict.state) == (NOON, SourceState.NEW)
    again = fold_sources([found("breaking", "no column 'x'"), resumed()])
    assert (paused(again), again["rows"].since) == ("", None)


def test_the_first_reason_of_a_pause_is_kept():
    known = fold_sources([found("breaking", "no column 'x'"), found("breaking", "no column 'y'", at=NOON + DAY)])
    assert (known["rows"].paused, known["rows"].since) == ("no column 'x'", NOON)


def test_what_concerns_no_known_source_changes_nothing():
    assert fold_sources([resumed("other"), Said("notice", {"source": ""}), Said("decision")]) == {}


def test_a_state_folds_its_sources_too():
    entries = [replace(found("breaking"), seq=4), replace(resumed(), seq=7)]
    state = fold(entries)
    assert (state.seq, state.sources["rows"].paused) == (7, "")
    assert paused(fold(entries[:1]).sources)


def test_each_finding_is_told_once_and_again_after_something_else():
    known = fold_sources([found("stale", "1 day old")])
    (verdict,) = untold(known, TELL, NOON)
    assert (verdict.because, untold(known, None, NOON), untold(known, TELL, NOON + DAY)) == ("1 day old", [], [])
    known = after(known, told(verdict, delivered=False))
    assert waiting(known) == ["1 day old"]
    known = after(known, told(verdict))
    assert waiting(known) == []
    assert waiting(after(known, found("stale", "2 days old", at=NOON + DAY))) == []
    better = after(known, found("unchanged", at=NOON + DAY))
    assert waiting(better) == []
    assert waiting(after(better, found("stale", "1 day old", at=NOON + 2 * DAY))) == ["1 day old"]


def test_what_was_not_told_yet_is_not_lost_to_what_was_found_since():
    known = fold_sources([found("new", "rows"), found("unchanged"), found("changed", "gone")])
    assert waiting(known) == ["rows", "gone"]
    many = fold_sources(found(state, str(n)) for n in range(30) for state in ("new", "stale"))
    assert len(many["rows"].pending) == KEPT


@pytest.mark.parametrize(
    ("crawl", "last", "names"),
    [
        (None, None, ()),
        ({}, None, ("rows", "weather")),
        ({"every": "1 day", "jitter": "0 seconds"}, NOON - DAY, ("rows", "weather")),
        ({"every": "1 day", "jitter": "0 seconds"}, NOON, ("weather",)),
        ({"sources": {"weather": {"every": "4 weeks"}}}, NOON - 2 * DAY, ("rows", "weather")),
    ],
)
def test_each_source_is_due_by_its_own_schedule(crawl, last, names):
    project = spec(**({} if crawl is None else {"crawl": crawl}), data=with_weather())
    known = fold_sources([found(at=last)]) if last else {}
    assert due_sources(project, known, NOON) == names
    looked = wanted(project, State(sources=known), NOON)
    assert looked == (names or None)


def test_a_message_that_was_not_taken_is_tried_for_a_day():
    project = spec(crawl={"every": "4 weeks", "notify": {"webhook": "http://127.0.0.1:1/hook"}})
    state = State(sources=fold_sources([found("stale", "old")]))
    assert wanted(project, state, NOON + DAY / 2) == ()
    assert wanted(project, state, NOON + 2 * DAY) is None


def with_weather():
    data = spec().data.model_dump(exclude_unset=True)
    columns = {"temp": {"type": "number"}}
    return data | {"lookups": {"weather": {"source": "w.parquet", "on": ["t"], "columns": columns}}}
