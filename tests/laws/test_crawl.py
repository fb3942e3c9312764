"""What holds of every schedule."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.data import Known, SourceState, Thing, due, next_look
from mlray.data.crawl._judge import Sight, compared, judge, learnt
from mlray.spec import Schedule

moments = st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
seeds = st.text(max_size=5)
schedules = st.one_of(
    st.builds(
        lambda number, unit, jitter: Schedule(every=f"{number} {unit}", jitter=jitter),
        st.integers(1, 90),
        st.sampled_from(["hour", "day", "week"]),
        st.sampled_from([None, "0 seconds", "59 minutes"]),
    ),
    st.builds(
        lambda cron, zone: Schedule(cron=cron, timezone=zone),
        st.sampled_from(["0 3 * * *", "*/20 * * * *", "30 2 * * 1-5", "0 0 1 * *"]),
        st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    ),
)


@settings(max_examples=50)
@given(schedules, seeds, moments)
def test_the_next_look_lies_ahead_and_is_due_from_then_on(schedule, seed, last):
    at = next_look(schedule, seed, last)
    assert at > last
    assert due(schedule, seed, last, at)
    assert not due(schedule, seed, last, at - timedelta(microseconds=1))


@settings(max_examples=50)
@given(schedules, seeds, moments, moments)
def test_whoever_looked_later_looks_again_no_earlier(schedule, seed, one, other):
    first, second = sorted((one, other))
    assert next_look(schedule, seed, first) <= next_look(schedule, seed, second)


@settings(max_examples=50)
@given(schedules, seeds, moments)
def test_two_looks_are_never_farther_apart_than_the_period_and_the_jitter(schedule, seed, last):
    first = next_look(schedule, seed, last)
    second = next_look(schedule, seed, first)
    longest = schedule.period if schedule.cron is None else timedelta(days=32)
    assert second - first <= longest + schedule.spread


# -- verdicts -----------------------------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "c", "d"])
listings = st.dictionaries(names, st.sampled_from(["1", "2", "3"]), min_size=1)
looks = st.lists(listings, min_size=1, max_size=6)
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def sight_of(known, marks, contents):
    """What looking into all that differs would find: each mark is some content, and some marks share one."""
    seen = compared(known, marks)
    return Sight({name: Thing(marks[name], content=contents[marks[name]]) for name in (*seen.new, *seen.differing)})


@given(looks, st.dictionaries(st.sampled_from(["1", "2", "3"]), st.sampled_from("xyz"), min_size=3))
def test_a_source_is_unchanged_exactly_when_it_holds_what_it_held(listings, contents):
    known, held = Known(), None
    for marks in listings:
        sight = sight_of(known, marks, contents)
        verdict = judge("rows", known, marks, sight, now=NOON)
        holds = {name: contents[mark] for name, mark in marks.items()}
        if held is None:
            assert verdict.state is SourceState.NEW
        else:
            assert (verdict.state is SourceState.UNCHANGED) == (holds == held)
        known, held = learnt(known, marks, sight, "contract"), holds
        assert judge("rows", known, marks, Sight(), now=NOON).state is SourceState.UNCHANGED


@given(looks, st.integers(0, 5))
def test_what_breaks_is_found_again_until_it_is_gone(listings, turn):
    known = Known()
    for number, marks in enumerate(listings):
        broken = number == turn
        sight = Sight(trouble="no column 'x'") if broken else sight_of(known, marks, {"1": "1", "2": "2", "3": "3"})
        before, known = known, learnt(known, marks, sight, "contract")
        assert (judge("rows", before, marks, sight, now=NOON).state is SourceState.BREAKING) == broken
        assert known.trouble == ("no column 'x'" if broken else "")
        assert broken <= (known.things == before.things)
