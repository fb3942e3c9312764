"""What no other beats in every respect."""

import pytest

from mlray.experiments._pareto import Front, dominates, front


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], ()),
        ([(1.0, 1.0)], (0,)),
        ([(1.0, 2.0), (2.0, 1.0), (1.5, 1.5)], (0, 1, 2)),
        ([(1.0, 2.0), (2.0, 1.0), (0.9, 1.9)], (0, 1)),
        ([(0.5, 0.5), (1.0, 1.0)], (1,)),
        ([(1.0, 1.0), (1.0, 1.0)], (0, 1)),
        ([(3.0,), (5.0,), (4.0,)], (1,)),
    ],
    ids=["none", "one", "no better anywhere", "one beaten", "beaten later", "equal", "one coordinate"],
)
def test_the_front_holds_what_no_other_dominates(points, expected):
    assert front(points) == expected


def test_a_point_is_told_whether_it_belongs_to_the_front():
    found = Front()
    assert found.add(7, (1.0, 1.0))
    assert not found.add(8, (0.5, 1.0))
    assert found.add(9, (2.0, 2.0))
    assert found.numbers == (9,)


def test_points_of_different_widths_are_a_mistake():
    with pytest.raises(ValueError, match="shorter"):
        dominates([1.0, 2.0], [1.0])
