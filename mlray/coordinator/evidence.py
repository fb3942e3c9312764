"""Gather what bears on a decision: the request log, the store, the registry's figures, the budget."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.coordinator.artifact import Artifact
from mlray.coordinator.flows import Excess, artifact_of, ingest
from mlray.coordinator.policy import Facts
from mlray.coordinator.state import State
from mlray.coordinator.workspace import Workspace
from mlray.costs import retraining, spends
from mlray.costs import state as budget_state
from mlray.errors import DataError
from mlray.monitoring import LogWindow, compare, measure, read_window
from mlray.records import Budget, DatasetVersion, DriftReport, ModelVersion, Performance, Price
from mlray.serving.rollout import Evidence
from mlray.sketches import profile

__all__ = ["Observer", "money"]

DEFAULT_SECONDS = 60.0
"""What a training is assumed to take before any was measured."""


def money(space: Workspace, now: datetime) -> tuple[Price, Budget | None]:
    """Return what a retraining is expected to cost, and what the budget has left at `now`."""
    costs = space.spec.costs
    entries = space.journal.entries(subject=space.name)
    price = retraining(spends(entries), costs, space.prices, DEFAULT_SECONDS)
    return price, budget_state(costs.budget, space.name, entries, now)


@dataclass
class Observer:
    """Looks at the world on the coordinator's behalf. Keeps nothing that it could not read again."""

    space: Workspace
    challenge: Callable[[DatasetVersion, ModelVersion, timedelta], Excess]
    flush: Callable[[], None]

    def facts(self, state: State, now: datetime) -> Facts:
        """Return everything that bears on retraining the live model."""
        space, spec = self.space, self.space.spec
        self.flush()
        live = space.models()[state.live or 0]
        every = parse_duration(spec.drift.every)
        window = read_window(space.log_folder, now - every, now)
        broken, dataset = self._gather(now)
        drift = self._drift(live, window, now - every, now)
        if drift is not None:
            space.journal.append("drift", space.name, drift.to_json(), at=now)
            broken = broken or (f"broken feed: {drift.broken}" if drift.broken else "")
        performance = self._performance(live, dataset, window, now, broken)
        if performance is not None:
            space.journal.append("performance", space.name, performance.to_json(), at=now)
        price, budget = money(space, now)
        return Facts(
            endpoint=space.name,
            version=live.number,
            now=now,
            drift=drift,
            performance=performance,
            rows_per_day=window.rows.num_rows / max(every / timedelta(days=1), 1.0),
            price=price,
            budget=budget,
            broken=broken,
        )

    def _gather(self, now: datetime) -> tuple[str, DatasetVersion | None]:
        """Take in what the source has learnt since; a broken source is a fact, not a crash."""
        known = now - parse_duration(self.space.spec.data.target.known_after)
        try:
            return "", ingest(self.space, known, now)
        except DataError as error:
            return str(error), self.space.store.head(self.space.spec.data.table)

    def _artifact(self, version: ModelVersion) -> Artifact:
        return artifact_of(self.space, version)

    def _drift(self, live: ModelVersion, window: LogWindow, start: datetime, end: datetime) -> DriftReport | None:
        reference = self._artifact(live).profile
        rows = window.rows.select(list(self.space.spec.data.request_columns))
        return compare(
            reference,
            profile(rows, reference.reference),
            endpoint=self.space.name,
            version=live.number,
            start=start,
            end=end,
            threshold=self.space.spec.drift.threshold,
            now=end,
        )

    def _performance(
        self, live: ModelVersion, dataset: DatasetVersion | None, window: LogWindow, now: datetime, broken: str
    ) -> Performance | None:
        spec = self.space.spec
        every, late = parse_duration(spec.drift.every), parse_duration(spec.data.target.known_after)
        labelled = read_window(self.space.log_folder, now - late - every, now - late)
        served = pc.equal(window.rows.column("version"), live.number)
        excess = None
        if dataset is not None and not broken and labelled.labelled:
            excess = self.challenge(dataset, live, every).excess
        return measure(
            endpoint=self.space.name,
            version=live.number,
            start=now - every,
            end=now,
            scores=np.asarray(window.rows.filter(served).column("score")),
            labelled_scores=labelled.scores,
            labels=labelled.labels,
            calibration=self._artifact(live).calibration,
            excess=excess,
        )

    def rollout(self, state: State, now: datetime) -> Evidence:
        """Return what is known of the candidate since its shadow began."""
        assert state.rollout is not None  # only asked during a rollout
        self.flush()
        window = read_window(self.space.log_folder, state.rollout.started, now)
        return Evidence.of(window.everything, live=state.live or 0, candidate=state.rollout.candidate)
