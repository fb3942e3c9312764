"""The plan: a chain of steps between two files, carried out by one task per part."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, cast, get_args

import pyarrow as pa

from mlray.data._fragments import Commit
from mlray.data._pace import Pace
from mlray.data._share import check_cpus
from mlray.data.plan._digest import plan_digest
from mlray.data.plan._expr import Expr
from mlray.data.plan._parts import Files, Source
from mlray.data.plan._run import Done, Ledger, Run, Work, run_here
from mlray.data.plan._sinks import FolderSink, Sink, Written, settle
from mlray.data.plan._steps import Derive, Filter, Lookup, Map, Select, Step
from mlray.data.plan._sums import Aggregate
from mlray.data.plan._table import TableSink
from mlray.data.table import Table
from mlray.errors import DataError, UnavailableError
from mlray.ports import Progress
from mlray.records import DatasetVersion

__all__ = ["Plan", "PlanResult"]

SMALL_BYTES = 500_000_000
"""Uncompressed bytes below which tasks on a cluster cost more than they save."""

Where = Literal["auto", "ray", "here"]
TableFunction = Callable[[pa.Table], Any]


@dataclass(frozen=True)
class PlanResult:
    """What a plan made."""

    rows: int
    """Rows that came out."""
    read: int
    """Rows that went in."""
    seconds: float
    files: tuple[Path, ...] = ()
    version: DatasetVersion | None = None
    groups: pa.Table | None = None
    """The aggregate, one row per group, ordered by key."""
    parts: int = 0
    resumed: int = 0
    """Parts that an earlier run had done already."""
    on: str = "here"

    def __str__(self) -> str:
        """Return one line for a person."""
        pace = self.read / self.seconds if self.seconds else 0.0
        return f"{self.read:,} rows read, {self.rows:,} made in {self.seconds:.1f} s ({pace:,.0f} rows/s, {self.on})"


@dataclass(frozen=True)
class Plan:
    """Steps over rows, carried out as one pass: read, change, write and sum up, part by part.

    A plan says what is to be done and does nothing until `run`; each method returns a longer plan. It can be pickled
    if the user's functions can.
    """

    source: Source
    steps: tuple[Step, ...] = ()
    sink: Sink | None = None
    sums: Aggregate | None = None

    @classmethod
    def of(cls, source: "Source | str | Path | Sequence[str | Path]") -> "Plan":
        """Return a plan that reads a snapshot of a table, Parquet files, or a folder or pattern of them.

        Raises:
            DataError: no file matches.
        """
        if isinstance(source, str | Path):
            return cls(Files(_matching(Path(source))))
        if isinstance(source, Sequence):
            return cls(Files(tuple(Path(path) for path in source)))
        return cls(source)

    def filter(self, condition: Expr) -> "Plan":
        """Keep the rows for which `condition` is true."""
        return self._then(Filter(condition))

    def derive(self, **columns: Expr | TableFunction) -> "Plan":
        """Add columns, or replace those of these names: expressions, or functions of the batch as a pyarrow.Table.

        Each may use those before it.
        """
        plan = self
        for name, value in columns.items():
            plan = plan._then(Derive(name, value))
        return plan

    def lookup(self, table: pa.Table, on: str | Sequence[str], *, inner: bool = False) -> "Plan":
        """Add the columns of a small `table` by the key `on`: null where nothing matches, or no row with `inner`.

        The table travels with the plan, so that no row does.

        Raises:
            DataError: the key is missing from the table, or is there twice.
        """
        step = Lookup(table, (on,) if isinstance(on, str) else tuple(on), inner)
        step.check()
        return self._then(step)

    def map(self, function: TableFunction, columns: Sequence[str] | None = None) -> "Plan":
        """Hand every batch, all columns or `columns`, to `function`, which returns a table (or frame) of any rows.

        A batch is a pyarrow.Table of some 100,000 rows; which rows come together is not to matter.
        """
        return self._then(Map(function, None if columns is None else tuple(columns)))

    def select(self, *columns: str) -> "Plan":
        """Keep these columns, in this order."""
        return self._then(Select(columns))

    def write(self, target: "str | Path | Table | Sink", *, replace: bool = False) -> "Plan":
        """Write the rows: Parquet files into a folder, or one new version of a table.

        With `replace`, they take the place of the files or rows that are there; without, a folder must be empty, and a
        table's rows stay.
        """
        return dataclasses.replace(self, sink=_sink(target, replace=replace))

    def aggregate(self, by: Sequence[str] = (), **wanted: tuple[str, str] | str) -> "Plan":
        """Sum the rows up by group: `mean_price=("price", "mean")`, `rows="count"`.

        Kinds: count (values that are not missing), sum, mean, std (of a sample), min, max.

        Raises:
            DataError: a kind is unknown.
        """
        return dataclasses.replace(self, sums=Aggregate.of(by, wanted))

    def run(
        self,
        on: Where = "auto",
        *,
        cpus: int | None = None,
        progress: Progress | None = None,
    ) -> PlanResult:
        """Carry the plan out: on Ray, or in threads of this process. `auto` takes Ray where it runs and data are large.

        At most `cpus` parts are in the works at a time (by default as many as there are CPUs), which leaves the rest of
        the machine to others. Finished parts of a plan that writes are remembered: after a failure, the same plan goes
        on with those that are missing. The result does not depend on where and in which order parts are done.

        Raises:
            DataError: a file, a column or a row is not as the plan has it; the part is named, and no version is made.
                Or `on` or `cpus` is none.
            StoreError: the result cannot be written.
            UnavailableError: Ray is insisted on, and this process is on none.
        """
        check_cpus(cpus)
        began = perf_counter()
        parts = self.source.parts()
        place = _place(on, sum(part.bytes for part in parts))
        runner = _runner(place)
        ledger = Ledger(self.sink.ledger, plan_digest(self)) if self.sink else None
        known = ledger.known(parts, self.sink) if ledger else {}
        run = ""
        if self.sink and ledger:
            self.sink.begin([done.written for done in known.values()], again=ledger.begun())
            run = ledger.run_id()
        resumed = len(known)
        left = [(number, part) for number, part in enumerate(parts) if number not in known]
        pace = Pace(progress, sum(part.rows for part in parts), sum(done.read for done in known.values()))
        for done in runner(Work(self.steps, self.sink, self.sums, ledger), left, cpus):
            known[done.number] = done
            pace.add(done.read)
        ordered = [known[number] for number in range(len(parts))]
        written = self.sink.finish([done.written for done in ordered], str(self), run) if self.sink else Written()
        if ledger:
            ledger.clear()
        return PlanResult(
            rows=sum(cast("int", done.written["rows"]) for done in ordered),
            read=sum(done.read for done in ordered),
            seconds=perf_counter() - began,
            files=written.files,
            version=written.version,
            groups=_groups(self.sums, ordered),
            parts=len(parts),
            resumed=resumed,
            on=place,
        )

    def __str__(self) -> str:
        """Return the steps as a person would list them."""
        steps = [str(step) for step in self.steps]
        ends = [f"write to {self.sink.name}"] if self.sink else []
        ends += [f"aggregate by {', '.join(self.sums.by) or 'nothing'}"] if self.sums else []
        return "; ".join([*steps, *ends]) or "read"

    def _then(self, step: Step) -> "Plan":
        return dataclasses.replace(self, steps=(*self.steps, step))


def _groups(sums: Aggregate | None, ordered: Sequence[Done]) -> pa.Table | None:
    if sums is None:
        return None
    partials = [done.partial for done in ordered if done.partial is not None]
    # In the order of the parts, whoever was done first: the last digit of a mean is the same in every run.
    return sums.finish(sums.merge(partials)) if partials else None


def _sink(target: "str | Path | Table | Sink", *, replace: bool) -> Sink:
    if isinstance(target, str | Path):
        return FolderSink(Path(target), replace)
    if isinstance(target, Table):
        return TableSink(target, Commit(replace, operation="plan"))
    return target


def _matching(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        return (path,)
    settle(path if path.is_dir() else path.parent)
    found = sorted(path.glob("*.parquet")) if path.is_dir() else sorted(path.parent.glob(path.name))
    if not found:
        raise DataError(
            f"No Parquet file is at {path}.", remedy="Give a file, a folder, or a pattern such as in/*.parquet."
        )
    return tuple(found)


def _place(on: Where, size: int) -> Literal["ray", "here"]:
    if on not in get_args(Where):
        raise DataError(f"on is {on!r}.", remedy='Write "auto", "ray" or "here".')
    if on != "auto":
        return on
    # Starting Ray takes longer than such data; where it runs already, its other cores and nodes are worth a task each.
    if size < SMALL_BYTES or "ray" not in sys.modules:
        return "here"
    from mlray.data.plan.on_ray import is_running

    return "ray" if is_running() else "here"


def _runner(place: Literal["ray", "here"]) -> Run:
    if place == "here":
        return run_here
    from mlray.data.plan.on_ray import is_running, run_on_ray

    if not is_running():
        raise UnavailableError("This process is on no Ray.", remedy='Call `ray.init`, or leave `on` at "auto".')
    return run_on_ray
