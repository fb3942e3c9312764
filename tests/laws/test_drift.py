"""What drift reports promise: no false alarms beyond the stated rate, and the same answer for the same rows in any order."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlray.monitoring.alarms import Alarm, State, advance
from mlray.monitoring.drift import compare, jensen_shannon, population_stability
from mlray.sketches import Reference, profile

NOW = datetime(2013, 4, 8, tzinfo=UTC)
counts = st.lists(st.integers(0, 10_000), min_size=6, max_size=6).map(np.array).filter(lambda c: c.sum() > 0)


def report(before, now, threshold=0.1):
    reference = Reference.of(before)
    return compare(
        profile(before, reference),
        profile(now, reference),
        endpoint="e",
        version=1,
        start=NOW,
        end=NOW,
        threshold=threshold,
        now=NOW,
    )


@given(p=counts, q=counts)
def test_both_distances_are_symmetric_and_zero_only_for_equal_shares(p, q):
    assert population_stability(p, q) == pytest.approx(population_stability(q, p))
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p))
    assert population_stability(p, p) == 0.0
    assert jensen_shannon(p, p) == pytest.approx(0.0, abs=1e-7)
    assert population_stability(p, q) >= 0
    assert 0 <= jensen_shannon(p, q) <= 1


@given(p=counts, q=counts, times=st.integers(1, 50))
def test_distances_see_shares_not_sizes(p, q, times):
    assert population_stability(p, q * times) == pytest.approx(population_stability(p, q))
    assert jensen_shannon(p * times, q) == pytest.approx(jensen_shannon(p, q), abs=1e-7)


values = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=2, max_size=60)


@given(before=values, now=values, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_does_not_matter(before, now, seed):
    shuffled = np.random.default_rng(seed).permutation(len(now))
    first = pa.table({"x": pa.array(before, pa.float64())})
    tables = [pa.table({"x": pa.array(part, pa.float64())}) for part in (now, [now[i] for i in shuffled])]
    assert report(first, tables[0]) == report(first, tables[1])


@given(before=values)
def test_rows_never_drift_from_themselves(before):
    table = pa.table({"x": pa.array(before, pa.float64())})
    assert report(table, table).drifting == ()


@pytest.mark.slow
@pytest.mark.parametrize("rows", [30, 300, 3_000])
def test_reports_on_unchanged_traffic_alarm_no_more_often_than_stated(rows):
    rng = np.random.default_rng(3)

    def draw(count):
        numbers = {f"n{i}": rng.standard_normal(count) for i in range(8)}
        words = {f"c{i}": rng.choice(list("abcdefghij"), count, p=np.arange(1, 11) / 55) for i in range(4)}
        return pa.table({**numbers, **words})

    before = draw(20_000)
    reference = Reference.of(before)
    known, alarms = profile(before, reference), 0
    for _ in range(300):
        live = profile(draw(rows), reference)
        # No threshold at all: what is left is the allowance for sampling, whose rate is stated as 0.001.
        found = compare(known, live, endpoint="e", version=1, start=NOW, end=NOW, threshold=0.0, now=NOW)
        alarms += bool(found.drifting)
    assert alarms <= 3


@given(scores=st.lists(st.floats(0, 2), max_size=40), threshold=st.floats(0.05, 1))
def test_an_alarm_never_rings_without_a_score_above_nor_ends_without_two_calm_ones(scores, threshold):
    alarm = Alarm()
    for position, score in enumerate(scores):
        before, alarm = alarm, advance(alarm, score, threshold, NOW)
        if alarm.state in (State.WARNING, State.ALARM) and before.state is not State.ALARM:
            assert score > threshold
        if alarm.state is State.RESOLVED:
            assert before.state is State.ALARM
            assert all(past < 0.8 * threshold for past in scores[position - 1 : position + 1])
