"""What the journal of a sweep tells: its lines as facts, and the same sweep asked over again."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mlray.errors import JournalError
from mlray.experiments._plan import Plan
from mlray.experiments._search import Search
from mlray.experiments._space import Configuration
from mlray.ids import Json
from mlray.records import Trial

__all__ = [
    "Difference",
    "History",
    "Replay",
    "asked_line",
    "head_line",
    "history_of",
    "replayed",
    "trial_line",
    "trials_of",
    "walk",
]

FORMAT = 1
"""Of the lines; a journal of another one is refused."""

_LONGEST_ERROR = 400


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a sweep that ran before."""

    plan: Plan
    model: Mapping[str, Json]
    """What a person asked to be searched."""
    trials: tuple[Trial, ...]
    """In the order in which they ended."""
    asked: tuple[tuple[int, int], ...]
    """For each number that was asked for, in that order: the number, and how many results were known by then."""
    spent_seconds: float
    """Lane seconds, those of trials that never ended included as far as they are known."""
    seconds: float
    """How long it ran, as far as is known."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay left the journal."""

    number: int
    recorded: Configuration
    asked: Configuration | None

    def __str__(self) -> str:
        """Return one sentence for a person."""
        asked = "nothing" if self.asked is None else f"{self.asked.trainer} {dict(self.asked.params)}"
        return f"Trial {self.number} was {self.recorded.trainer} {dict(self.recorded.params)}, and is now {asked}."


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of asking a search for a whole sweep again."""

    asked: int
    """How many configurations were compared."""
    first_difference: Difference | None

    @property
    def same(self) -> bool:
        """Whether every trial was asked for again, in the same order and with the same parameters."""
        return self.first_difference is None


def head_line(plan: Plan, model: Mapping[str, Json]) -> bytes:
    """Return the line that says what the sweep is."""
    return _line({"mlray_sweep": FORMAT, "plan": plan.to_json(), "model": model})


def asked_line(numbers: Sequence[int], lane: str, spent_seconds: float, now: float) -> bytes:
    """Return the line that says that `lane` was given `numbers`."""
    return _line({"asked": list(numbers), "lane": lane, "spent_s": round(spent_seconds, 3), "at": round(now, 3)})


def trial_line(trial: Trial, spent_seconds: float, now: float) -> bytes:
    """Return the line that says what came of a configuration; what is empty is left out."""
    fields: dict[str, Any] = {
        "n": trial.number,
        "trainer": trial.trainer,
        "params": dict(trial.params),
        "score": trial.score,
        "rounds": trial.rounds,
        "state": trial.state,
        "seed": trial.seed,
        "after": trial.asked_after,
        "s": trial.seconds,
        "cpu_s": trial.cpu_seconds,
        "usd": str(trial.cost) if trial.cost else None,
        "lane": trial.lane,
        "objectives": dict(trial.objectives),
        "curve": trial.curve,
        "error": trial.error[:_LONGEST_ERROR],
        "spent_s": round(spent_seconds, 3),
        "at": round(now, 3),
    }
    return _line({key: value for key, value in fields.items() if value not in (None, "", {}, ())})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:  # noqa: ANN401 (what a searcher of somebody else proposes may be a number of numpy)
    return value.item() if hasattr(value, "item") else str(value)


def trial_of(fields: Mapping[str, Any]) -> Trial:
    """Return the trial of a line."""
    return Trial(
        number=fields["n"],
        trainer=fields["trainer"],
        params=fields.get("params", {}),
        score=fields.get("score"),
        rounds=fields["rounds"],
        seconds=fields["s"],
        state=fields["state"],
        error=fields.get("error", ""),
        seed=fields["seed"],
        asked_after=fields["after"],
        curve=tuple((rounds, score) for rounds, score in fields.get("curve", ())),
        cpu_seconds=fields["cpu_s"],
        cost=Decimal(fields.get("usd", "0")),
        lane=fields.get("lane", ""),
        objectives=fields.get("objectives", {}),
    )


def trials_of(lines: Iterable[bytes]) -> Iterator[Trial]:
    """Return the trials among `lines`, in their order; a torn line is passed over."""
    for line in lines:
        fields = _fields(line)
        if fields is not None and "n" in fields:
            yield trial_of(fields)


def history_of(lines: Iterable[bytes], where: str) -> tuple[History, int]:
    """Return what the `lines` of a journal tell, and how many bytes of it are whole: a crash tears the end.

    Raises:
        JournalError: it is not the journal of a sweep, or a line in the middle is damaged; `where` names the file.
    """
    head: Mapping[str, Any] | None = None
    trials: dict[int, Trial] = {}
    asked: list[tuple[int, int]] = []
    spent = seconds = 0.0
    whole = torn = 0
    for place, line in enumerate(lines, start=1):
        fields = _fields(line)
        if fields is None:
            torn = torn or place
            continue
        if torn:
            raise JournalError(
                f"{where}: line {torn} is damaged, and others come after it.",
                remedy="It was changed by hand, or its disk is failing; begin a new sweep, which learns from this one.",
            )
        whole += len(line)
        if head is None:
            head = _head(fields, where)
            continue
        spent, seconds = fields["spent_s"], fields["at"]
        if "asked" in fields:
            asked += [(number, len(trials)) for number in fields["asked"]]
        elif fields["n"] not in trials:
            trials[fields["n"]] = trial_of(fields)
    if head is None:
        raise JournalError(
            f"{where} is not the journal of a sweep.", remedy="`mlray sweep list` names those there are."
        )
    plan = Plan.from_json(head["plan"])
    return History(plan, head["model"], tuple(trials.values()), tuple(asked), spent, seconds), whole


def _fields(line: bytes) -> Mapping[str, Any] | None:
    """Return what one whole line holds; None for a torn one, which has no end or is no JSON."""
    if not line.endswith(b"\n"):
        return None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _head(fields: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if fields.get("mlray_sweep") != FORMAT:
        raise JournalError(
            f"{where} begins with {str(fields)[:60]}, which is not the head of a sweep's journal of format {FORMAT}.",
            remedy="Use the release of mlray that wrote it.",
        )
    return fields


def walk(history: History, search: Search) -> Iterator[tuple[int, Configuration | None]]:
    """Ask `search` for every number that was asked for, each when the same results are known, and tell it all."""
    told = 0
    for number, after in history.asked:
        for trial in history.trials[told:after]:
            search.tell(trial)
        told = max(told, after)
        yield number, search.ask(number)
    for trial in history.trials[told:]:
        search.tell(trial)


def replayed(history: History, search: Search) -> Replay:
    """Ask `search`, made anew as the sweep's was, for the same sweep, and return where it first differs."""
    recorded = {trial.number: Configuration(trial.trainer, trial.params) for trial in history.trials}
    compared = 0
    for number, configuration in walk(history, search):
        if number not in recorded:
            continue
        if configuration != recorded[number]:
            return Replay(compared, Difference(number, recorded[number], configuration))
        compared += 1
    return Replay(compared, None)
