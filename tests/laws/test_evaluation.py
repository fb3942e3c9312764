"""Scores do not depend on what should not matter, and gates never let through what their rule forbids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlray.evaluation import Comparison, compare, judge, metrics, score
from mlray.records import Interval
from mlray.spec import Gates

probability = st.floats(0, 1, allow_subnormal=False)
answered = st.lists(st.tuples(st.booleans(), probability), min_size=2, max_size=60).filter(
    lambda rows: len({answer for answer, _ in rows}) == 2
)


def split(rows):
    return np.array([float(answer) for answer, _ in rows]), np.array([p for _, p in rows])


@given(answered)
def test_every_score_lies_within_its_interval(rows):
    for found in metrics(*split(rows)).values():
        assert found.low <= found.value <= found.high


@given(answered)
def test_the_order_of_rows_does_not_matter(rows):
    backwards = metrics(*split(rows[::-1]))
    for name, found in metrics(*split(rows)).items():
        assert backwards[name].value == pytest.approx(found.value, rel=1e-9, abs=1e-12)
        assert backwards[name].low == pytest.approx(found.low, rel=1e-6, abs=1e-9)


@given(answered)
def test_the_auc_depends_on_ranks_alone(rows):
    y, p = split(rows)
    ranks = np.searchsorted(np.unique(p), p) / len(p)
    assert score("auc", y, ranks) == score("auc", y, p)


@given(answered)
def test_turning_every_answer_around_mirrors_the_auc(rows):
    y, p = split(rows)
    ranks = np.searchsorted(np.unique(p), p) / 64
    there, back = score("auc", y, ranks), score("auc", 1 - y, ranks)
    assert back.value == pytest.approx(1 - there.value)
    assert (back.low, back.high) == pytest.approx((1 - there.high, 1 - there.low))


@given(answered, st.randoms(use_true_random=False))
def test_a_gain_is_a_loss_seen_from_the_other_side(rows, chance):
    y, p = split(rows)
    q = np.array([chance.random() for _ in rows])
    there, back = compare("auc", y, p, q), compare("auc", y, q, p)
    assert back.gain.value == pytest.approx(-there.gain.value, abs=1e-12)
    assert (back.gain.low, back.gain.high) == pytest.approx((-there.gain.high, -there.gain.low), abs=1e-9)
    assert back.excess_loss.value == pytest.approx(-there.excess_loss.value, abs=1e-12)


change = st.floats(-0.5, 0.5)


@st.composite
def comparisons(draw):
    gain, spread = draw(change), draw(st.floats(0, 0.2))
    loss, loss_spread = draw(change), draw(st.floats(0, 0.1))
    return Comparison(
        "auc",
        0.7,
        0.7 - gain,
        Interval(gain, gain - spread, gain + spread),
        Interval(loss, loss - loss_spread, loss + loss_spread),
        1000,
        0.01,
    )


@given(comparisons(), comparisons(), st.floats(0, 0.1), st.floats(0, 0.1))
def test_nothing_passes_that_gains_less_than_was_asked(baseline, champion, asked, more):
    for result in judge(baseline, champion, (), Gates(baseline=asked, champion=more)):
        seen, least = (baseline, asked) if result.gate == "baseline" else (champion, more)
        assert not result.passed or seen.gain.value >= least


@given(comparisons(), comparisons(), st.floats(0, 0.1))
def test_a_stricter_gate_never_lets_more_through(baseline, champion, asked):
    loose = judge(baseline, champion, (), Gates(baseline=asked, champion=asked))
    strict = judge(baseline, champion, (), Gates(baseline=asked + 0.05, champion=asked + 0.05))
    for before, after in zip(loose, strict, strict=True):
        assert before.passed or not after.passed
