from datetime import UTC, datetime

import pytest

from mlray.errors import RequestError
from mlray.records import Endpoint
from mlray.serving.counters import Counters
from mlray.serving.inference import Call, infer
from mlray.serving.protocol import Inference
from mlray.serving.table import Loaded, Snapshot
from tests.contract.endpoint_sample import Flights

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


class Careless(Flights):
    """Its check raises something that is no error of ours."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def check(self, columns):
        raise self.error


def call():
    return Call(Inference("", {"distance": [1.0]}, 1), "r1", "team", NOON, 100)


def snapshot(predictor):
    return Snapshot(Endpoint("flights", "", live=1), {1: Loaded(1, predictor, predictor.describe())})


@pytest.mark.parametrize("error", [ValueError("bad"), TypeError("bad"), OverflowError("bad"), ZeroDivisionError("bad")])
def test_a_check_that_stumbles_over_the_rows_blames_the_rows(error):
    with pytest.raises(RequestError, match="cannot be read: bad"):
        infer(snapshot(Careless(error)), call(), Counters())


def test_a_check_that_is_broken_itself_does_not_blame_the_rows():
    with pytest.raises(KeyError):
        infer(snapshot(Careless(KeyError("column"))), call(), Counters())
