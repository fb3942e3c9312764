"""Feature plans fitted on a Ray Dataset: one pass, and only what was learnt travels."""

import pickle
from collections.abc import Sequence
from functools import reduce
from typing import Any

import pyarrow as pa

from mlray.errors import MlrayError
from mlray.features._plan import FeaturePlan, Fitted, Partial

__all__ = ["fit_on_ray"]


def fit_on_ray(plan: FeaturePlan, dataset: Any, request_columns: Sequence[str]) -> Fitted:
    """Return what `plan.fit` returns for all rows of `dataset`, a ray.data.Dataset, whose blocks are seen once.

    Raises:
        DataError: as `FeaturePlan.fit_parts`.
    """
    columns = list(request_columns)

    def learn(rows: pa.Table) -> pa.Table:
        try:
            made: Partial | MlrayError = plan.partial(rows, columns)
        except MlrayError as error:
            # Handed back as a value: raised here, Ray would wrap it in its own error with a long trace.
            made = error
        return pa.table({"made": pa.array([pickle.dumps(made)], pa.large_binary())})

    blocks = dataset.select_columns(columns).map_batches(learn, batch_format="pyarrow", batch_size=None)
    partials = []
    for row in blocks.iter_rows():
        made = pickle.loads(row["made"])  # noqa: S301 (written by our own task)
        if isinstance(made, MlrayError):
            raise made
        partials.append(made)
    return reduce(Partial.merge, partials, Partial.nothing(plan, columns)).finish()
