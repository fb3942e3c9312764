"""The section `model`: what is searched and by what, how a sweep ends, and what a lane of it is made of."""

from collections.abc import Iterator, Mapping
from re import fullmatch
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationInfo, model_validator

from mlray.clock import parse_duration
from mlray.spec._forms import Domain, Duration, Money, Part, Wrong, complain
from mlray.spec._words import closest

__all__ = ["BINARY_METRICS", "CLASSES", "ClassWeights", "Metric", "Model", "Objective"]

Metric = Literal["auc", "accuracy", "log_loss", "brier", "rmse", "mae", "r2", "ndcg", "map"]
BINARY_METRICS: tuple[Metric, ...] = ("auc", "accuracy", "log_loss", "brier")
"""What a question with the answers true and false is judged by, as every project's is; the others are for sweeps that
are called from Python."""
Objective = Literal["score", "latency", "cost"]

_UNBOUNDED = ("log_loss", "rmse", "mae")
_SEARCHERS = ("tpe", "random")
_CLASS_WORDS = {"false": 0, "true": 1}
CLASSES = (*_CLASS_WORDS, "0", "1")
"""How the two classes of a project may be written."""


def _weights_kind(value: object) -> str:
    """Tell which form was meant, so that one mistake gives one message."""
    return "each" if isinstance(value, Mapping) else "word"


_Weight = Annotated[float, Field(gt=0)]
ClassWeights = Annotated[
    Annotated[Literal["balanced"], Tag("word")] | Annotated[dict[str, _Weight], Field(min_length=1), Tag("each")],
    Discriminator(_weights_kind),
]


