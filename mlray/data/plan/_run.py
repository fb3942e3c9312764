"""Carrying out a plan: each part is read, changed, written and summed up by one task."""

import base64
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import cast

import pyarrow as pa

from mlray.data.plan._expr import no_column
from mlray.data.plan._parts import Part
from mlray.data.plan._sinks import Sink
from mlray.data.plan._steps import Step, apply, needed, refuse_replaced
from mlray.data.plan._sums import Aggregate
from mlray.data.store.storage import Storage
from mlray.errors import DataError, MlrayError
from mlray.ids import Json, new_id

__all__ = ["Done", "Ledger", "Run", "Work", "run_here"]

FOLDED = 65_536
"""Groups that a part's partial results may have before they are merged."""


@dataclass(frozen=True)
class Work:
    """All that a task needs besides its part."""

    steps: tuple[Step, ...]
    sink: Sink | None
    aggregate: Aggregate | None
    ledger: "Ledger | None" = None

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns to read; None for all."""
        if self.sink is not None or self.aggregate is None:
            return needed(self.steps, None)
        return needed(self.steps, self.aggregate.columns)

    def do(self, number: int, part: Part) -> "Done":
        """Carry out the plan on one part.

        Raises:
            DataError: the part cannot be read, or a step failed on its rows; the part is named.
            StoreError: the result cannot be written.
        """
        partials: list[pa.Table] = []
        read = self._read(part, partials)
        try:
            self._check(part)
            written = self.sink.write(number, read, part.origin) if self.sink else _drained(read)
        except MlrayError as error:
            error.problem = f"{part.name}: {error.problem}"
            raise
        merged = self.aggregate.merge(partials) if self.aggregate and partials else None
        done = Done(number, part.name, part.rows, written, merged)
        if self.ledger:
            self.ledger.put(done)
        return done

    def _check(self, part: Part) -> None:
        # Steps see only the columns that are read: what else there is, only the part can tell.
        missing = sorted((self.columns or frozenset()).difference(part.schema.names))
        if missing:
            raise no_column(missing[0], part.schema.names)
        refuse_replaced(self.steps, part.schema.names)

    def _read(self, part: Part, partials: list[pa.Table]) -> Iterator[pa.RecordBatch]:
        wanted = self.columns
        names = None if wanted is None else [name for name in part.schema.names if name in wanted]
        only = part.schema.names[:1] if names == [] else names
        for rows in part.batches(only):
            made = apply(self.steps, rows)
            if self.aggregate and made.num_rows:
                partials.append(_partial(self.aggregate, made))
                if len(partials) > 1 and sum(each.num_rows for each in partials) > FOLDED:
                    partials[:] = [self.aggregate.merge(partials)]
            yield made


def _partial(aggregate: Aggregate, rows: pa.RecordBatch) -> pa.Table:
    try:
        return aggregate.partial(rows)
    except pa.ArrowException as error:
        asked = ", ".join(f'{each.name}=("{each.column}", "{each.kind}")' for each in aggregate.wanted if each.column)
        raise DataError(
            f"The rows cannot be summed up by {asked}: {str(error).splitlines()[0]}",
            remedy="Cast the columns to numbers first, or ask for another kind.",
        ) from error


def _drained(batches: Iterable[pa.RecordBatch]) -> dict[str, Json]:
    return {"rows": sum(rows.num_rows for rows in batches)}


@dataclass(frozen=True)
class Done:
    """What became of one part."""

    number: int
    part: str
    read: int
    """Rows read."""
    written: dict[str, Json]
    """What the sink reports."""
    partial: pa.Table | None

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON values."""
        partial = "" if self.partial is None else base64.b64encode(_packed(self.partial)).decode()
        return {
            "number": self.number,
            "part": self.part,
            "read": self.read,
            "written": self.written,
            "partial": partial,
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> "Done":
        """Return what `to_json` wrote."""
        packed = base64.b64decode(str(data["partial"]))
        return cls(
            cast("int", data["number"]),
            str(data["part"]),
            cast("int", data["read"]),
            cast("dict[str, Json]", data["written"]),
            pa.ipc.open_stream(packed).read_all() if packed else None,
        )


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return cast("bytes", sink.getvalue().to_pybytes())


@dataclass(frozen=True)
class Ledger:
    """The parts of a plan that are done, one small file each, so that a run that failed goes on where it stopped."""

    storage: Storage
    plan: str
    """Digest of the plan: another plan's parts do not count."""

    def put(self, done: Done) -> None:
        """Remember a part, in whatever process it was done."""
        self.storage.replace(f"{self._home}{done.number}.json", json.dumps(done.to_json()).encode())

    def known(self, parts: Sequence[Part], sink: Sink | None) -> dict[int, Done]:
        """Return by number the parts that need not be done again."""
        found = {}
        for info in self.storage.names(self._home):
            try:
                done = Done.from_json(json.loads(self.storage.read(info.name)))
            except (OSError, ValueError, KeyError):
                continue  # what cannot be read is done again
            same = done.number < len(parts) and parts[done.number].name == done.part
            if same and (sink is None or sink.intact(done.written)):
                found[done.number] = done
        return found

    def begun(self) -> bool:
        """Tell whether an earlier run of the plan began to write."""
        return self.storage.exists(f"{self._home}run")

    def run_id(self) -> str:
        """Return the name of this run, which is that of the one it continues."""
        self.storage.create(f"{self._home}run", new_id("plan").encode())
        return self.storage.read(f"{self._home}run").decode()

    def clear(self) -> None:
        """Forget all: the run has ended well."""
        for info in self.storage.names(self._home):
            self.storage.delete(info.name)

    @property
    def _home(self) -> str:
        return f"plans/{self.plan[:16]}/"


Run = Callable[[Work, Sequence[tuple[int, Part]], int | None], Iterable[Done]]
"""Carries out the numbered parts, at most so many at a time (None: as many as there are CPUs), in any order."""


def run_here(work: Work, parts: Sequence[tuple[int, Part]], at_once: int | None) -> Iterator[Done]:
    """Carry out `parts` in threads of this process and yield what became of each as it is done.

    pyarrow's kernels, readers and writers let other threads run, so that threads use the cores as processes would.
    """
    threads = at_once or len(os.sched_getaffinity(0))
    waiting = iter(parts)
    with ThreadPoolExecutor(threads) as pool:
        running: set[Future[Done]] = set()
        try:
            while True:
                for number, part in waiting:
                    running.add(pool.submit(work.do, number, part))
                    if len(running) >= threads:
                        break
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            for each in running:
                each.cancel()
