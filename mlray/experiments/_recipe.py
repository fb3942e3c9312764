"""How the search of a sweep is made: written into its journal, so that it can be made again and replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from mlray.errors import InputError, SpecError
from mlray.experiments._portfolio import first_configurations
from mlray.experiments._search import First, Grid, Random, Search
from mlray.experiments._space import Configuration, Space, space_of, spaces
from mlray.ids import Json
from mlray.plugins import load
from mlray.records import Record, Trial
from mlray.spec import Model

__all__ = ["Planned", "Recipe"]


@dataclass(frozen=True, slots=True)
class Planned(Record):
    """A configuration that is tried before anything is searched."""

    trainer: str
    params: Mapping[str, float | int | str | bool | None]


@dataclass(frozen=True, slots=True)
class Recipe(Record):
    """What a search is made of.

    >>> asked = Model(trainers={"mine": {"rate": (0.1, 1.0)}})
    >>> recipe = Recipe(asked.model_dump(mode="json"), 0, higher=True, free=True)
    >>> Recipe.from_json(recipe.to_json()) == recipe
    True
    """

    model: Mapping[str, Json]
    """The section `model` that was asked for, as JSON."""
    seed: int
    higher: bool
    """Whether a higher score is better."""
    first: tuple[Planned, ...] = ()
    """Strong configurations and those of earlier sweeps: they change as sweeps are added, so they are written down."""
    free: bool = False
    """Whether the parameters are those of a user's function, which nobody but the user knows."""
    grid: tuple[str, ...] = ()
    """Parameters whose every combination is tried, others at random."""
    own: str = ""
    """The class of a search that the caller brought: nobody else can make it again."""

    @classmethod
    def of(
        cls,
        model: Model,
        *,
        seed: int,
        higher: bool,
        trials: int,
        warm: Sequence[Trial] = (),
        task: str = "binary",
        rows: int | None = None,
        own: str = "",
    ) -> "Recipe":
        """Return the recipe for a sweep of `model`: the portfolio, then `warm`, then what `model.searcher` says."""
        first = () if own else first_configurations(model, trials, warm, task=task, rows=rows)
        planned = tuple(Planned(each.trainer, dict(each.params)) for each in first)
        return cls(model.model_dump(mode="json", exclude_defaults=True), seed, higher, planned, own=own)

    def spaces(self) -> tuple[Space, ...]:
        """Return what is searched; SpecError where the spaces are wrong."""
        model = Model.model_validate(self.model)
        if not self.free:
            return spaces(model)
        return tuple(space_of(name, domains) for name, domains in model.trainers.items())

    def search(self) -> Search:
        """Return the search, made anew.

        Raises:
            InputError: the caller's own search asked for this sweep, which cannot be made again from a file.
            SpecError: the searcher cannot be imported, or the spaces are wrong.
        """
        if self.own:
            raise InputError(
                f"The sweep was asked by a search of its caller, {self.own}, which its journal cannot make again.",
                remedy="Call mlray.sweep(…, search=…, resume=…) in Python.",
            )
        model, found = Model.model_validate(self.model), self.spaces()
        if self.grid:
            return Grid(found[0], self.grid, self.seed)
        first = [Configuration(each.trainer, dict(each.params)) for each in self.first]
        return First(first, _searcher(model, found, self.seed, higher=self.higher))


def _searcher(model: Model, found: tuple[Space, ...], seed: int, *, higher: bool) -> Search:
    if model.searcher == "random":
        return Random(found, seed)
    if model.searcher != "tpe":
        return _plugged(model.searcher, found, seed, higher=higher)
    from mlray.experiments.on_optuna import Optuna

    directions: dict[str, Literal["maximize", "minimize"]] = {
        name: "maximize" if name == "score" and higher else "minimize" for name in model.objectives
    }
    return Optuna(found, seed, directions)


def _plugged(path: str, found: tuple[Space, ...], seed: int, *, higher: bool) -> Search:
    """Return the search at an import path: made from spaces and seed, or one of Ray Tune's searchers."""
    try:
        kind = cast("Any", load("searches", path))
    except InputError as error:
        raise SpecError([f"searcher: {error.problem}"], remedy=error.remedy) from error
    if hasattr(kind, "suggest") and hasattr(kind, "on_trial_complete"):
        from mlray.experiments.tune.on_ray import Tuned

        return Tuned(kind() if isinstance(kind, type) else kind, found, seed=seed, higher=higher)
    made = kind(found, seed) if callable(kind) else kind
    if not (hasattr(made, "ask") and hasattr(made, "tell")):
        raise SpecError(
            [f"searcher: '{path}' makes a {type(made).__name__}, which has no ask and tell."],
            remedy="Write a class that takes (spaces, seed) and has them, or name one of ray.tune.search.",
        )
    return cast("Search", made)
