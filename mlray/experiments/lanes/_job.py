"""What a pool tells a lane to do next: work on a pack, get ready, or rest."""

from dataclasses import dataclass, field
from typing import Any, Self

from mlray.experiments._orders import Pack
from mlray.leases import Resources

__all__ = ["Cargo", "Job", "Task"]


@dataclass(frozen=True)
class Task:
    """What all packs of one sweep share."""

    sweep: str
    key: str
    """Under which a lane keeps the prepared rows; two sweeps over the same rows share them."""
    rows: Any
    """Reference to the problem in the object store."""
    rounds: int
    threads: int
    width: int
    early: bool
    objectives: tuple[str, ...]
    device: str
    trainers: tuple[str, ...]
    tenant: str
    need: Resources
    backed: bool
    """Whether Ray itself holds what the lane needs, as it does for GPUs."""


@dataclass(frozen=True)
class Job:
    """One Tune trial: a pack of a task's orders; without orders a lane gets ready; without a task it rests."""

    lane: str
    pool: str
    task: Task | None = None
    pack: Pack | None = None
    patience: float = 0.0
    """Seconds to rest, or to wait for a lease."""
    notes: dict[str, str] = field(default_factory=dict)


class Cargo(str):
    """The name of a job, and with it the job itself.

    Tune copies every trial's configuration, prints it and writes it into a file. Of a text only the text is copied and
    written, while a lane receives the whole: neither rows nor parameters are held by files of Tune's.
    """

    __slots__ = ("job",)
    job: Job

    def __new__(cls, name: str, job: Job) -> Self:
        """Carry `job` under `name`."""
        cargo = super().__new__(cls, name)
        cargo.job = job
        return cargo

    def __deepcopy__(self, memo: object) -> "Cargo":
        """Return the same: nobody changes it."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel whole."""
        return (Cargo, (str(self), self.job))
