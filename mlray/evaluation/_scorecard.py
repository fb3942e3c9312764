"""How good a model is on rows later in time than all it learnt from."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from mlray.errors import DataError
from mlray.evaluation._compare import compare
from mlray.evaluation._metrics import metrics
from mlray.evaluation._slices import slices
from mlray.evaluation.gates import judge
from mlray.records import Scorecard
from mlray.spec import Gates

__all__ = ["scorecard"]


def scorecard(  # noqa: PLR0913 (everything that is judged, and what it is judged by)
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    baseline_p: npt.ArrayLike,
    champion_p: npt.ArrayLike | None,
    slice_values: Mapping[str, Sequence[str]],
    gates: Gates,
    metric: str,
    start: datetime,
    end: datetime,
) -> Scorecard:
    """Judge the probabilities `p` for the answers `y` (0 or 1, shape [n]) of rows between `start` and `end`.

    `baseline_p` are a linear model's, `champion_p` the live model's on the same rows; `slice_values` holds a value per
    row for each column of `gates.slices`.

    Raises:
        DataError: lengths differ, one answer only, or a slice column that is missing.
    """
    truth = np.asarray(y, dtype=np.float64)
    missing = [column for column in gates.slices if column not in slice_values]
    if missing:
        raise DataError(
            f"gates.slices: '{missing[0]}' is not a column.", remedy=f"Known: {', '.join(slice_values) or 'none'}."
        )
    other = baseline_p if champion_p is None else champion_p
    wanted = {column: slice_values[column] for column in gates.slices}
    parts = slices(metric, truth, p, other, wanted, at_least=gates.slice_rows)
    champion = None if champion_p is None else compare(metric, truth, p, champion_p)
    return Scorecard(
        metrics=metrics(truth, np.asarray(p)),
        baseline=metrics(truth, np.asarray(baseline_p)),
        champion=None if champion_p is None else metrics(truth, np.asarray(champion_p)),
        slices=tuple(part.score for part in parts),
        gates=judge(compare(metric, truth, p, baseline_p), champion, parts, gates),
        rows=len(truth),
        start=start,
        end=end,
    )
