from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import jensenshannon

from mlray.monitoring.drift import compare, jensen_shannon, population_stability, sampling_allowance
from mlray.sketches import Reference, profile

START, END = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)


def rows(count=5_000, seed=0, shift=0.0, **changed):
    rng = np.random.default_rng(seed)
    columns = {
        "temp": rng.normal(50 + 10 * shift, 10, count),
        "carrier": rng.choice(["UA", "B6", "EV", "DL"], count, p=[0.4, 0.3, 0.2, 0.1]),
        "visible": rng.choice([10.0, 8.0, 5.0], count, p=[0.8, 0.15, 0.05]),
        "at": pa.array(np.arange(count) * 10**6 + seed * 10**12, pa.timestamp("us", "UTC")),
        **changed,
    }
    return pa.table(columns)


BEFORE = rows(20_000)
REFERENCE = Reference.of(BEFORE)
PROFILE = profile(BEFORE, REFERENCE)


def report(live, threshold=0.25, **settings):
    return compare(
        PROFILE,
        profile(live, REFERENCE),
        endpoint="flights",
        version=1,
        start=START,
        end=END,
        threshold=threshold,
        now=END,
        **settings,
    )


def column(found, name):
    return next(one for one in found.columns if one.column == name)


def test_the_index_is_the_textbook_sum():
    p, q = np.array([10, 20, 70]), np.array([30, 30, 40])
    shares = [(0.1, 0.3), (0.2, 0.3), (0.7, 0.4)]
    assert population_stability(p, q) == pytest.approx(sum((b - a) * np.log(b / a) for a, b in shares))


def test_the_distance_is_scipys():
    p, q = np.array([10, 0, 70, 3]), np.array([30, 30, 0, 1])
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2))


def test_the_allowance_covers_the_stated_share_of_equal_samples():
    rng = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    draws = rng.multinomial(400, shares, 2_000), rng.multinomial(5_000, shares, 2_000)
    above = [population_stability(a, b) > sampling_allowance(a, b, 0.05) for a, b in zip(*draws, strict=True)]
    assert np.mean(above) == pytest.approx(0.05, abs=0.02)


def test_nothing_to_compare_needs_no_allowance():
    assert sampling_allowance(np.array([5, 0]), np.array([7, 0]), 0.01) == 0.0
    assert sampling_allowance(np.array([5, 5]), np.array([0, 0]), 0.01) == 0.0


def test_the_same_kind_of_rows_do_not_drift():
    found = report(rows(3_000, seed=1))
    assert found.drifting == ()
    assert found.broken == ""
    assert found.score < 0.05
    assert str(found).startswith("no column drifted")


def test_a_shift_is_found_and_the_column_named():
    found = report(rows(3_000, seed=1, shift=1.0))
    assert found.drifting == ("temp",)
    assert found.score == column(found, "temp").psi > 0.25
    assert 0 < column(found, "temp").js < 1


def test_a_category_that_takes_over_is_found():
    found = report(rows(2_000, carrier=["DL"] * 1_500 + ["UA"] * 500))
    assert "carrier" in found.drifting


def test_values_that_stop_coming_are_drift_as_well():
    temp = [None if i % 3 == 0 else 50.0 + i % 30 - 15 for i in range(3_000)]
    found = report(rows(3_000, temp=temp))
    assert column(found, "temp").missing == pytest.approx(1 / 3)
    assert "temp" in found.drifting


def test_times_are_left_out_since_they_always_move():
    assert [one.column for one in report(rows(100, seed=9)).columns] == ["temp", "carrier", "visible"]


def test_a_handful_of_rows_raises_nothing_however_odd():
    found = report(rows(12, seed=3, shift=0.5))
    assert found.drifting == ()
    assert found.broken == ""


@pytest.mark.parametrize(
    ("live", "expected", "broken"),
    [
        (rows(0), None, "no rows at all"),
        (rows(40), 900, "only 40 rows where about 900 are usual"),
        (rows(900, temp=pa.nulls(900, pa.float64())), None, "temp is always missing"),
        (
            rows(900, temp=[None] * 600 + [50.0 + i % 7 for i in range(300)]),
            None,
            "temp is missing in 67% of the rows, 0%",
        ),
        (rows(900, carrier=["XX", "YY", "ZZ"] * 300), None, "carrier has values never seen before in 100% of the rows"),
        (rows(900, carrier=["UA"] * 900), None, "carrier always has the same value"),
        (rows(900, temp=[51.5] * 900), None, "temp always has the same value"),
        (rows(900, temp=[283.0 + i % 9 for i in range(900)]), None, "temp lies around 287, far from the usual"),
    ],
    ids=[
        "silent",
        "nearly silent",
        "all missing",
        "mostly missing",
        "new words",
        "stuck word",
        "stuck number",
        "kelvin",
    ],
)
def test_a_broken_feed_is_told_from_a_change(live, expected, broken):
    found = report(live, expected_rows=expected)
    assert found.broken.startswith(broken)
    assert str(found).startswith("broken feed")


@pytest.mark.parametrize(
    "live",
    [
        rows(900, visible=[10.0] * 900),
        rows(900, shift=2.5),
        rows(900, carrier=["UA", "new"] * 450),
        rows(900, temp=[None if i % 2 else 50.0 + i % 20 for i in range(900)]),
        rows(40, temp=[51.5] * 40),
    ],
    ids=["a clear week", "summer", "half new", "half missing", "a few equal"],
)
def test_a_change_is_not_called_broken(live):
    assert report(live, expected_rows=live.num_rows).broken == ""


def test_a_column_without_any_values_in_the_reference_says_nothing():
    before = pa.table({"x": pa.nulls(100, pa.float64()), "y": pa.nulls(100, pa.string())})
    reference = Reference.of(before)
    now = pa.table({"x": [1.0] * 100, "y": ["a"] * 100})
    found = compare(
        profile(before, reference),
        profile(now, reference),
        endpoint="e",
        version=1,
        start=START,
        end=END,
        threshold=0.25,
        now=END,
    )
    assert found.rows == 100
