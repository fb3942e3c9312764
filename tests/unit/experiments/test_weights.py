"""How much each row counts."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from mlray.errors import SpecError
from mlray.experiments import class_weights

Y = np.array(["no"] * 6 + ["yes"] * 2 + ["perhaps"])


@pytest.mark.parametrize("of", ["balanced", {"yes": 3.0, "no": 0.5, "perhaps": 1.0}], ids=["balanced", "each"])
def test_weights_are_those_of_scikit_learn(of):
    assert class_weights(Y, of) == pytest.approx(compute_sample_weight(of, Y))


def test_balanced_classes_count_the_same_in_all():
    weights = class_weights(Y, "balanced")
    assert [weights[name == Y].sum() for name in ("no", "yes", "perhaps")] == pytest.approx([3, 3, 3])
    assert weights.dtype == np.float32


def test_weights_of_rows_are_multiplied():
    assert class_weights([0, 1, 1], {1: 3}, weights=np.array([1.0, 2.0, 0.5])).tolist() == [1.0, 6.0, 1.5]


@pytest.mark.parametrize(
    ("of", "says"),
    [
        ("balance", "'balance' are no class weights"),
        ({"maybe": 2}, "'maybe' is not a class.\nClasses: no, perhaps, yes"),
        ({"yes": 0}, "class 'yes' has the weight 0"),
        ({"yes": float("inf")}, "class 'yes' has the weight inf"),
    ],
)
def test_weights_that_cannot_be_are_refused(of, says):
    with pytest.raises(SpecError, match=says):
        class_weights(Y, of)
