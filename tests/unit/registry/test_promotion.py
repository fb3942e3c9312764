"""Which alias may move where."""

import pytest

from mlray.errors import NotFoundError, Refusal
from mlray.registry import Move, move


@pytest.mark.parametrize(
    ("aliases", "alias", "number", "moves"),
    [
        ({}, "live", 1, (Move("live", 1),)),
        ({"live": 1}, "candidate", 2, (Move("candidate", 2),)),
        ({"live": 1}, "live", 1, ()),
        ({"live": 1, "candidate": 2}, "live", 2, (Move("candidate", None), Move("live", 2))),
        ({"live": 1, "candidate": 2}, "live", 3, (Move("live", 3),)),
        ({"live": 1, "candidate": 2}, "candidate", None, (Move("candidate", None),)),
        ({"live": 1}, "live", None, (Move("live", None),)),
        ({"live": 1}, "candidate", None, ()),
    ],
    ids=[
        "first",
        "on trial",
        "already",
        "promotion",
        "around the candidate",
        "rejected",
        "taken down",
        "nothing there",
    ],
)
def test_moves(aliases, alias, number, moves):
    assert move(aliases, [1, 2, 3], alias, number) == moves


def test_the_live_version_is_no_candidate():
    with pytest.raises(Refusal, match="Version 1 is live already"):
        move({"live": 1}, [1], "candidate", 1)


def test_an_unknown_alias_is_answered_with_the_known():
    with pytest.raises(NotFoundError, match=r"'champion' is not an alias. Known: live, candidate"):
        move({}, [1], "champion", 1)


def test_an_unknown_version_is_answered_with_what_there_is():
    with pytest.raises(NotFoundError, match=r"no version 9. Versions: 1, 2"):
        move({}, [1, 2], "live", 9)
    with pytest.raises(NotFoundError, match="Versions: none"):
        move({}, [], "live", 9)
