"""A sweep over a project's data, without a model that comes of it; and the sweeps that a workspace remembers."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from mlray.coordinator.flows import price_of_seconds
from mlray.coordinator.question import question
from mlray.coordinator.rows import quiet
from mlray.coordinator.workspace import Workspace
from mlray.experiments import Wanted
from mlray.ids import digest, new_id
from mlray.leases import Resources, Terms
from mlray.ports import Progress
from mlray.records import DatasetVersion, Experiment, Trial
from mlray.spec import Claim, Model, Sharing

__all__ = ["Asked", "sweep", "sweeps_folder", "terms_of"]


@dataclass(frozen=True)
class Asked:
    """A sweep that somebody asked for; what is left out is as the project's file says."""

    dataset: DatasetVersion
    trials: int | None = None
    seconds: float | None = None
    budget: Decimal | None = None
    warm: tuple[Trial, ...] = ()
    resumed: Path | None = None
    """The journal of the sweep that is taken up again."""


def sweeps_folder(space: Workspace) -> Path:
    """Return where the journals of the workspace's sweeps lie."""
    return space.folder("sweeps")


def sweep(space: Workspace, asked: Asked, *, progress: Progress = quiet) -> Experiment:
    """Search for the best configuration on the Ray that this process is joined to; nothing is registered.

    Raises:
        OverBudget: time or money was gone before any trial had a score, or does not pay one.
        InputError: every trial failed.
    """
    from mlray.experiments.on_ray import sweep_on_ray

    model = space.spec.model
    problem = question(space, asked.dataset).problem
    wanted = Wanted(
        name=asked.resumed.stem if asked.resumed else new_id("sweep"),
        trials=asked.trials or model.trials,
        progress=progress,
        dataset=asked.dataset.name,
        contract=contract_of(space),
        warm=asked.warm,
        price_per_lane_second=price_of_seconds(space, model.threads),
        budget=asked.budget if asked.budget is not None else model.budget,
        seconds=asked.seconds if asked.seconds is not None else model.seconds,
        folder=sweeps_folder(space),
        resumed=asked.resumed,
    )
    sharing = space.spec.sharing
    return sweep_on_ray(problem, model, wanted, tenant=sharing.tenant, terms=terms_of(sharing), keep=_keep(model))


def contract_of(space: Workspace) -> str:
    """Return the digest of what the data must look like: sweeps over the same learn from each other."""
    return digest(space.spec.data.model_dump_json(include={"columns", "target", "table"}).encode())


def terms_of(sharing: Sharing) -> Terms:
    """Return on what terms a project shares the cluster.

    >>> terms_of(Sharing(guarantee=Claim(cpu=4))).guarantee.cpu
    4.0
    """
    return Terms(
        guarantee=_amount(sharing.guarantee, 0.0),
        weight=sharing.weight,
        maximum=None if sharing.maximum is None else _amount(sharing.maximum, float("inf")),
        priority=sharing.priority,
    )


def _amount(claim: Claim, otherwise: float) -> Resources:
    given: Mapping[str, float | None] = {"cpu": claim.cpu, "gpu": claim.gpu, "memory": claim.memory}
    return Resources(**{name: otherwise if value is None else float(value) for name, value in given.items()})


def _keep(model: Model) -> float:
    from mlray.clock import parse_duration

    return parse_duration(model.keep_lanes).total_seconds()
