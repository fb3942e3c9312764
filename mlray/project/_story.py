"""Collect what the report tells: from the journal, the request log and the registry."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from mlray.console import Decided, Episode, Fault, Judged, MoneyEvent, Month, Phase, StageTime, Story, report
from mlray.coordinator.artifact import predictor
from mlray.costs import state as budget_state
from mlray.evaluation import metrics
from mlray.journal import Entry
from mlray.monitoring import read_window
from mlray.project._past import of_project, past
from mlray.project._result import decisions_in, outcomes_in
from mlray.records import (
    Act,
    Budget,
    DatasetVersion,
    Decision,
    DriftReport,
    Experiment,
    Feasibility,
    Interval,
    Performance,
)

if TYPE_CHECKING:
    from mlray.project._project import Project

__all__ = ["story", "write_report"]


def write_report(
    project: "Project", seconds: Mapping[str, float], requests: int, fault: tuple[int, str] | None
) -> Story:
    """Write `report.html` and, beside it, `report.json`; return what they tell."""
    import json

    told = story(project, seconds, requests, fault)
    project.space.report.write_text(report(told), encoding="utf-8")
    project.space.report.with_suffix(".json").write_text(json.dumps(told.to_json()), encoding="utf-8")
    return told


def story(
    project: "Project", seconds: Mapping[str, float], requests: int, fault: tuple[int, str] | None = None
) -> Story:
    """Return everything that is known of the project's life so far."""
    space = project.space
    entries = project.journal()
    by_kind: dict[str, list[Entry]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)

    def read(kind: str, record: Any) -> list[Any]:  # noqa: ANN401 (a record's class)
        return [record.from_json(entry.data) for entry in by_kind.get(kind, [])]

    decisions = decisions_in(entries)
    start = project.history_end()
    end = max([start, project.now(), *(entry.at for entry in entries)])
    verdicts = read("feasibility", Feasibility)
    head = entries[-1] if entries else None
    return Story(
        project=space.name,
        start=start,
        end=end,
        question=space.spec.question,
        feasibility=verdicts[-1] if verdicts else None,
        stages=tuple(StageTime(name, taken) for name, taken in seconds.items()),
        requests=requests,
        months=_months(project, start, end),
        budgets=_budgets(project, start, end),
        money=_money(by_kind),
        versions=_episodes(decisions, space.models().values()),
        drift=tuple(read("drift", DriftReport)),
        performance=tuple(read("performance", Performance)),
        decisions=_decided(decisions, entries),
        datasets=tuple(read("dataset", DatasetVersion)),
        experiments=tuple(read("experiment", Experiment)),
        models=tuple(Judged.of(version) for version in space.models().values()),
        faults=_faults(decisions, fault),
        error_price=space.spec.costs.error,
        journal_entries=len(entries),
        journal_head=head.digest if head else "",
    )


