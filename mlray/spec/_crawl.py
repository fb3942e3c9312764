"""The section `crawl`: how often sources are looked at, what counts as late, and who is told."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from mlray.clock import parse_duration
from mlray.spec._forms import Duration, Name, Part, Share, Wrong, complain
from mlray.spec._terms import unknown_zone

__all__ = ["CrawlSpec", "NotifySpec", "Schedule"]

_HOST = re.compile(r"https?://(?:[^@/?#]*@)?(\[[0-9A-Fa-f:.]+\]|[^\s/?#:@\[\]]+)(?::[^\s/?#]*)?(?=[/?#]|$)")
"""The host in an address of a web server."""
USUAL = timedelta(minutes=5)
_SOME = datetime(2000, 1, 1, tzinfo=UTC)
"""Any moment: a cron line that matches nothing after it matches nothing at all."""


def _cron(text: object) -> object:
    from cronsim import CronSim, CronSimError

    if not isinstance(text, str):
        return text
    try:
        next(CronSim(text, _SOME))
    except CronSimError as error:
        message = f"'{text}' is not a cron line ({str(error).lower()}); write '0 3 * * *' for every day at three"
        raise ValueError(message) from error
    return text


def _address(url: str) -> str:
    if _HOST.match(url) is None and not url.startswith("${"):
        message = "no address of a web server; write https://host/path, or ${NAME} for a variable of the environment"
        raise ValueError(message)
    return url


Cron = Annotated[str, BeforeValidator(_cron), Field(examples=["0 3 * * *"])]
Word = Literal["unchanged", "new", "changed", "stale", "breaking", "unreachable"]


class Schedule(Part):
    """When a source is looked at, and how old its newest row may be."""

    every: Duration | None = None
    """How often, counted from midnight UTC, such as `1 hour`; a day where neither `every` nor `cron` says more."""
    cron: Cron | None = None
    """Instead of `every`: minute, hour, day of the month, month and day of the week, such as `0 3 * * *`."""
    timezone: str = Field(default="UTC", examples=["Europe/Berlin"])
    """Where the clock of `cron` hangs."""
    jitter: Duration | None = None
    """Each look comes later by some part of this; by default a tenth of the time between two, 5 minutes at most."""
    fresh: Duration | None = None
    """How old the newest row may be before the source counts as stale; by default what the contract promises."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        if what := unknown_zone(self.timezone):
            yield ("timezone",), self.timezone, what
        if self.every is not None and self.cron is not None:
            yield ("cron",), self.cron, f"every, {self.every}, says something else; leave one of them out"
        if self.every is not None and not parse_duration(self.every):
            yield ("every",), self.every, "a source cannot be looked at all the time"
        if self.spread >= self.period:
            # Two looks would otherwise change places.
            yield ("jitter",), self.jitter, f"it must be shorter than the time between two looks, {self.period}"

    @property
    def spread(self) -> timedelta:
        """Below how much a look may come later than its moment."""
        return parse_duration(self.jitter) if self.jitter is not None else min(USUAL, self.period / 10)

    @property
    def period(self) -> timedelta:
        """The time between two looks; for a cron line the shortest of its next few."""
        if self.cron is None:
            return parse_duration(self.every or "1 day") or timedelta.max
        from cronsim import CronSim

        moments = CronSim(self.cron, _SOME)
        found = [moment for moment, _ in zip(moments, range(16), strict=False)]
        return min((b - a for a, b in pairwise(found)), default=timedelta.max)


class NotifySpec(Part):
    """Who is told of what was found, besides the journal and the log."""

    webhook: Annotated[str, Field(pattern=r"^(https?://|\$\{)\S+$"), AfterValidator(_address)]
    """Where a JSON object with a `text` is posted. `${NAME}` in it stands for a variable of the environment."""
    key: Name | None = None
    """The file `keys/NAME.key` of the workspace holds a token that goes with it as a bearer."""
    on: Annotated[tuple[Word, ...], Field(min_length=1)] = ("new", "changed", "stale", "breaking", "unreachable")
    """What is told: each verdict once, not at every look that finds the same."""

    @property
    def host(self) -> str:
        """Who is told, in a message: with most chat services the rest of the address is a secret."""
        found = _HOST.match(self.webhook)
        return found.group(1) if found else self.webhook


class CrawlSpec(Schedule):
    """Looking at the sources by schedule, under the coordinator; without this section only `mlray crawl` looks."""

    verify: Share = 0.02
    """The share of stored files that is hashed again at each look, so that bit rot is noticed."""
    sample: int = Field(default=10_000, ge=1)
    """Rows of each new file that are tried against the contract; all are read only where these look bad."""
    tolerance: Share = 0.1
    """The share of rows set aside above which a source counts as changed; above one half it is breaking."""
    sources: dict[Name, Schedule] = Field(default_factory=dict)
    """A schedule of its own for some source: the table's name, or a lookup's."""
    notify: NotifySpec | None = None
    """Who is told; without it the journal and the log tell."""

    def of(self, source: str) -> Schedule:
        """Return the schedule of one source."""
        own = self.sources.get(source, self)
        return own if own.fresh is not None or self.fresh is None else own.model_copy(update={"fresh": self.fresh})
