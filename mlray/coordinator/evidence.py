"""Gather what bears on a decision: the request log, the store, the registry's figures, the budget."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.coordinator.artifact import Artifact, artifact_of
from mlray.coordinator.challenger import Excess, learnt_until
from mlray.coordinator.flows import ingest
from mlray.coordinator.policy import Facts
from mlray.coordinator.state import State
from mlray.coordinator.workspace import Workspace
from mlray.costs import retraining, spends
from mlray.costs import state as budget_state
from mlray.errors import AccessDenied, DataError, SourcePaused, StoreError
from mlray.monitoring import LogWindow, compare, measure, read_window
from mlray.records import Budget, DatasetVersion, DriftReport, ModelVersion, Performance, Price
from mlray.serving.rollout import Evidence
from mlray.sketches import profile

__all__ = ["Observer", "money"]

DEFAULT_SECONDS = 60.0
"""What a training is assumed to take before any was measured."""
LATELY, ENOUGH = timedelta(weeks=4), timedelta(weeks=2)
"""How far back earlier windows tell how many rows are usual, and how much time they must cover."""


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
        every = parse_duration(spec.drift.every)
        window = read_window(space.log_folder, now - every, now)
        broken, held_up, dataset = self._gather(now)
        drift, performance, unseen = self._looked(state.live or 0, dataset, window, now, broken or held_up)
        if drift is not None:
            broken = broken or (f"broken feed: {drift.broken}" if drift.broken else "")
        broken = broken or unseen
        price, budget = money(space, now)
        return Facts(
            endpoint=space.name,
            version=state.live or 0,
            now=now,
            drift=drift,
            performance=performance,
            rows_per_day=window.rows.num_rows / (every / timedelta(days=1)),
            price=price,
            budget=budget,
            broken=broken,
            paused=held_up,
        )

    def _gather(self, now: datetime) -> tuple[str, str, DatasetVersion | None]:
        """Take in what the source has learnt since; a broken or paused source is a fact, not a crash."""
        known = now - parse_duration(self.space.spec.data.target.known_after)
        try:
            return "", "", ingest(self.space, known, now)
        except SourcePaused as pause:
            return "", pause.problem.rstrip("."), self.space.store.head(self.space.spec.data.table)
        except DataError as error:
            return str(error), "", self.space.store.head(self.space.spec.data.table)

    def _looked(
        self, number: int, dataset: DatasetVersion | None, window: LogWindow, now: datetime, broken: str
    ) -> tuple[DriftReport | None, Performance | None, str]:
        """Return how the live model's inputs and answers do, and what kept us from seeing more: a fact, not a crash."""
        space, drift = self.space, None
        live = space.models().get(number)
        if live is None:
            return None, None, f"v{number} is live, but the journal knows no such model"
        try:
            artifact = artifact_of(space, live)
            drift = self._drift(live, artifact, window, now)
            key = f"{space.place}:{now.isoformat()}"
            if drift is not None:
                space.journal.append("drift", space.name, drift.to_json(), at=now, key=f"drift:{key}")
            sound = not (broken or (drift is not None and drift.broken))
            performance = self._performance(live, artifact, dataset if sound else None, window, now)
            space.journal.append("performance", space.name, performance.to_json(), at=now, key=f"performance:{key}")
        except (DataError, StoreError, AccessDenied) as error:
            return drift, None, str(error)
        return drift, performance, ""

    def _drift(self, live: ModelVersion, artifact: Artifact, window: LogWindow, now: datetime) -> DriftReport | None:
        """Compare the window's traffic with what the model learnt from; None while there has never been any."""
        reference, every = artifact.profile, parse_duration(self.space.spec.drift.every)
        usual = self._usual(now, every)
        if not window.rows.num_rows and usual is None:
            return None
        rows = self.space.contract.request_schema.empty_table()
        if window.rows.num_rows:  # the log of a silent window has no columns
            rows = window.rows.select(list(self.space.spec.data.request_columns))
        return compare(
            reference,
            profile(rows, reference.reference),
            endpoint=self.space.name,
            version=live.number,
            start=now - every,
            end=now,
            threshold=self.space.spec.drift.threshold,
            now=now,
            expected_rows=usual,
        )

    def _usual(self, now: datetime, every: timedelta) -> float | None:
        """Return how many rows such a window has had lately; None while fewer than two whole weeks are known."""
        lately = max(LATELY, 4 * every)
        entries = self.space.journal.entries(kind="drift", subject=self.space.name)
        reports = [DriftReport.from_json(entry.data) for entry in entries if now - lately <= entry.at < now]
        reports = [report for report in reports if not report.broken]
        seen = sum((report.end - report.start for report in reports), timedelta())
        if len(reports) < 2 or seen < ENOUGH:
            return None
        return float(np.median([report.rows / ((report.end - report.start) / every) for report in reports]))

    def _performance(
        self, live: ModelVersion, artifact: Artifact, dataset: DatasetVersion | None, window: LogWindow, now: datetime
    ) -> Performance:
        spec = self.space.spec
        every, late = parse_duration(spec.drift.every), parse_duration(spec.data.target.known_after)
        labelled = _of(live, read_window(self.space.log_folder, now - late - every, now - late))
        excess = None
        if dataset is not None and labelled.labelled and self._new(dataset, live, now - late - every):
            excess = self.challenge(dataset, live, every).excess
        return measure(
            endpoint=self.space.name,
            version=live.number,
            start=now - every,
            end=now,
            scores=np.asarray(_of(live, window).rows.column("score")),
            labelled_scores=labelled.scores,
            labels=labelled.labels,
            calibration=artifact.calibration,
            excess=excess,
        )

    def _new(self, dataset: DatasetVersion, live: ModelVersion, since: datetime) -> bool:
        """Return whether `dataset` has rows after `since` that `live` has not learnt from: old ones count only once."""
        learnt = learnt_until(self.space, live)
        return dataset.as_of > since and (learnt is None or dataset.as_of > learnt)

    def rollout(self, state: State, now: datetime) -> Evidence:
        """Return what is known of the candidate since its shadow began."""
        assert state.rollout is not None  # only asked during a rollout
        self.flush()
        window = read_window(self.space.log_folder, state.rollout.started, now)
        return Evidence.of(window.everything, live=state.live or 0, candidate=state.rollout.candidate)


def _of(live: ModelVersion, window: LogWindow) -> LogWindow:
    """Return what one version answered."""
    return LogWindow(window.rows.filter(pc.equal(window.rows.column("version"), live.number)), window.failed)
