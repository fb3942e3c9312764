"""The whole life of a model in one run: gather, train, release, replay the live part, watch, decide, tell."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlray.clock import ManualClock, SystemClock, parse_duration
from mlray.coordinator.replay import Replay
from mlray.coordinator.rows import quiet
from mlray.errors import GateRefusal, Refusal
from mlray.ports import Narrator, Progress
from mlray.project._anew import alone, refuse_pointless
from mlray.project._result import RunResult, decisions_in, outcomes_in
from mlray.records import Act, Decision

if TYPE_CHECKING:
    from mlray.project._project import Project

__all__ = ["run"]

WEIGHTS = {"start": 0.08, "gather": 0.04, "can it work?": 0.05, "train": 0.15, "live": 0.64, "tell": 0.04}
"""The share of the whole that each stage took where this was measured, for the estimate of what is left."""


class _Silent:
    """A narrator for those who do not listen."""

    def stage(self, name: str, weight: float) -> Progress:
        del name, weight
        return quiet

    def say(self, text: str) -> None:
        del text

    def table(self, rows: Sequence[Mapping[str, str]]) -> None:
        del rows


@dataclass
class _Timed:
    """Stages with their wall seconds."""

    narrator: Narrator
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        clock = SystemClock()
        began = clock.ticks()
        progress = self.narrator.stage(name, WEIGHTS[name])
        progress(0, 1)
        yield progress
        progress(1, 1)
        self.seconds[name] = round(clock.ticks() - began, 2)


def run(
    project: "Project",
    *,
    keep: bool,
    fault: tuple[int, str] | None,
    until: datetime | None,
    narrator: Narrator | None,
) -> RunResult:
    """Run `project`; see `Project.run`."""
    timed = _Timed(narrator or _Silent())
    refuse_pointless(project.space)
    before = project.set_clock(ManualClock(project.history_end()))
    try:
        with alone(project.space):
            project.begin_anew()
            with _ended(project, keep=keep):
                return _run(project, timed, keep=keep, fault=fault, until=until)
    finally:
        project.set_clock(before)


@contextmanager
def _ended(project: "Project", *, keep: bool) -> Iterator[None]:
    """End what the block started: always, or with `keep` only when the block fails or is interrupted."""
    try:
        yield
    except BaseException:
        _end(project, kept=keep)
        raise
    if not keep:
        _end(project, kept=False)


def _end(project: "Project", *, kept: bool) -> None:
    try:
        if not (kept and project.stop()):
            project.clear()
    finally:
        project.close()


def _run(
    project: "Project", timed: _Timed, *, keep: bool, fault: tuple[int, str] | None, until: datetime | None
) -> RunResult:
    from mlray.coordinator.release import client

    say = timed.narrator.say
    with timed.stage("start"):
        project.connect(kept=keep)
        project._serve(kept=keep)  # noqa: SLF001 (one class in two files)
    requests = _life(project, timed, fault, until)
    endpoint = project.endpoint()
    with timed.stage("tell"):
        from mlray.project._story import write_report

        with client(project.space, "coordinator") as http:
            http.flush()  # the report reads the log: the newest answers and their truth belong into it
        told = write_report(project, timed.seconds, requests, fault)
    if keep:
        say(project.how_to_call())
    entries = project.journal()
    return RunResult(
        decisions=decisions_in(entries),
        outcomes=outcomes_in(entries),
        costs={
            str(entry.data["decision"]): Decimal(str(entry.data["cost"]))
            for entry in entries
            if entry.kind == "outcome" and Decimal(str(entry.data["cost"]))
        },
        endpoint=endpoint,
        report=project.space.report,
        seconds=timed.seconds,
        requests=requests,
        kept=keep,
        injected=told.injected,
    )


def _life(project: "Project", timed: _Timed, fault: tuple[int, str] | None, until: datetime | None) -> int:
    from mlray.coordinator import on_ray

    space, say = project.space, timed.narrator.say
    late = parse_duration(space.spec.data.target.known_after)
    with timed.stage("gather") as progress:
        start = project.history_end()
        heard = _relay(progress)
        dataset = project._do(  # noqa: SLF001
            "ingest:first", "ingest", {"until": start - late, "now": start, "on_ray": True}, heard
        )
        quality = dataset.quality
        say(f"{dataset}; {', '.join(f'{n:,} × {why}' for why, n in quality.set_aside.items()) or 'nothing set aside'}")
        say(f"mapped: {', '.join(f'{n:,} × {what}' for what, n in quality.mapped.items()) or 'nothing'}")
    with timed.stage("can it work?") as progress:
        verdict = project._do("feasibility:first", "feasibility", {"dataset": dataset, "now": start}, _relay(progress))  # noqa: SLF001
        say(str(verdict))
    coordinator = project._coordinator(fault)  # noqa: SLF001
    with timed.stage("train") as progress:
        on_ray.tick(project.folder, coordinator, start, _relay(progress))
        decisions = decisions_in(project.journal())
        _must_be_live(decisions)
        say(str(project.model()))
    with timed.stage("live") as progress:
        replay = Replay(space)
        return _days(project, replay, coordinator, until, progress, say)


def _must_be_live(decisions: list[Decision]) -> None:
    if any(decision.act is Act.PROMOTE for decision in decisions):
        return
    last = decisions[-1]
    if last.act is Act.REJECT:
        raise GateRefusal(f"the first model is not released: {last.because}.", remedy="See `gates` in mlray.yaml.")
    raise Refusal(f"no first model: {last.because}.", remedy="See `costs` in mlray.yaml.")


def _relay(progress: Progress) -> Any:  # noqa: ANN401
    return lambda report: progress(report.done, report.total, report.note)


def _days(
    project: "Project",
    replay: Replay,
    coordinator: Any,  # noqa: ANN401 (a Ray actor's handle)
    until: datetime | None,
    progress: Progress,
    say: Any,  # noqa: ANN401
) -> int:
    from mlray.coordinator import on_ray
    from mlray.coordinator.release import client

    space = project.space
    told, requests, waiting = space.journal.head(), 0, []
    seq = told.seq if told else 0
    with client(space, "client") as http:
        for number, day in enumerate(replay):
            if until is not None and day.start >= until:
                break
            replay.send(day, http)
            requests += len(day.requests)
            waiting.append(day)
            if len(waiting) > replay.lateness:
                replay.tell(waiting.pop(0), http)
            note = f"{day.start:%Y-%m-%d}"

            def heard(report: Any, number: int = number, note: str = note) -> None:  # noqa: ANN401
                progress(number, replay.days, f"{note}, retraining: {report.note}")

            on_ray.tick(project.folder, coordinator, day.end, heard)
            project.set_clock(ManualClock(day.end))
            entries = space.journal.entries(after=seq)
            seq = entries[-1].seq if entries else seq
            for decision in decisions_in(entries):
                say(str(decision))
            progress(number + 1, replay.days, note)
    return requests
