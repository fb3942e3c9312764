"""A project's sweeps: begun, taken up again, and looked at."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from mlray.clock import parse_duration
from mlray.coordinator.rows import quiet
from mlray.errors import InputError, OverBudget
from mlray.ports import Progress
from mlray.project._crawled import Crawled
from mlray.records import DatasetVersion, Experiment, Spend

if TYPE_CHECKING:
    from mlray.project.sweeps import Sight

__all__ = ["Swept"]


class Swept(Crawled):
    """What a project does with sweeps alone; `train` makes a model of one."""

    def dataset(self, number: int | None = None) -> DatasetVersion:
        """Return a dataset version, the newest by default."""
        raise NotImplementedError

    @property
    def sweeps_folder(self) -> Path:
        """Where the journals of the workspace's sweeps lie."""
        return self.space.folder("sweeps")

    def sweeps(self) -> tuple["Sight", ...]:
        """Return the sweeps of this workspace, the newest first: those that run, have ended, or were interrupted."""
        from mlray.project.sweeps import sights

        return sights(self.sweeps_folder)

    def sweep(
        self,
        trials: int | None = None,
        *,
        time: str | None = None,
        budget: Decimal | str | None = None,
        resume: str | None = None,
        progress: Progress = quiet,
    ) -> Experiment:
        """Search for the best configuration on the project's newest rows; nothing is judged or registered.

        Args:
            trials: Configurations to try; the project's by default.
            time: How long at most, such as `10 minutes`; the project's by default.
            budget: Money at most, such as `2 USD`; the project's by default.
            resume: A sweep of this project that is taken up where it ended, on the rows that it began with.
            progress: Hears how far it is.

        Raises:
            OverBudget: the project's budget has not enough left, or the sweep's own was gone before any score.
            InputError: every trial failed, or the sweep to resume was not one over this project's rows.
        """
        from mlray.coordinator.sweeps import Asked, spent, sweep
        from mlray.costs import release, settle

        seconds, money = _seconds(time), _money(budget)
        if resume is None:
            asked = Asked(self.dataset(), trials, seconds, money)
        else:
            path, dataset, before = self._interrupted(resume)
            asked = Asked(dataset, trials or before, seconds, money, path)
        now = self._clock.now()
        journal = self.sweeps_folder / f"{asked.name}.jsonl"
        works = self._works(asked.name)
        key = f"sweep-work:{asked.name}:{len(works) + 1}"
        past = spent(journal)  # by whoever ran it before, who has paid it
        self._reserve(key, now)
        try:
            self.connect()
            experiment = sweep(self.space, asked, progress=progress)
        except BaseException as error:
            told = spent(journal)
            if told == past:
                because = f"the sweep did not end: {type(error).__name__}"
                release(self.space.journal, key, because=because, at=now)
            else:
                self._settle_the_killed(works, past, now)
                settle(self.space.journal, key, self._spend(past, told, now))
            raise
        self._settle_the_killed(works, past, now)
        settle(self.space.journal, key, self._spend(past, (spent(journal)[0], experiment.spend), now))
        return experiment

    def _works(self, name: str) -> Mapping[str, Spend | None]:
        """Return what was promised for the sweep so far: work → what it cost, None where nobody has said."""
        from mlray.costs.budget import PROMISE, RELEASE, SPEND

        prefix = f"sweep-work:{name}:"
        works: dict[str, Spend | None] = {}
        nothing = Spend("", self.spec.project, "sweep", Decimal(0), "USD", self._clock.now(), 0.0, {})
        for entry in self.space.journal.entries(subject=self.spec.project):
            work = str(entry.data.get("work", ""))
            if not work.startswith(prefix):
                continue
            if entry.kind == PROMISE:
                works.setdefault(work, None)
            elif entry.kind == RELEASE:
                works[work] = nothing
            elif entry.kind == SPEND:
                works[work] = Spend.from_json({key: value for key, value in entry.data.items() if key != "work"})
        return works

    def _settle_the_killed(self, works: Mapping[str, Spend | None], past: tuple[float, Decimal], now: datetime) -> None:
        """Pay for what earlier processes of the sweep did up to `past` and were killed before they could settle."""
        from mlray.costs import settle

        paid = [spend for spend in works.values() if spend is not None]
        before = (sum(spend.seconds for spend in paid), sum((spend.amount for spend in paid), Decimal(0)))
        for work in [work for work, spend in works.items() if spend is None]:
            settle(self.space.journal, work, self._spend(before, past, now))
            before = past

    def _interrupted(self, name: str) -> tuple[Path, DatasetVersion, int]:
        """Return the journal of a sweep over this project's rows, the version it began with, and its trials."""
        from mlray.experiments import read
        from mlray.project.sweeps import find

        path = find(self.sweeps_folder, name)
        plan = read(path).plan
        table, _, number = plan.dataset.partition("@v")
        if table != self.spec.data.table or not number.isdecimal():
            raise InputError(
                f"The sweep {plan.name} was not one over the rows of {self.spec.project}.",
                remedy=f"Call mlray.sweep(…, resume='{plan.name}') with what it was called with.",
            )
        return path, self.dataset(int(number)), plan.trials

    def _reserve(self, key: str, now: datetime) -> None:
        from mlray.coordinator.evidence import money
        from mlray.costs import reserve

        price, _ = money(self.space, now)
        spec, journal = self.spec, self.space.journal
        admission = reserve(journal, key, price, spec=spec.costs.budget, scope=spec.project, purpose="sweep", now=now)
        if not admission.admitted:
            raise OverBudget(
                f"The sweep was not started: {admission.because}.", remedy="`mlray cost` shows the budget."
            )

    def _spend(self, past: tuple[float, Decimal], told: tuple[float, Decimal], now: datetime) -> Spend:
        """Return what was spent since: each a sum of lane seconds, and one of USD."""
        seconds, amount = told[0] - past[0], told[1] - past[1]
        tenant, threads = self.spec.access.tenants[0], float(self.spec.model.threads)
        return Spend(tenant, self.spec.project, "sweep", amount, "USD", now, seconds, {"CPU": threads})


def _seconds(time: str | None) -> float | None:
    if time is None:
        return None
    try:
        found = parse_duration(time).total_seconds()
    except (ValueError, OverflowError) as error:
        raise InputError(f"time: {error}.", remedy="Write a number and a unit, such as '10 minutes'.") from error
    if found <= 0:
        raise InputError(f"time is '{time}': nothing can be tried in no time.", remedy="Leave it out for no limit.")
    return found


def _money(budget: Decimal | str | None) -> Decimal | None:
    if budget is None:
        return None
    try:
        found = Decimal(str(budget).strip().removesuffix("USD").strip())
    except InvalidOperation:
        found = Decimal(0)
    if not found.is_finite() or found <= 0:
        raise InputError(f"budget is '{budget}', not an amount of money.", remedy="Write an amount such as '2 USD'.")
    return found
