"""The class that people hold in their hands."""

from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mlray.clock import Clock, SystemClock, parse_duration
from mlray.coordinator.evidence import money
from mlray.coordinator.state import State, fold
from mlray.coordinator.workspace import Workspace
from mlray.errors import GateRefusal, InputError, NotFoundError, OverBudget, Refusal
from mlray.ids import Json, new_id
from mlray.journal import Entry
from mlray.ports import Narrator
from mlray.project._look import cost, status
from mlray.project._past import LEFT, Past, of_project, past
from mlray.project._result import RunResult, decisions_in
from mlray.project._swept import Swept
from mlray.records import Act, DatasetVersion, Decision, Endpoint, Feasibility, ModelVersion, Scorecard
from mlray.spec import check_sources

__all__ = ["Project", "open_project"]


def open_project(path: Path | str = ".", *, clock: Clock | None = None, sources: bool = False) -> "Project":
    """Open the project in the folder `path` (or the `mlray.yaml` at it); nothing is started yet.

    It is opened although files of its sources are missing, to look at it or to crawl; with `sources=True` that is a
    fault at once, and not only when they are read.

    Raises:
        SpecError: the file has faults; all of them are listed.
        NotFoundError: there is no project.
    """
    from mlray.experiments import check_space

    space = Workspace.at(path, check=lambda spec: check_space(spec.model), sources=sources)
    return Project(space, clock or SystemClock(), Path(path))


def _aware(moment: datetime | None, name: str) -> datetime | None:
    """Return `moment`; InputError when it names no time zone: it would be compared with moments that do."""
    if moment is not None and moment.utcoffset() is None:
        raise InputError(
            f"{name} is {moment.isoformat()} without a time zone.",
            remedy=f"Pass datetime({moment:%Y, %-m, %-d}, tzinfo=UTC), with `from datetime import UTC`.",
        )
    return moment


