"""What a project knows of its sources: looks at them by hand, and pauses that a person ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlray.clock import Clock
from mlray.project._told import Told

if TYPE_CHECKING:
    from mlray.ports import Progress
    from mlray.records import Verdict

__all__ = ["Crawled"]


class Crawled(Told):
    """A project's sources, looked at without Ray."""

    _clock: Clock

    def crawl(
        self,
        sources: Sequence[str] | None = None,
        *,
        everything: bool = False,
        progress: "Progress | None" = None,
    ) -> "list[Verdict]":
        """Look at the sources now, write down what was found, and return a verdict for each.

        What has not changed is not read. A source that breaks its contract is paused: nothing is ingested until
        `resume_source`. Of the stored files some are hashed again.

        Args:
            sources: the table's name, and lookups' names; all by default.
            everything: read every row, whatever the listings say.
            progress: hears how far it is.

        Raises:
            NotFoundError: the project has no source of that name.
        """
        from mlray.coordinator.crawler import crawl
        from mlray.coordinator.rows import quiet

        return crawl(self.space, self._clock.now(), sources, everything=everything, progress=progress or quiet)

    def resume_source(self, name: str | None = None, *, anyway: bool = False) -> "Verdict":
        """Let a paused source go on, after looking at it once more; without a name the one that is paused.

        Raises:
            Refusal: it is not paused, or still does not fit its contract; with `anyway` it goes on all the same.
            NotFoundError: the project has no source of that name.
        """
        from mlray.coordinator.crawler import resume

        return resume(self.space, name or self._paused(), self._clock.now(), anyway=anyway)

    def _paused(self) -> str:
        from mlray.coordinator.pause import known_sources

        paused = [name for name, watched in known_sources(self.space).items() if watched.paused]
        return paused[0] if paused else self.spec.data.table