def _month_edges(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    edges, at = [], start
    while at < end:
        month = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
        edges.append((at, min(month, end)))
        at = month
    return edges


def _months(project: "Project", start: datetime, end: datetime) -> tuple[Month, ...]:
    space = project.space
    first = predictor(space, project.model(past(of_project(project.journal(), space.name)).first))
    found = []
    for since, until in _month_edges(start, end):
        window = read_window(space.log_folder, since, until)
        known = window.rows.filter(pc.is_valid(window.rows.column("label")))
        if known.num_rows < 2:
            continue
        y = np.asarray(known.column("label")).astype(float)
        served = np.asarray(known.column("score"))
        kept = first.predict(known.select(list(space.spec.data.request_columns)))
        numbers = sorted(set(known.column("version").to_pylist()))
        found.append(
            Month(
                since,
                until,
                known.num_rows,
                _figures(y, served),
                _figures(y, kept),
                _saved(y, served, kept),
                tuple(f"v{number}" for number in numbers),
            )
        )
    return tuple(found)


def _figures(y: Any, p: Any) -> dict[str, Interval]:  # noqa: ANN401 (arrays)
    found = metrics(y, p)
    return {name: found[name] for name in ("error", "auc") if name in found}


def _saved(y: Any, served: Any, kept: Any) -> Interval:  # noqa: ANN401
    difference = ((kept > 0.5) != y).astype(float) - ((served > 0.5) != y).astype(float)
    margin = 1.96 * float(difference.std(ddof=1)) / len(y) ** 0.5
    centre = float(difference.mean())
    return Interval(centre, centre - margin, centre + margin)


def _budgets(project: "Project", start: datetime, end: datetime) -> tuple[Budget, ...]:
    spec = project.spec.costs.budget
    if spec is None:
        return ()
    entries = project.journal()
    found = [budget_state(spec, project.spec.project, entries, at) for at, _ in _month_edges(start, end)]
    return tuple({budget.start: budget for budget in found if budget is not None}.values())


def _money(by_kind: Mapping[str, list[Entry]]) -> tuple[MoneyEvent, ...]:
    found = []
    for kind in ("promise", "spend", "release"):
        for entry in by_kind.get(kind, []):
            amount = Decimal(str(entry.data.get("amount", "0")))
            found.append(
                MoneyEvent(entry.at, kind, amount, str(entry.data.get("purpose", "")), str(entry.data.get("work", "")))
            )
    return tuple(sorted(found, key=lambda event: event.at))


def _decided(decisions: list[Decision], entries: list[Entry]) -> tuple[Decided, ...]:
    results = outcomes_in(entries)
    spent = {
        str(entry.data["decision"]): Decimal(str(entry.data["cost"]))
        for entry in entries
        if entry.kind == "outcome" and Decimal(str(entry.data["cost"]))
    }
    return tuple(Decided(d, results.get(d.id, ""), spent.get(d.id)) for d in decisions)


def _episodes(decisions: list[Decision], versions: Any) -> tuple[Episode, ...]:  # noqa: ANN401
    """Return the phases of every version, read off the decisions."""
    found = [Episode(f"v{version.number}", Phase.TRAINED, version.created_at) for version in versions]
    phases: dict[str, list[Episode]] = {}
    live = ""
    for decision in decisions:
        name = f"v{decision.evidence.get('version')}"
        share = float(str(decision.evidence.get("share") or 0))
        match decision.act:
            case Act.SHADOW:
                begun = Episode(name, Phase.SHADOW, decision.at, because=decision.because)
            case Act.CANARY:
                begun = Episode(name, Phase.CANARY, decision.at, share=share, because=decision.because)
            case Act.PROMOTE:
                if live:
                    phases[live].append(Episode(live, Phase.RETIRED, decision.at))
                live = name
                begun = Episode(name, Phase.LIVE, decision.at, share=1.0, because=decision.because)
            case Act.ROLL_BACK:
                begun = Episode(name, Phase.ROLLED_BACK, decision.at, because=decision.because)
            case Act.REJECT:
                begun = Episode(name, Phase.REJECTED, decision.at, because=decision.because)
            case _:
                continue
        phases.setdefault(name, []).append(begun)
    for episodes in phases.values():
        found += [_ended(a, b.start) for a, b in pairwise(episodes)] + [_ended(episodes[-1], None)]
    return tuple(found)


def _ended(episode: Episode, end: datetime | None) -> Episode:
    lasting = episode.phase in (Phase.SHADOW, Phase.CANARY, Phase.LIVE)
    return Episode(
        episode.version, episode.phase, episode.start, end if lasting else None, episode.share, episode.because
    )


def _faults(decisions: list[Decision], fault: tuple[int, str] | None) -> tuple[Fault, ...]:
    causes = [decision for decision in decisions if decision.evidence.get("fault")]
    if fault is None or not causes:
        return ()
    cause = causes[0]
    family = [decision for decision in decisions if cause.id in (decision.id, decision.caused_by)]
    broken = next((f"v{decision.evidence['version']}" for decision in family if decision.caused_by), "")
    what = f"{broken or 'A candidate'} was broken on purpose ({fault[1]}): yes and no were exchanged."
    return (Fault(what, broken, tuple(decision.id for decision in family)),)
