"""The scorecard as a whole."""

from datetime import UTC, datetime

import numpy as np
import pytest

from mlray.errors import DataError
from mlray.evaluation import compare, metrics, scorecard
from mlray.records import Scorecard
from mlray.spec import Gates

START, END = datetime(2013, 3, 18, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC)


def rows(n=1500, seed=0):
    draw = np.random.default_rng(seed)
    y = (draw.random(n) < 0.3).astype(float)
    signal = draw.normal(size=n) + 1.5 * y
    good = 1 / (1 + np.exp(-(signal - 1.5)))
    poor = 1 / (1 + np.exp(-(signal + 2 * draw.normal(size=n) - 1.5)))
    return y, good, poor, {"carrier": ["UA", "DL", "AA"] * (n // 3), "origin": ["JFK"] * n}


def test_a_better_model_passes_every_gate():
    y, good, poor, values = rows()
    card = scorecard(y, good, poor, poor, values, Gates(slices=("carrier",)), "auc", START, END)
    assert card.passed
    assert [gate.gate for gate in card.gates] == ["baseline", "champion", "slices"]
    assert card.metrics == metrics(y, good)
    assert card.baseline == card.champion == metrics(y, poor)
    assert [part.value for part in card.slices] == ["AA", "DL", "UA"]
    assert (card.rows, card.start, card.end) == (1500, START, END)


def test_a_worse_model_is_refused_with_the_figures():
    y, good, poor, values = rows()
    card = scorecard(y, poor, good, None, values, Gates(), "auc", START, END)
    assert not card.passed
    assert card.champion is None
    gain = compare("auc", y, poor, good).gain
    assert f"gain {gain.value:+.3f}" in str(card)


def test_only_the_columns_that_the_gates_name_are_sliced():
    y, good, poor, values = rows()
    card = scorecard(y, good, poor, None, values, Gates(slices=("origin",)), "brier", START, END)
    assert [(part.column, part.value) for part in card.slices] == [("origin", "JFK")]


def test_a_slice_column_that_is_missing_is_named():
    y, good, poor, values = rows()
    with pytest.raises(DataError, match=r"'dest' is not a column. Known: carrier, origin"):
        scorecard(y, good, poor, None, values, Gates(slices=("dest",)), "auc", START, END)


def test_a_scorecard_survives_json():
    y, good, poor, values = rows()
    card = scorecard(y, good, poor, poor, values, Gates(slices=("carrier", "origin")), "auc", START, END)
    assert Scorecard.from_json(card.to_json()) == card
