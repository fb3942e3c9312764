"""What a project tells of itself: its journal, where its data came from, and how good they are."""

from typing import TYPE_CHECKING

from mlray.journal import Entry
from mlray.project._joined import Joined

if TYPE_CHECKING:
    from mlray.data.snapshot import Snapshot
    from mlray.ports import Progress
    from mlray.records import DataProfile
    from mlray.registry.lineage import Trace

__all__ = ["Told"]


class Told(Joined):
    """The questions to a project that start nothing and change nothing."""

    def journal(self, *, kind: str | None = None) -> list[Entry]:
        """Return everything that was seen, decided and done, oldest first; of one kind where given."""
        return self.space.journal.entries(kind=kind)

    def rows(self, ref: str | int | None = None, tenant: str | None = None) -> "Snapshot":
        """Return the rows of a dataset version, the newest by default, to be read in whatever form one wants.

        Args:
            ref: `departures@v2`, a tag, a branch or a number.
            tenant: Whoever reads them: classified columns are masked, hashed or left out as `data.views` says. Equal
                values have equal digests in all versions of a workspace.

        Raises:
            NotFoundError: there is no such version.
            AccessDenied: `data.views` names others, and not this tenant.
        """
        from mlray.project._rows import rows_of

        return rows_of(self.space, ref, tenant)

    def lineage(self, what: str) -> "Trace":
        """Return what went into `what` and what it went into: a source, dataset version, model version or endpoint.

        Raises:
            NotFoundError: nothing of that name, file or digest is known; the remedy names the closest.
        """
        from mlray.project._lineage import lineage

        known = lineage(self.space)
        return known.trace(known.find(what))

    def profile(
        self, ref: str | int | None = None, *, against: str | int | None = None, progress: "Progress | None" = None
    ) -> "DataProfile":
        """Return what is in a dataset version (the newest by default), and what a person should look at.

        Args:
            ref: `departures@v2`, a tag, a branch or a number.
            against: A version to compare it with, named in the same way.
            progress: Hears how far it is.

        Raises:
            NotFoundError: there is no such version.
        """
        from mlray.coordinator.rows import quiet
        from mlray.project._quality import profile_of

        return profile_of(self.space, ref, against, progress or quiet)
