"""How many configurations a lane takes at once."""

import pytest

from mlray.experiments._packs import Cost, pack_size


@pytest.mark.parametrize(
    ("left", "lanes", "cost", "size"),
    [
        (1000, 2, None, 1),
        (1000, 2, 0.0, 16),
        (1000, 2, 0.001, 16),
        (1000, 2, 0.5, 4),
        (1000, 2, 1.9, 1),
        (1000, 2, 60.0, 1),
        (40, 2, 0.1, 10),
        (40, 20, 0.1, 1),
        (2, 1, 0.1, 1),
        (1, 8, 0.1, 1),
    ],
    ids=[
        "cost unknown",
        "free",
        "cheap",
        "fills the time",
        "hardly fits",
        "dear",
        "half of a share",
        "many lanes",
        "two left",
        "one left",
    ],
)
def test_a_pack_fills_the_time_and_shrinks_to_one_near_the_end(left, lanes, cost, size):
    assert pack_size(left, lanes, cost) == size


def test_where_every_configuration_is_a_trial_of_its_own_packs_hold_one():
    assert pack_size(1000, 2, 0.001, most=1) == 1


def test_what_a_configuration_costs_follows_the_latest():
    cost = Cost()
    assert cost.seconds is None
    cost.add(1.0)
    assert cost.seconds == 1.0
    cost.add(2.0)
    assert cost.seconds == pytest.approx(1.2)
