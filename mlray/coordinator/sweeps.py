"""A sweep over a project's data from which no model is made: to see what can be reached, or to take one up again."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from mlray.coordinator.rows import matrices, quiet, split
from mlray.coordinator.searching import problem_of, search
from mlray.coordinator.workspace import Workspace
from mlray.errors import JournalError, NotFoundError
from mlray.experiments import read
from mlray.ids import new_id
from mlray.ports import Progress
from mlray.records import DatasetVersion, Experiment

__all__ = ["Asked", "spent", "sweep", "sweeps_folder"]


@dataclass(frozen=True)
class Asked:
    """A sweep that somebody asked for; what is left out is as the project's file says."""

    dataset: DatasetVersion
    trials: int | None = None
    seconds: float | None = None
    budget: Decimal | None = None
    resumed: Path | None = None
    """The journal of the sweep that is taken up again."""

    @cached_property
    def name(self) -> str:
        """The sweep's name: that of the one taken up, or a new one."""
        return self.resumed.stem if self.resumed else new_id("sweep")


def sweeps_folder(space: Workspace) -> Path:
    """Return where the journals of the workspace's sweeps lie."""
    return space.folder("sweeps")


def spent(journal: Path) -> tuple[float, Decimal]:
    """Return the lane seconds and the USD that the sweep of `journal` has spent so far; nothing where it tells none."""
    try:
        history = read(journal)
    except (NotFoundError, JournalError):
        return 0.0, Decimal(0)
    seconds = history.spent_seconds
    return seconds, Decimal(str(round(seconds, 6))) * history.plan.price_per_lane_second


def sweep(space: Workspace, asked: Asked, *, progress: Progress = quiet) -> Experiment:
    """Search for the best configuration on the Ray that this process is joined to; nothing is judged or registered.

    Raises:
        DataError: a part of the rows has one class only.
        OverBudget: time or money was gone before any trial had a score, or does not pay one.
        InputError: every trial failed.
    """
    parts = split(space, asked.dataset)
    _, x, valid = matrices(space, parts.train, parts.valid)
    return search(
        space,
        asked.dataset,
        problem_of(space, parts, x, valid),
        name=asked.name,
        trials=asked.trials or space.spec.model.trials,
        warm=(),
        budget=asked.budget,
        progress=progress,
        seconds=asked.seconds,
        resumed=asked.resumed,
    )
