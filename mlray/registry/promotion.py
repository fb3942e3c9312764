"""Which alias may move where. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlray.errors import NotFoundError, Refusal

__all__ = ["ALIASES", "Move", "move"]

ALIASES = ("live", "candidate")
"""`live` is the version that answers, `candidate` the one on trial; each points at one version at most."""


@dataclass(frozen=True, slots=True)
class Move:
    """One alias that points somewhere else from now on; None takes it away."""

    alias: str
    number: int | None


def move(aliases: Mapping[str, int], versions: Sequence[int], alias: str, number: int | None) -> tuple[Move, ...]:
    """Return the moves that make `alias` point at version `number` (None: nowhere), in the order to apply them.

    A version that goes live is no candidate any more, and the live version cannot be on trial against itself, so no
    version ever has both aliases; since an alias points at one version, at most one is live.

    Raises:
        NotFoundError: no such alias or version; the remedy lists what exists.
        Refusal: the live version as candidate.

    >>> move({"live": 1, "candidate": 2}, [1, 2], "live", 2)
    (Move(alias='candidate', number=None), Move(alias='live', number=2))
    """
    if alias not in ALIASES:
        raise NotFoundError(f"'{alias}' is not an alias.", remedy=f"Known: {', '.join(ALIASES)}.")
    if number is not None and number not in versions:
        listed = ", ".join(map(str, versions)) or "none"
        raise NotFoundError(f"There is no version {number}.", remedy=f"Versions: {listed}.")
    if aliases.get(alias) == number:
        return ()
    if alias == "candidate" and number is not None and aliases.get("live") == number:
        raise Refusal(f"Version {number} is live already; it cannot be a candidate against itself.")
    if alias == "live" and number is not None and aliases.get("candidate") == number:
        return (Move("candidate", None), Move(alias, number))
    return (Move(alias, number),)
