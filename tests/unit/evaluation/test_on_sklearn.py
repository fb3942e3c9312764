"""The baselines and the feasibility study on small tables with a known answer."""

import numpy as np
import pytest

from mlray.evaluation.on_sklearn import feasibility, linear_baseline
from mlray.records import Feasibility


def table(rows=2400, seed=0):
    """Return a table whose answer depends on one number and one code; one column is partly missing, one wholly."""
    draw = np.random.default_rng(seed)
    number, code = draw.normal(size=rows), draw.integers(0, 5, size=rows)
    gaps = np.where(draw.random(rows) < 0.2, np.nan, draw.normal(size=rows))
    x = np.column_stack([code, number, gaps, np.full(rows, np.nan)]).astype(np.float32)
    y = (draw.random(rows) < 1 / (1 + np.exp(-(2 * number + (code == 3) * 2 - 0.5)))).astype(float)
    return x, y


def test_the_linear_baseline_finds_numbers_and_codes():
    x, y = table()
    model = linear_baseline(x[:2000], y[:2000], [0])
    p = model.predict(x[2000:])
    assert p.dtype == np.float64
    assert p.shape == (400,)
    assert np.mean((p > 0.5) == y[2000:]) > 0.75


def test_the_linear_baseline_answers_codes_it_has_never_seen():
    x, y = table()
    model = linear_baseline(x, y, [0])
    strange = x[:3].copy()
    strange[:, 0] = [77, np.nan, 3]
    assert np.isfinite(model.predict(strange)).all()


def told(**changes):
    x, y = table()
    steps = []
    question = {
        "metric": "auc",
        "goal": 0.75,
        "seed": 0,
        "progress": lambda done, total, note="": steps.append((done, total)),
    }
    found = feasibility(x[:1800], y[:1800], x[1800:], y[1800:], [0], **{**question, **changes})
    return found, steps


def test_feasibility_is_a_whole_answer():
    found, steps = told()
    assert isinstance(found, Feasibility)
    assert found.trivial.value == 0.5
    assert found.trivial.value < found.linear.value < 1
    assert [point.rows for point in found.curve] == [225, 450, 900, 1800]
    assert found.expected.low < found.expected.value < found.expected.high
    assert found.verdict in ("reachable", "uncertain")
    assert "0.75" in str(found)
    assert steps[-1][0] == steps[-1][1]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_feasibility_is_the_same_again():
    assert told()[0] == told()[0]


@pytest.mark.parametrize(
    ("metric", "goal", "verdict"), [("log_loss", 0.01, "out of reach"), ("brier", 0.24, "reachable")]
)
def test_a_goal_for_a_loss_is_reached_from_above(metric, goal, verdict):
    assert told(metric=metric, goal=goal)[0].verdict == verdict


def test_a_tiny_table_still_gets_an_answer():
    x, y = table(rows=120)
    found = feasibility(x[:80], y[:80], x[80:], y[80:], [0], metric="auc", goal=None, seed=0, progress=lambda *_: None)
    assert found.verdict == "no goal"
    assert [point.rows for point in found.curve] == [80]
