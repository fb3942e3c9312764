from datetime import UTC, datetime, timedelta

import pytest

from mlray.monitoring import Alarm, State, advance

START = datetime(2013, 4, 1, tzinfo=UTC)
OK, WARNING, ALARM, RESOLVED = State.OK, State.WARNING, State.ALARM, State.RESOLVED


def states(*scores, **settings):
    alarm, seen = Alarm(), []
    for week, score in enumerate(scores):
        alarm = advance(alarm, score, 0.25, START + timedelta(weeks=week), **settings)
        seen.append(alarm.state)
    return seen


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.1, 0.2, 0.25), [OK, OK, OK]),
        ((0.3, 0.1), [WARNING, OK]),
        ((0.3, 0.3), [WARNING, ALARM]),
        ((0.5,), [ALARM]),
        ((0.5, 0.22, 0.3, 0.22, 0.22), [ALARM] * 5),
        ((0.5, 0.1, 0.22, 0.1), [ALARM] * 4),
        ((0.5, 0.1, 0.1, 0.1), [ALARM, ALARM, RESOLVED, OK]),
        ((0.5, 0.1, 0.1, 0.3), [ALARM, ALARM, RESOLVED, ALARM]),
        ((0.3, 0.1, 0.3, 0.1), [WARNING, OK, WARNING, OK]),
    ],
    ids=["calm", "once", "twice", "far above", "hovering", "one calm look", "over", "back", "now and then"],
)
def test_scores_lead_to_states(scores, expected):
    assert states(*scores) == expected


def test_how_many_looks_it_takes_can_be_set():
    assert states(0.3, 0.3, 0.3, confirm=3) == [WARNING, WARNING, ALARM]
    assert states(0.3, confirm=1) == [ALARM]
    assert states(0.5, 0.1, clear=1) == [ALARM, RESOLVED]


def test_a_state_remembers_when_it_began():
    first = advance(Alarm(), 0.1, 0.25, START)
    second = advance(first, 0.1, 0.25, START + timedelta(weeks=1))
    third = advance(second, 0.3, 0.25, START + timedelta(weeks=2))
    assert [alarm.since for alarm in (first, second, third)] == [START, START, START + timedelta(weeks=2)]
