"""The score by slice."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mlray.evaluation import slices


def rows(seed=0, n=900):
    draw = np.random.default_rng(seed)
    y = (draw.random(n) < 0.4).astype(float)
    p = np.clip(0.4 + 0.3 * (y - 0.4) + 0.2 * draw.normal(size=n), 0.01, 0.99)
    return y, p, np.full(n, 0.4), np.array(["a", "b", "b"] * (n // 3))


def test_each_slice_is_scored_on_its_rows_the_largest_first():
    y, p, base, carrier = rows()
    found = slices("auc", y, p, base, {"carrier": carrier.tolist()}, at_least=100)
    assert [(part.score.column, part.score.value, part.score.rows) for part in found] == [
        ("carrier", "b", 600),
        ("carrier", "a", 300),
    ]
    assert found[0].score.score.value == pytest.approx(roc_auc_score(y[carrier == "b"], p[carrier == "b"]))
    assert found[0].against.rows == 600


def test_small_slices_are_left_out():
    y, p, base, carrier = rows()
    assert [part.score.value for part in slices("auc", y, p, base, {"c": carrier.tolist()}, at_least=301)] == ["b"]


def test_a_slice_with_one_answer_has_no_auc_but_a_brier_score():
    y, p, base, carrier = rows()
    y[carrier == "a"] = 0
    values = {"c": carrier.tolist()}
    assert [part.score.value for part in slices("auc", y, p, base, values, at_least=1)] == ["b"]
    assert [part.score.value for part in slices("brier", y, p, base, values, at_least=1)] == ["b", "a"]


def test_many_slices_are_judged_more_carefully():
    y, p, base, carrier = rows()
    few = slices("auc", y, p, base, {"c": carrier.tolist()}, at_least=1)
    many = slices("auc", y, p, base, {name: carrier.tolist() for name in "cdefg"}, at_least=1)
    assert few[0].against.gain.level == pytest.approx(1 - 0.05 / 2)
    assert many[0].against.gain.level == pytest.approx(1 - 0.05 / 10)
    assert many[0].score.score.level == 0.95


def test_missing_values_are_a_slice_of_their_own():
    y, p, base, _ = rows(n=30)
    found = slices("brier", y, p, base, {"c": [None, "x"] * 15}, at_least=1)
    assert {part.score.value for part in found} == {"None", "x"}


def test_no_column_gives_no_slice():
    y, p, base, _ = rows()
    assert slices("auc", y, p, base, {}, at_least=1) == ()
