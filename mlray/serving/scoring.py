"""One call of one version, with an answer that can be trusted to be a probability per row."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mlray.errors import MlrayError
from mlray.ids import Json
from mlray.serving.table import Loaded

__all__ = ["ModelFailureError", "predict", "score"]


class ModelFailureError(MlrayError):
    """A version raised, or answered something that is not one probability per row."""


def score(version: Loaded, columns: Mapping[str, Sequence[Json]]) -> list[float]:
    """Check the columns with the version's own contract and return one probability per row.

    Raises:
        RequestError: the version's contract does not allow the rows.
        ModelFailureError: the version could not score them.
    """
    return predict(version, version.predictor.check(columns))


def predict(version: Loaded, rows: Any) -> list[float]:  # noqa: ANN401 (a pyarrow.Table)
    """Return one probability per checked row.

    Raises:
        ModelFailureError: the version raised, or returned something else.
    """
    try:
        answer = version.predictor.predict(rows)
        scores = [float(value) for value in answer]
    except Exception as error:
        raise ModelFailureError(
            f"Version {version.number} failed: {type(error).__name__}: {error}",
            remedy="The rows keep the contract: tell its owner.",
        ) from error
    if len(scores) != rows.num_rows or not all(0 <= p <= 1 and math.isfinite(p) for p in scores):
        raise ModelFailureError(
            f"Version {version.number} did not return one probability per row.",
            remedy="The rows keep the contract: tell its owner.",
        )
    return scores
