"""Looking into files: footers first, then a few rows, and all of them only where those look bad."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlray.data import sources
from mlray.data.contract import Contract
from mlray.data.crawl._judge import Sight, Thing
from mlray.data.sources import SourceFile
from mlray.errors import DataError

__all__ = ["Glass", "look_into", "try_rows"]

AT_ONCE = 250_000
"""Rows that are held at once where everything is read."""
TRIED = 20
"""Files of which rows are tried; of more, these are spread evenly over them. Columns and footers are read of all."""


@dataclass(frozen=True)
class Glass:
    """What is looked through: a contract, which source's part of it, and how closely."""

    contract: Contract
    lookup: str | None
    sample: int
    tolerance: float
    everything: bool = False

    @property
    def timed(self) -> bool:
        """Whether the source has the event time."""
        return self.lookup is None or self.contract.data.time in self.contract.data.lookups[self.lookup].on


@dataclass
class _Found:
    things: dict[str, Thing] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    aside: Counter[str] = field(default_factory=Counter)
    tried: int = 0
    read: str = "footers"
    text: tuple[str, pa.Table | None] = ("", None)
    """The file of text that was read last, and its rows: it can only be read whole, and once is enough."""

    def sight(self, error: DataError | None = None) -> Sight:
        trouble, remedy = (error.problem.rstrip("."), error.remedy) if error else ("", "")
        return Sight(self.things, tuple(self.unknown), trouble, remedy, self.tried, dict(self.aside), self.read)


def look_into(glass: Glass, files: Sequence[SourceFile], marks: dict[str, str]) -> Sight:
    """Return what is in `files`, tried against the contract; `marks` are their entries in the listing.

    Raises:
        DataError: a file is missing, truncated, damaged or not what its name says.
        UnavailableError: a bucket or server does not answer.
    """
    found = _Found()
    step = 1 if glass.everything else max(1, -(-len(files) // TRIED))
    try:
        for number, file in enumerate(files):
            found.things[file.name] = _thing(glass, file, marks[file.name], found)
            if number % step == 0:
                _try(glass, file, found, everything=glass.everything)
        if not glass.everything and sum(found.aside.values()) > glass.tolerance * found.tried:
            # A few rows may be an accident of where they were taken: now it is worth reading all.
            found.aside.clear()
            found.tried = 0
            for file in files:
                _try(glass, file, found, everything=True)
    except _Unfit as unfit:
        return found.sight(unfit.error)
    return found.sight()


class _Unfit(Exception):  # noqa: N818 (not an error of the program: a finding)
    """A file does not fit the contract at all."""

    def __init__(self, error: DataError) -> None:
        super().__init__(error.problem)
        self.error = error


def _thing(glass: Glass, file: SourceFile, mark: str, found: _Found) -> Thing:
    names = sources.columns_of(file)
    ours = glass.contract.source_columns(file.name, lookup=glass.lookup)
    # In some modes every name is wanted: what the contract itself names are those that it lists.
    found.unknown |= dict.fromkeys(name for name in names if name not in set(ours))
    first, last = _span(glass, file, names, found)
    return Thing(mark, _rows(file, found), first, last, file.content())


def _rows(file: SourceFile, found: _Found) -> int:
    if file.format != "parquet":
        # A text tells only when it was read, as it is for its times.
        name, read = found.text
        return -1 if read is None or name != file.name else int(read.num_rows)
    with pq.ParquetFile(file.path or file.open()) as opened:
        rows: int = opened.metadata.num_rows
    return rows


def _span(
    glass: Glass, file: SourceFile, names: Sequence[str], found: _Found
) -> tuple[datetime | None, datetime | None]:
    """Return the first and last event time: from the footer, or from reading that one column."""
    contract = glass.contract
    theirs = contract.their_name(file.name, contract.data.time, names) if glass.timed else ""
    if not theirs:
        return None, None
    ends = sources.span(file, contract.footer_time(file.name, names))
    if ends is not None:
        return ends
    found.read = "everything" if file.format != "parquet" else "sample"
    rows = _text(glass, file, found) if file.format != "parquet" else sources.read(file, [theirs]).table
    try:
        times = pc.min_max(contract.times(rows, file.name)).as_py()
    except DataError:  # a time of a type that can never be one: told when rows are tried
        return None, None
    return times["min"], times["max"]


def _text(glass: Glass, file: SourceFile, found: _Found) -> pa.Table:
    """Return the rows of a file of text, in the columns that the contract asks for."""
    name, rows = found.text
    if rows is None or name != file.name:
        rows = sources.read(file, glass.contract.source_columns(file.name, lookup=glass.lookup)).table
        found.text = (file.name, rows)
    return rows


def _try(glass: Glass, file: SourceFile, found: _Found, *, everything: bool) -> None:
    if file.format == "parquet":
        found.read = "everything" if everything else "sample"
        parts = _batches(glass, file, everything=everything)
    else:
        rows = _text(glass, file, found)
        found.read = "everything"
        parts = iter([rows if everything else rows.slice(0, glass.sample)])
    for rows in parts:
        try:
            tried, aside = try_rows(glass, file.name, [rows])
        except DataError as error:  # of the contract alone: reading has been done
            raise _Unfit(error) from error
        found.tried += tried
        found.aside.update(aside)


def try_rows(glass: Glass, source: str, parts: Iterable[pa.Table]) -> tuple[int, Counter[str]]:
    """Return how many rows were tried against the contract, and how many it sets aside, by reason.

    Raises:
        DataError: a column is missing, or of a type that never fits.
    """
    tried, aside = 0, Counter[str]()
    for rows in parts:
        checked = glass.contract.apply(rows, source, lookup=glass.lookup)
        tried += rows.num_rows
        aside.update(checked.reasons)
    return tried, aside


def _batches(glass: Glass, file: SourceFile, *, everything: bool) -> Iterator[pa.Table]:
    """Return rows of a Parquet file in the columns that the contract asks for: all, or some from both its ends."""
    wanted = glass.contract.source_columns(file.name, lookup=glass.lookup)
    with pq.ParquetFile(file.path or file.open(), page_checksum_verification=True) as opened:
        columns = [name for name in opened.schema_arrow.names if name in wanted]
        groups = range(opened.num_row_groups) if everything else sorted({0, max(opened.num_row_groups - 1, 0)})
        if not opened.num_row_groups:
            yield opened.schema_arrow.empty_table().select(columns)
            return
        size = AT_ONCE if everything else max(1, glass.sample // len(groups))
        try:
            for group in groups:
                for batch in opened.iter_batches(size, [group], columns, use_threads=False):
                    yield pa.Table.from_batches([batch])
                    if not everything:
                        break
        except (OSError, pa.ArrowException):
            yield sources.read(file, wanted).table  # names the file and what is wrong with it
