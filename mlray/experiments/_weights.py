"""How much each row counts, so that a rare class is not overheard."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mlray.errors import SpecError
from mlray.experiments._metrics import Array

__all__ = ["ClassWeights", "class_weights"]

ClassWeights = Literal["balanced"] | Mapping[Any, float]


def class_weights(y: Sequence[Any] | Array, of: ClassWeights, *, weights: Array | None = None) -> Array:
    """Return how much each row counts, float32 [n], given how much its class does.

    Args:
        y: The class of each row, shape [n].
        of: Class → weight, classes left out counting 1; or `balanced`, which makes all classes count the same in all.
        weights: How much each row counts already, float [n]; the two are multiplied.

    Raises:
        SpecError: a class that does not occur, or a weight that is not above 0.

    >>> class_weights([0, 1, 1, 1, 1, 1, 1, 1], "balanced")[0]
    np.float32(4.0)
    >>> class_weights([0, 0, 0, 1], {1: 5}).tolist()
    [1.0, 1.0, 1.0, 5.0]
    """
    classes, number, counts = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    if isinstance(of, str):
        if of != "balanced":
            raise SpecError(
                [f"'{of}' are no class weights."], remedy="Write `balanced`, or a weight for each class: {1: 5}."
            )
        each = len(number) / (len(classes) * counts)
    else:
        each = _each(classes, of)
    own = np.ones(len(number)) if weights is None else np.asarray(weights, dtype=np.float64)
    return np.asarray(each[number] * own, dtype=np.float32)


def _each(classes: Array, of: Mapping[Any, float]) -> Array:
    known = classes.tolist()
    strange = [name for name in of if name not in known]
    if strange:
        raise SpecError(
            [f"class_weights: '{strange[0]}' is not a class."],
            remedy=f"Classes: {', '.join(str(name) for name in known[:20])}.",
        )
    wrong = [(name, weight) for name, weight in of.items() if not 0 < weight < float("inf")]
    if wrong:
        raise SpecError(
            [f"class_weights: class '{wrong[0][0]}' has the weight {wrong[0][1]}."],
            remedy="A weight is a number above 0; 1 is what every row counts without.",
        )
    return np.array([of.get(name, 1.0) for name in known])
