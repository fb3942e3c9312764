"""The broker of leases on Ray, one detached actor per cluster, and the desk at which lanes and drivers talk to it."""

from typing import Literal

from mlray.leases._terms import Resources, Terms

__all__ = ["Desk", "Word"]

Word = Literal["go", "pause", "stop"]


class Desk:
    """Where lanes and drivers ask for leases. One per process; any thread may use it; every call may be repeated."""

    def acquire(  # noqa: PLR0913, PLR0917 (who, for what, where, how much, how long)
        self,
        tenant: str,
        sweep: str,
        lane: str,
        node: str | None,
        need: Resources,
        patience_s: float,
        *,
        backed: bool = False,
    ) -> str | None:
        """Wait up to `patience_s` for a lease of `need` and return its id, or None."""
        raise NotImplementedError

    def may_go_on(self, lease: str) -> Word:
        """Return whether to go on."""
        raise NotImplementedError

    def resume(self, lease: str, patience_s: float) -> Word:
        """Wait until a paused lease may go on."""
        raise NotImplementedError

    def release(self, lease: str, seconds: float) -> None:
        """Give a lease back."""
        raise NotImplementedError

    def rest(self, pool: str, patience_s: float) -> bool:
        """Sleep until `pool` is woken, at most `patience_s`; return whether it was."""
        raise NotImplementedError

    def wake(self, pool: str) -> None:
        """Wake all lanes that rest in `pool`."""
        raise NotImplementedError

    def say_stop(self, sweep: str) -> None:
        """Let every lane of `sweep` stop at its next rung."""
        raise NotImplementedError

    def stopped(self, sweep: str) -> bool:
        """Return whether `sweep` was told to stop."""
        raise NotImplementedError

    def claim(self, tenant: str, terms: Terms) -> Terms:
        """Claim terms for a tenant and return those that are in force: an operator's file wins."""
        raise NotImplementedError

    def want(self, tenant: str, sweep: str, lanes: int, need: Resources) -> None:
        """Say that `sweep` could use `lanes` lanes of `need` each: what the autoscaler is asked for."""
        raise NotImplementedError