class Project(Swept):
    """One project: its data, its models, its endpoint and the coordinator that watches it.

    Used with `with`, it ends what it started; `mlray.open("jobs/flights").run()` is the whole life of a model.
    """

    def __init__(self, space: Workspace, clock: Clock, source: Path | None = None) -> None:
        """Take an opened workspace; `mlray.open` makes one from a path, which is kept as `source`."""
        super().__init__(space, source)
        self._clock = clock

    def __repr__(self) -> str:
        """Return how to open it again."""
        return f"mlray.open({str(self.source)!r})"

    def _repr_html_(self) -> str:
        """Show the state as a table, for notebooks."""
        from html import escape

        rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in self.status().items())
        return f"<table><caption>{escape(self.spec.project)}</caption>{rows}</table>"

    def __enter__(self) -> Self:
        """Return the project."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started."""
        self.close()

    def now(self) -> datetime:
        """Return the project's own time: the machine's, or that of the past that is being replayed."""
        return self._clock.now()

    def set_clock(self, clock: Clock) -> Clock:
        """Tell the time by another clock from now on, as a replay of the past does; return the one before."""
        before, self._clock = self._clock, clock
        return before

    # -- the stages -------------------------------------------------------------------------------------------------

    def history_end(self) -> datetime:
        """Return the moment up to which the past is known: where the replay starts, or now."""
        from datetime import UTC, time

        live = self.spec.live
        return datetime.combine(live.start, time(), UTC) if live else self._clock.now()

    def ingest(self, until: datetime | None = None, rows: object = None) -> DatasetVersion:
        """Take in what the source holds up to `until` (default: all that is known) as a new dataset version.

        Small data is read in this process; no Ray is started. `rows` are read in place of the source, through the same
        contract: a pyarrow.Table, a pandas.DataFrame, or an iterable of batches.

        Raises:
            SpecError: no file of a source is there; nothing was read.
            DataError: a file cannot be read or does not fit the contract; nothing was committed.
            InputError: `until` has no time zone.
        """
        from mlray.coordinator.flows import ingest

        if rows is None:
            check_sources(self.spec)
        until = _aware(until, "until") or self.history_end() - parse_duration(self.spec.data.target.known_after)
        return ingest(self.space, until, self._clock.now(), given=rows)

    def dataset(self, number: int | None = None) -> DatasetVersion:
        """Return a dataset version, the newest by default; one is ingested where there is none."""
        table = self.spec.data.table
        if number is not None:
            return self.space.store.version(table, number)
        return self.space.store.head(table) or self.ingest()

    def feasibility(self) -> Feasibility:
        """Say what this data can probably reach, before money is spent on a sweep."""
        from mlray.coordinator.flows import feasibility

        return feasibility(self.space, self.dataset(), self._clock.now())

    def train(self, trials: int | None = None) -> ModelVersion:
        """Sweep, judge on later rows and register; `.scorecard` says whether the gates let it through.

        Raises:
            OverBudget: the budget has not enough left; the message says what would fit and when.
        """
        from mlray.coordinator.flows import Order
        from mlray.costs import release, reserve, settle

        now, key, spec, journal = self._clock.now(), new_id("train"), self.spec, self.space.journal
        price, _ = money(self.space, now)
        admission = reserve(
            journal, key, price, spec=spec.costs.budget, scope=spec.project, purpose="training", now=now
        )
        if not admission.admitted:
            raise OverBudget(f"training was not started: {admission.because}.", remedy="`mlray cost` shows the budget.")
        try:
            on_ray = self._actors()
            live = self.space.models().get(self._state().live or 0)
            order = Order(self.dataset(), now, trials or spec.model.trials, live=live, cpus=on_ray.cpus())
            trained = self._do(key, "train", {"order": order})
        except BaseException as error:
            release(journal, key, because=f"the training did not end: {type(error).__name__}", at=now)
            raise
        settle(journal, key, trained.spend)
        version: ModelVersion = trained.version
        return version

    def model(self, number: int | None = None) -> ModelVersion:
        """Return a registered version, the newest by default; NotFoundError lists what there is."""
        known = self.space.models()
        if not known:
            raise NotFoundError(f"{self.spec.project} has no model yet.", remedy="`mlray train` makes one.")
        if number is not None and number not in known:
            listed = ", ".join(str(n) for n in sorted(known))
            raise NotFoundError(f"{self.spec.project} has no version {number}.", remedy=f"Known: {listed}.")
        return known[number or max(known)]

    def evaluate(self, number: int | None = None) -> Scorecard:
        """Return a version's scorecard, the newest version's by default."""
        return self.model(number).scorecard

    # -- the endpoint -----------------------------------------------------------------------------------------------

    def deploy(self, number: int | None = None, *, kept: bool = True) -> Endpoint:
        """Bring a version to the endpoint: live where nothing is live yet, else as a shadow that goes on step by step.

        Without a number it is the newest one that was not rejected or rolled back.

        Raises:
            GateRefusal: the version did not pass its gates.
        """
        version = self.model(self._deployable() if number is None else number)
        if not version.scorecard.passed:
            raise GateRefusal(f"{version.name} v{version.number} is not deployed: {version.scorecard}.")
        self._serve(kept=kept)
        live = self._state().live
        act = Act.PROMOTE if live is None else Act.SHADOW
        if live != version.number:
            self._release(version.number, act, f"v{version.number} was asked for by a person and passed its gates")
        return self.endpoint()

    def _deployable(self) -> int | None:
        """Return the newest version that has not proved bad; None where there is none, or no version at all."""
        bad = self._past().bad
        return max((number for number in self.space.models() if number not in bad), default=None)

    def promote(self, number: int) -> Endpoint:
        """Make a version live at once, without shadow and canary: a person takes the responsibility."""
        version = self.model(number)
        self._serve(kept=True)
        self._release(version.number, Act.PROMOTE, f"v{version.number} was promoted by a person")
        return self.endpoint()

    def rollback(self) -> Endpoint:
        """Take the candidate out, or, without one, go back to the version that was live before.

        Raises:
            Refusal: there is nothing to go back to.
        """
        state = self._state()
        if state.rollout is not None:
            self._serve(kept=True)
            self._release(state.rollout.candidate, Act.ROLL_BACK, "rolled back by a person")
            return self.endpoint()
        previous = self._past().previous
        if previous is None:
            raise Refusal(
                "there is no earlier live version to go back to.", remedy="`mlray journal` shows what was live."
            )
        self._serve(kept=True)
        self._release(previous, Act.PROMOTE, f"a person went back from v{state.live} to v{previous}", left=state.live)
        return self.endpoint()

    def _release(self, number: int, act: Act, because: str, *, left: int | None = None) -> None:
        now = self._clock.now()
        decision = Decision(
            id=f"{self.spec.project}:{now.isoformat()}:{act}",
            at=now,
            act=act,
            subject=f"{self.spec.project}/v{number}",
            because=because,
            evidence={"version": number} if left is None else {"version": number, LEFT: left},
        )
        self._actors().call(self._coordinator().release.remote(decision))

    def _serve(self, *, kept: bool) -> str:
        """Start the endpoint where it does not answer yet; return its address."""
        from mlray.coordinator.release import serve

        self.connect(kept=kept)
        return serve(self.space, self.folder, self._clock.now())

    def _coordinator(self, fault: tuple[int, str] | None = None) -> Any:  # noqa: ANN401 (a Ray actor's handle)
        from mlray.coordinator.release import address

        return self._actors().coordinator(self.folder, address(self.space), fault)

    def endpoint(self) -> Endpoint:
        """Return which versions answer now; UnavailableError when the endpoint is not up."""
        from mlray.coordinator.release import client

        with client(self.space, "coordinator") as http:
            return http.endpoint()[0]

    def example(self, rows: int = 1) -> dict[str, list[Json]]:
        """Return a few real rows by column, as a request would bring them; at most two."""
        from mlray.coordinator.artifact import artifact_of

        whole = artifact_of(self.space, self.model()).example
        return {name: list(values[:rows]) for name, values in whole.items()}

    def how_to_call(self) -> str:
        """Return the commands that call the endpoint and end it, ready to be pasted into a shell."""
        import json
        from shlex import quote

        from mlray.coordinator.on_http import tensors
        from mlray.coordinator.release import address

        body = json.dumps({"inputs": tensors(self.example())})
        key = self.space.folder("keys") / "client.key"
        return (
            f"The endpoint stays up. Call it:\n\n  curl -s {address(self.space)}/v2/models/{self.spec.project}/infer"
            f' -H "Authorization: Bearer $(cat {quote(str(key))})" -H "Content-Type: application/json"'
            f" -d {quote(body)}\n\nEnd it:\n\n  {self._command('stop')}\n"
        )

    def decide(self, now: datetime | None = None) -> list[Decision]:
        """Let the coordinator look once: everything that is due now is decided, written down and done.

        Raises:
            InputError: `now` has no time zone.
        """
        now = _aware(now, "now")
        head = self.space.journal.head()
        self._serve(kept=True)
        self._actors().call(self._coordinator().tick.remote(now or self._clock.now()))
        new = self.space.journal.entries(after=head.seq if head else 0)
        return decisions_in(of_project(new, self.spec.project))

    def run(
        self,
        *,
        keep: bool = False,
        fault: tuple[int, str] | None = None,
        until: datetime | None = None,
        narrator: Narrator | None = None,
    ) -> RunResult:
        """Live the whole life of a model: gather, train, release, replay the live part, watch, decide, tell.

        Args:
            keep: leave the endpoint and Ray up afterwards.
            fault: break the n-th retraining's candidate on purpose, such as `(2, "inverted_labels")`.
            until: end the replay early.
            narrator: hears how far it is.

        Raises:
            SpecError: the project names no part of the past to replay.
            Refusal: nothing could go live, see the message; or no first model came of it.
            UnavailableError: another run, or what an earlier one left up, has the workspace.
            InputError: `until` has no time zone.
        """
        from mlray.project._run import run

        until = _aware(until, "until")
        return run(self, keep=keep, fault=fault, until=until, narrator=narrator)

    # -- looking ----------------------------------------------------------------------------------------------------

    def _state(self) -> State:
        return fold(self._own())

    def _past(self) -> Past:
        return past(self._own())

    def _own(self) -> list[Entry]:
        return of_project(self.space.journal.entries(), self.spec.project)

    def status(self) -> dict[str, Json]:
        """Return where the project stands: data, models, endpoint, what is under way."""
        return status(self.space, self._state())

    def cost(self, now: datetime | None = None) -> dict[str, Json]:
        """Return the price of a retraining, the budget's state, and every spend so far."""
        return cost(self.space, now or self._last_moment())

    def _last_moment(self) -> datetime:
        """Return the journal's newest moment, which on a simulated clock is not today's."""
        head = self.space.journal.head()
        return head.at if head else self._clock.now()
