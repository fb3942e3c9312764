"""The numbers by which leases are shared."""

from dataclasses import dataclass

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """All times in seconds."""

    pack: float = 2.0
    """How long a lease lasts as a rule: what is held now counts as used for so long when the next is granted."""
    half_life: float = 600.0
    """After so long half of what a tenant has used is forgotten."""
    head_start: float = 1.0
    """Who comes back is behind or ahead of the others by the whole cluster for so long at most.

    Else a team that ran alone all night would be locked out in the morning until everybody had used as much.
    """
    absence: float = 10.0
    """Who neither held nor wanted anything for so long has been away."""
    revoke_after: float = 1.0
    """Beyond the guarantees nobody makes room for a request before it has waited so long: most leases end by then."""
    turn: float = 5.0
    """Who holds what another is owed too keeps it for about so long: leases that never end are shared in turns."""
    starving: float = 60.0
    """Who has waited so long with nothing goes first for one turn, whatever the priorities."""
    look_every: float = 0.5
    """How often, at most, it is weighed what to take back."""