class Model(Part):
    """What is trained, on how much, and what would be good enough."""

    metric: Metric = "auc"
    """What trials are compared by: `auc` and `accuracy` are better high, `log_loss` and `brier` low."""
    goal: float | None = None
    """The score that would make the project worth while."""
    trainers: dict[str, dict[str, Domain]] = Field(default={"xgboost": {}}, min_length=1)
    """Trainer → parameter → range; parameters left out keep good defaults."""
    searcher: str = "tpe"
    """What asks for configurations: `tpe`, `random`, or the import path `package.module:Name` of a search of yours."""
    trials: int = Field(default=12, ge=1, le=100_000)
    """Configurations that a sweep tries."""
    retrain_trials: int = Field(default=4, ge=1, le=100_000)
    """Trials of a later sweep, which starts from the best configurations known."""
    time: Duration | None = None
    """How long a sweep may take; it then keeps the best so far."""
    budget: Annotated[Money, Field(gt=0)] | None = None
    """What one sweep may spend, counted by the seconds of its lanes; within `costs.budget`, never beyond it."""
    plateau: float | None = Field(default=None, gt=0)
    """Ends a sweep when the improvement of the best score that is still to be expected falls below this."""
    objectives: tuple[Objective, ...] = Field(default=("score",), min_length=1)
    """What is searched for: the score, and besides it the latency of an answer or the cost of training."""
    ensemble: bool = True
    """Whether a weighted mean of the best trials is judged as one more candidate."""
    class_weights: ClassWeights | None = None
    """`balanced`, or class → weight, such as `{false: 1, true: 5}`; without it every row counts the same."""
    folds: int | None = Field(default=None, ge=2, le=50)
    """Parts of a cross-validation; without it the rows before the holdout choose the best trial."""
    split: Literal["time", "random"] = "time"
    """How folds are cut: `time` never learns from rows later than those it is judged by."""
    sweep_rows: int = Field(default=60_000, ge=100)
    """Rows that a sweep learns from, drawn at random where there are more; the winner then learns from all."""
    rounds: int = Field(default=120, ge=1, le=100_000)
    """Boosting rounds at most; poor trials are stopped earlier."""
    threads: int = Field(default=1, ge=1, le=1_024)
    """CPU threads of each lane."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where boosting runs."""
    gpus: float | None = Field(default=None, ge=0)
    """GPUs of each lane, or a fraction of one; without it one where the device is `cuda`, else none."""
    keep_lanes: Duration = "10 minutes"
    """How long lanes stay warm for the next sweep of this workspace."""
    window: Duration = "90 days"
    """How far back training looks."""
    holdout: Duration = "14 days"
    """The newest rows: they judge, and are learnt from only after the gates."""
    seed: int = 0
    """The same seed and data give the same trials."""

    @property
    def gpus_per_lane(self) -> float:
        """How many GPUs, or what fraction of one, each lane holds."""
        return self.gpus if self.gpus is not None else float(self.device == "cuda")

    @property
    def seconds(self) -> float | None:
        """`time` in seconds; None where a sweep may take as long as it needs."""
        return parse_duration(self.time).total_seconds() if self.time is not None else None

    @property
    def weight_of_class(self) -> Mapping[int, float] | Literal["balanced"] | None:
        """`class_weights` by the number of the class: `false` is 0, `true` is 1."""
        if self.class_weights is None or self.class_weights == "balanced":
            return self.class_weights
        return {_class(name): weight for name, weight in self.class_weights.items()}

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        yield from self._goal()
        yield from self._search()
        yield from self._lanes()
        if 2 * parse_duration(self.holdout) >= parse_duration(self.window):
            # Told about the key that stands in the file: the other one may be left to its default.
            at = "holdout" if "holdout" in self.model_fields_set else "window"
            yield (
                (at,),
                getattr(self, at),
                f"nothing of the window of {self.window} would be left to learn from: a holdout of {self.holdout}"
                " judges, and as much before it chooses the best trial",
            )

    def _goal(self) -> Iterator[Wrong]:
        if self.goal is None:
            return
        low = float("-inf") if self.metric == "r2" else 0
        high = float("inf") if self.metric in _UNBOUNDED else 1
        if not low <= self.goal <= high:
            told = f"between 0 and {'infinity' if self.metric in _UNBOUNDED else 1}" if low == 0 else "at or below 1"
            yield ("goal",), self.goal, f"{self.metric} lies {told}"

    def _search(self) -> Iterator[Wrong]:
        if self.time is not None and not self.seconds:
            yield ("time",), self.time, "nothing can be tried in no time; leave it out for no limit"
        if self.searcher not in _SEARCHERS and not fullmatch(r"[\w.]+:\w+", self.searcher):
            near = closest(self.searcher, _SEARCHERS)
            hint = f"did you mean '{near}'?" if near else "write tpe, random or an import path package.module:Name"
            yield ("searcher",), self.searcher, f"nothing is known that searches by that name; {hint}"
        for position, name in enumerate(self.objectives):
            if name in self.objectives[:position]:
                yield ("objectives", position), name, "it is named twice"
        if "score" not in self.objectives:
            yield ("objectives",), self.objectives, "'score' is one of them always: gates judge models by it"
        yield from self._classes()

    def _classes(self) -> Iterator[Wrong]:
        seen: dict[int, str] = {}
        for name in self.class_weights if isinstance(self.class_weights, Mapping) else ():
            if name not in _CLASS_WORDS and not name.isdecimal():
                yield ("class_weights", name), name, "a class is written false or true, or as its number"
            elif (same := seen.setdefault(_class(name), name)) != name:
                yield ("class_weights", name), name, f"'{same}' is the same class"

    def _lanes(self) -> Iterator[Wrong]:
        gpus = self.gpus_per_lane
        if gpus > 1 and gpus != int(gpus):
            yield ("gpus",), self.gpus, "a fraction is of one GPU: write at most 1, or a whole number"
        if self.device == "cuda" and not gpus:
            yield ("gpus",), self.gpus, "a lane with device cuda holds a GPU, or a fraction of one, such as 0.25"
        if "split" in self.model_fields_set and self.split == "random" and self.folds is None:
            yield ("split",), self.split, "only folds are cut at random; say how many with model.folds"


def _class(name: str) -> int:
    return _CLASS_WORDS[name] if name in _CLASS_WORDS else int(name)
