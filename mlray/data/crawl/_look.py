"""One look at one source: the listing first, into files only where it tells of something new."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from mlray.clock import parse_duration
from mlray.data import sources
from mlray.data.contract import Contract
from mlray.data.crawl._judge import Known, Sight, compared, digest_of_listing, judge, learnt
from mlray.data.crawl._outside import brought_here, look_into_rows
from mlray.data.crawl._sight import Glass, look_into
from mlray.data.crawl._volume import rules_on_rows, volume_of
from mlray.data.sources import SourceFile
from mlray.errors import InputError, MlrayError, UnavailableError
from mlray.records import DatasetVersion, SourceState, Verdict
from mlray.spec import CrawlSpec, Data, SourceSpec

__all__ = ["Looked", "held_until", "look"]

KINDS = {"sql": "table", "iceberg": "table", "kafka": "topic"}
"""What a source that has no files is."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found, and what is to be remembered for the next one."""

    verdict: Verdict
    known: Known


def look(
    data: Data,
    folder: Path,
    head: DatasetVersion | None,
    *,
    now: datetime,
    source: str = "",
    known: Known | None = None,
    crawl: CrawlSpec | None = None,
    everything: bool = False,
) -> Looked:
    """Return what a source of `data` looks like now, compared with the look before and with the contract.

    The listing is compared first: where it is the same, nothing is read. Of files that are new or differ, the footers
    are read and a few rows are tried; all rows only where too many of those would be set aside.

    Args:
        data: the section `data`.
        folder: the project's folder.
        head: the newest dataset version, None before the first.
        now: the moment of the look.
        source: the table's name (the default), or a lookup's.
        known: what the look before remembered; without it everything counts as new.
        crawl: how closely to look, and what is late; the defaults otherwise.
        everything: read every row, whatever the listing says.
    """
    name, known, crawl = source or data.table, known or Known(), crawl or CrawlSpec()
    held = held_until(head)
    try:
        contract = Contract.compile(data)
        lookup = None if name == data.table else name
        marks, files = _listing(data, folder, lookup)
        glass = Glass(contract, lookup, crawl.sample, crawl.tolerance, everything)
        sight = _sight(glass, known, marks, files, folder)
    except (InputError, UnavailableError) as error:
        return Looked(_unreachable(name, known, error, now), known)
    promise = _promise(data, crawl, name)
    volume = volume_of(() if lookup else rules_on_rows(data.quality), known, marks, sight)
    sight = replace(sight, kind=KINDS.get(_spec(data, lookup).kind, "file"), volume=volume)
    verdict = judge(name, known, marks, sight, now=now, promise=promise, tolerance=crawl.tolerance, held=held)
    return Looked(verdict, learnt(known, marks, sight, contract.digest))


def held_until(head: DatasetVersion | None) -> datetime | None:
    """Return the latest event time that a dataset version has; None where nothing tells."""
    if head is None:
        return None
    last = [fragment.last for fragment in head.fragments if fragment.last is not None]
    if last:
        return max(last)
    try:
        return datetime.fromisoformat(head.cursor)
    except ValueError:
        return None


def _sight(glass: Glass, known: Known, marks: dict[str, str], files: dict[str, SourceFile], folder: Path) -> Sight:
    """Return what is in those files that have to be looked into; nothing is read where the listing is known."""
    if not glass.everything and known.contract == glass.contract.digest and known.listing == digest_of_listing(marks):
        return Sight(trouble=known.trouble, remedy=known.remedy, read="nothing", untold=known.untold)
    seen = compared(known, marks)
    again = glass.everything or known.contract != glass.contract.digest
    names = list(marks) if again else [*seen.new, *seen.differing]
    spec = _spec(glass.contract.data, glass.lookup)
    if spec.kind != "files":  # there is one mark, and it is another than before
        if not names:
            return Sight(read="nothing")
        name, mark = next(iter(marks.items()))
        before = known.things.get(name) if known.contract == glass.contract.digest else None
        return look_into_rows(glass, spec, folder, name, mark, before)
    with TemporaryDirectory() as aside:
        brought = [brought_here(files[name], Path(aside)) for name in names]
        return look_into(glass, [glass.contract.as_written(file, file.name) for file in brought], marks)


def _spec(data: Data, lookup: str | None) -> SourceSpec:
    return data.lookups[lookup].origin if lookup else data.origin


def _listing(data: Data, folder: Path, lookup: str | None) -> tuple[dict[str, str], dict[str, SourceFile]]:
    """Return the marks of all that the source has, and its files."""
    spec = _spec(data, lookup)
    # The same section with only this source in it. A lookup of a database may not have the event time.
    alone = data.model_copy(update={"source": spec, "lookups": {}, **({"time": ""} if lookup else {})})
    probe = sources.probe(alone, folder)
    marks = {file.name: f"{file.size}:{file.modified}:{file.etag}" for file in probe.files} | dict(probe.marks)
    return marks, {file.name: file for file in probe.files}


def _promise(data: Data, crawl: CrawlSpec, source: str) -> timedelta | None:
    said = crawl.of(source).fresh or (data.freshness if source == data.table else None)
    return parse_duration(said) if said else None


def _unreachable(source: str, known: Known, error: MlrayError, now: datetime) -> Verdict:
    return Verdict(
        source,
        SourceState.UNREACHABLE,
        error.problem.rstrip("."),
        now,
        remedy=error.remedy,
        newest=known.newest,
    )
