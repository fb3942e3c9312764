import pyarrow as pa
import pytest

from mlray.errors import RequestError
from mlray.serving.scoring import ModelFailureError, predict, score
from mlray.serving.table import Loaded
from tests.contract.endpoint_sample import Flights

ROWS = pa.table({"distance": [1000.0, 2000.0]})


def answering(answer):
    predictor = Flights()
    predictor.predict = lambda rows: answer
    return Loaded(1, predictor, {})


@pytest.mark.parametrize(
    "answer",
    [[0.5], [0.5, 0.5, 0.5], [0.5, float("nan")], [0.5, 1.1], [-0.1, 0.5], [None, 0.5], 0.5, None, ["a", "b"]],
    ids=str,
)
def test_what_is_not_one_probability_per_row_is_the_models_failure(answer):
    with pytest.raises(ModelFailureError, match="Version 1"):
        predict(answering(answer), ROWS)


def test_probabilities_come_back_as_plain_numbers():
    import numpy as np

    scores = predict(answering(np.array([0.25, 1.0], dtype=np.float32)), ROWS)
    assert scores == [0.25, 1.0]
    assert {type(value) for value in scores} == {float}


def test_columns_are_checked_first():
    with pytest.raises(RequestError):
        score(Loaded(1, Flights(), {}), {"distance": [1.0]})
