"""Sweeps as their journals tell of them: all in a folder, or one."""

import fcntl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path

from mlray.errors import JournalError, NotFoundError
from mlray.experiments import History, read
from mlray.records import Record, Trial

__all__ = ["Sight", "find", "ranked", "sight", "sights", "writing"]


@dataclass(frozen=True, slots=True)
class Sight(Record):
    """One sweep, as somebody who lists them sees it."""

    id: str
    at: datetime
    """When its journal was last written."""
    state: str
    """`running`, or `ended`: a sweep that was interrupted has ended too, and can be resumed."""
    metric: str
    done: int
    trials: int
    failed: int
    best: float | None
    trainer: str
    """Of the best trial; empty before there is one."""
    seconds: float
    spent: Decimal
    dataset: str

    def __str__(self) -> str:
        """Return one line for a person."""
        best = f"best {self.metric} {self.best:.4f} by {self.trainer}" if self.best is not None else "no score"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.id} {self.state}: {self.done} of {self.trials} configurations{failed}, {best}"


def sights(folder: Path) -> tuple[Sight, ...]:
    """Return the sweeps whose journals lie in `folder`, the newest first; damaged journals are left out."""
    found = []
    for path in folder.glob("*.jsonl"):
        try:
            found.append(sight(path, read(path)))
        except JournalError:
            continue
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def sight(path: Path, history: History) -> Sight:
    """Return the sweep of one journal."""
    plan = history.plan
    best = ranked(history)[:1]
    return Sight(
        id=plan.name,
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        state="running" if writing(path) else "ended",
        metric=plan.metric,
        done=len(history.trials),
        trials=plan.trials,
        failed=sum(trial.score is None for trial in history.trials),
        best=best[0].score if best else None,
        trainer=best[0].trainer if best else "",
        seconds=history.seconds,
        spent=plan.price_per_lane_second * Decimal(str(history.spent_seconds)),
        dataset=plan.dataset,
    )


def writing(path: Path) -> bool:
    """Return whether some process is writing the journal at `path`: it keeps the file locked."""
    with path.open("rb") as journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def ranked(history: History) -> Sequence[Trial]:
    """Return the trials that have a score, the best first."""
    sign = -1.0 if history.plan.higher else 1.0
    scored = [trial for trial in history.trials if trial.score is not None]
    return sorted(scored, key=lambda trial: (sign * (trial.score or 0.0), trial.number))


def find(folder: Path, name: str | None) -> Path:
    """Return the journal of the sweep `name` in `folder`, the newest without a name.

    Raises:
        NotFoundError: there is none; the remedy names the closest.
    """
    known = {path.stem: path for path in folder.glob("*.jsonl")}
    if name is None and known:
        return max(known.values(), key=lambda path: path.stat().st_mtime_ns)
    if name in known:
        return known[name]
    if not known:
        raise NotFoundError(f"There is no sweep in {folder}.", remedy="`mlray sweep run` begins one.")
    # The end of a name is what people read off a list.
    ends = [path for stem, path in known.items() if stem.endswith(str(name))]
    if len(ends) == 1:
        return ends[0]
    near = get_close_matches(str(name), known, n=1, cutoff=0.3)
    hint = f"Did you mean '{near[0]}'?" if near else "`mlray sweep list` names them."
    raise NotFoundError(f"There is no sweep '{name}' in {folder}.", remedy=hint)
